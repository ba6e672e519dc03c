/// A tensor whose elements lie at strides in a block: Fortran order, a transposed matrix, a view that repeats its elements.
///
/// `pack` writes any run of its row-major elements one after another. Where the last axis strides, it goes tile by tile, so that each cache
/// line of the block is used whole.
public struct StridedView: Sendable, Hashable {
    public let shape: Shape
    /// The size of an element in bytes: 1, 2, 4, 8 or 16.
    public let elementSize: Int
    /// The elements of the block that the view can touch: one more than the last index, 0 for an empty view.
    public let span: Int
    /// The axes that matter, slowest first: those of one element are left out, and neighbours that go on in one another are one.
    private let axes: [Axis]

    private struct Axis: Sendable, Hashable { var size: Int, stride: Int }

    /// - Parameter strides: in elements, none negative; 0 repeats.
    public init(_ shape: Shape, strides: [Int], elementSize: Int) throws(TensorError) {
        guard strides.count == shape.rank, strides.allSatisfy({ $0 >= 0 }) else {
            throw TensorError("strides \(Shape.text(strides)) do not fit shape \(shape)")
        }
        guard [1, 2, 4, 8, 16].contains(elementSize) else { throw TensorError("no element has \(elementSize) bytes") }
        var last = 0
        for (size, stride) in zip(shape.sizes, strides) where shape.elementCount > 0 {
            let (far, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
            let (sum, overflow2) = last.addingReportingOverflow(far)
            guard !overflow, !overflow2, sum < Int.max / 16 else { throw TensorError("shape \(shape) with strides \(Shape.text(strides)) reaches beyond 2^63") }
            last = sum
        }
        var axes: [Axis] = []
        for (size, stride) in zip(shape.sizes, strides) where size != 1 {
            if let outer = axes.last, outer.stride == size * stride, shape.elementCount > 0 {
                axes[axes.count - 1] = Axis(size: outer.size * size, stride: stride)
            } else {
                axes.append(Axis(size: size, stride: stride))
            }
        }
        self.shape = shape
        self.elementSize = elementSize
        self.span = shape.elementCount > 0 ? last + 1 : 0
        self.axes = axes
    }

    /// A tensor of `shape` in Fortran order: its first axis runs fastest.
    public static func fortran(_ shape: Shape, elementSize: Int) throws(TensorError) -> StridedView {
        var strides: [Int] = [], step = 1
        for size in shape.sizes {
            strides.append(step)
            step *= max(size, 1)  // the product fits: Shape has proved it
        }
        return try StridedView(shape, strides: strides, elementSize: elementSize)
    }

    /// Whether the elements already lie row-major, without a gap.
    public var isPacked: Bool { axes.isEmpty || axes.count == 1 && axes[0].stride == 1 }

    /// Writes the row-major elements `range` of the view over `block` to `target`, from its start.
    ///
    /// The range lies in the view, the block holds `span` elements, the target the range's: anything else is a fault of the caller.
    public func pack(_ range: Range<Int>, of block: RawSpan, into target: inout MutableRawSpan) {
        precondition(range.lowerBound >= 0 && range.upperBound <= shape.elementCount, "elements \(range) outside a view of \(shape.elementCount)")
        precondition(block.byteCount / elementSize >= span, "a block of \(block.byteCount) bytes is too short for the view")
        precondition(target.byteCount / elementSize >= range.count, "a target of \(target.byteCount) bytes is too short for \(range.count) elements")
        guard !range.isEmpty else { return }
        unsafe block.withUnsafeBytes { from in
            unsafe target.withUnsafeMutableBytes { to in
                guard let source = from.baseAddress, let start = to.baseAddress else { return }
                switch elementSize {
                case 1: unsafe pack(range, source, start, UInt8.self)
                case 2: unsafe pack(range, source, start, UInt16.self)
                case 4: unsafe pack(range, source, start, UInt32.self)
                case 8: unsafe pack(range, source, start, UInt64.self)
                default: unsafe pack(range, source, start, SIMD2<UInt64>.self)
                }
            }
        }
    }

    private func pack<T: BitwiseCopyable>(_ range: Range<Int>, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _: T.Type) {
        let tiled = axes.dropLast().indices.min { axes[$0].stride < axes[$1].stride }
        guard let tiled, let inner = axes.last, inner.stride != 1 else { return unsafe packRuns(range, source, target, T.self) }
        // One step along the tiled axis covers `row` elements; `block` of them are one walk over that axis.
        let row = axes[(tiled + 1)...].reduce(1) { $0 * $1.size }
        let block = row * axes[tiled].size
        var at = range.lowerBound
        while at < range.upperBound {
            let blockStart = at / block * block
            let end = min(range.upperBound, blockStart + block)
            let first = (at - blockStart + row - 1) / row, past = (end - blockStart) / row
            guard first < past else {
                unsafe packRuns(at..<end, source, target + (at - range.lowerBound) * MemoryLayout<T>.size, T.self)
                at = end
                continue
            }
            let whole = blockStart + first * row..<blockStart + past * row
            unsafe packRuns(at..<whole.lowerBound, source, target + (at - range.lowerBound) * MemoryLayout<T>.size, T.self)
            for middle in 0..<row / inner.size {
                let index = blockStart + first * row + middle * inner.size
                unsafe packTiles(rows: past - first, rowStep: row, rowStride: axes[tiled].stride, inner,
                                 source + position(of: index) * MemoryLayout<T>.size,
                                 target + (index - range.lowerBound) * MemoryLayout<T>.size, T.self)
            }
            unsafe packRuns(whole.upperBound..<end, source, target + (whole.upperBound - range.lowerBound) * MemoryLayout<T>.size, T.self)
            at = end
        }
    }

    /// rows x inner.size elements: source strides (rowStride, inner.stride), target strides (rowStep, 1).
    private func packTiles<T: BitwiseCopyable>(
        rows: Int, rowStep: Int, rowStride: Int, _ inner: Axis, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _: T.Type
    ) {
        let size = MemoryLayout<T>.size, tile = 64 / size * 2
        for rowTile in stride(from: 0, to: rows, by: tile) {
            for columnTile in stride(from: 0, to: inner.size, by: tile) {
                let columns = columnTile..<min(columnTile + tile, inner.size)
                for row in rowTile..<min(rowTile + tile, rows) {
                    let from = unsafe source + row * rowStride * size, to = unsafe target + row * rowStep * size
                    for column in columns {
                        unsafe (to + column * size).storeBytes(of: (from + column * inner.stride * size).loadUnaligned(as: T.self), as: T.self)
                    }
                }
            }
        }
    }

    /// Run by run along the last axis.
    private func packRuns<T: BitwiseCopyable>(_ range: Range<Int>, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _: T.Type) {
        let size = MemoryLayout<T>.size
        let inner = axes.last ?? Axis(size: 1, stride: 1)
        var at = range.lowerBound
        while at < range.upperBound {
            let count = min(inner.size - at % inner.size, range.upperBound - at)
            let from = unsafe source + position(of: at) * size, to = unsafe target + (at - range.lowerBound) * size
            if inner.stride == 1 {
                unsafe to.copyMemory(from: from, byteCount: count * size)
            } else {
                for column in 0..<count {
                    unsafe (to + column * size).storeBytes(of: (from + column * inner.stride * size).loadUnaligned(as: T.self), as: T.self)
                }
            }
            at += count
        }
    }

    /// The position in the block of the row-major element `index`.
    private func position(of index: Int) -> Int {
        var rest = index, position = 0
        for axis in axes.reversed() {
            position += rest % axis.size * axis.stride
            rest /= axis.size
        }
        return position
    }
}
