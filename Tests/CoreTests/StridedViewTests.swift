import Tensors
import Testing

@Suite("Strided elements are packed in order") struct StridedViewTests {
    /// Packs `range` by the textbook: index by index.
    private func naive(_ sizes: [Int], _ strides: [Int], _ range: Range<Int>, _ size: Int, _ block: [UInt8]) -> [UInt8] {
        range.flatMap { index -> [UInt8] in
            var rest = index, position = 0
            for axis in sizes.indices.reversed() {
                position += rest % sizes[axis] * strides[axis]
                rest /= sizes[axis]
            }
            return Array(block[position * size..<(position + 1) * size])
        }
    }

    private func packed(_ view: StridedView, _ range: Range<Int>, _ block: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0xEE, count: range.count * view.elementSize)
        unsafe out.withUnsafeMutableBytes { raw in
            var target = unsafe raw.mutableBytes
            unsafe view.pack(range, of: block.span.bytes, into: &target)
        }
        return out
    }

    @Test("any run of any view, at every element size, is what indexing one by one gives", arguments: [
        (sizes: [37, 70], strides: [1, 37]), ([70, 37], [37, 1]), ([5, 6, 7], [1, 5, 30]), ([5, 6, 7], [7, 35, 1]), ([40, 3, 50], [1, 2000, 40]),
        ([2, 3, 4, 5], [1, 2, 6, 24]), ([1, 9, 1, 4], [1, 1, 9, 9]), ([6, 5], [0, 1]), ([6, 5], [1, 0]), ([4, 4], [1, 1]), ([9], [3]), ([], []), ([0, 3], [1, 1]),
    ])
    func gathers(sizes: [Int], strides: [Int]) throws {
        let shape = try Shape(sizes)
        for size in [1, 2, 4, 8, 16] {
            let view = try StridedView(shape, strides: strides, elementSize: size)
            let block = (0..<view.span * size).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
            let count = shape.elementCount
            for range in [0..<count, count / 3..<count, 0..<count * 2 / 3, count / 7..<count * 6 / 7, count / 2..<count / 2] {
                #expect(packed(view, range, block) == naive(sizes, strides, range, size, block), "\(range) of \(sizes) by \(strides), \(size) bytes")
            }
        }
    }

    @Test("Fortran order is the transposed shape, row by row")
    func fortran() throws {
        let view = try StridedView.fortran(Shape([2, 3]), elementSize: 1)
        #expect(packed(view, 0..<6, [1, 4, 2, 5, 3, 6]) == [1, 2, 3, 4, 5, 6])
        #expect(try StridedView.fortran(Shape([1, 5, 1]), elementSize: 4).isPacked)
        #expect(try !StridedView.fortran(Shape([2, 5]), elementSize: 4).isPacked)
    }

    @Test("a view that reaches beyond what can be addressed, or that does not fit its shape, is refused")
    func refused() throws {
        #expect(throws: TensorError.self) { try StridedView(Shape([3, 3]), strides: [.max / 2, 1], elementSize: 4) }
        #expect(throws: TensorError.self) { try StridedView(Shape([3]), strides: [-1], elementSize: 4) }
        #expect(throws: TensorError.self) { try StridedView(Shape([3]), strides: [1, 1], elementSize: 4) }
        #expect(throws: TensorError.self) { try StridedView(Shape([3]), strides: [1], elementSize: 3) }
    }

    @Test("byte order is turned round unit by unit", arguments: [1, 2, 4, 8])
    func swaps(unit: Int) {
        let bytes = (0..<48).map { UInt8($0) }
        var turned = bytes
        unsafe turned.withUnsafeMutableBytes { raw in
            var span = unsafe raw.mutableBytes
            swapByteOrder(of: &span, unit: unit)
        }
        var expected: [UInt8] = []
        for start in stride(from: 0, to: 48, by: unit) { expected += bytes[start..<start + unit].reversed() }
        #expect(turned == expected)
    }
}
