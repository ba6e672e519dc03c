import TestSupport
import Tensors

/// A tensor of float64 values stored as `dtype`.
func tensor(_ name: String, _ sizes: [Int], _ values: [Double], as dtype: DType = .float32) throws -> MemoryTensor {
    let info = try TensorInfo(name: name, dtype: dtype, sizes: sizes)
    precondition(info.shape.elementCount == values.count)
    var bytes: [UInt8] = []
    for value in values { unsafe withUnsafeBytes(of: value.bitPattern.littleEndian) { unsafe bytes.append(contentsOf: $0) } }
    guard let cast = ElementCast(from: .float64, to: dtype) else { return MemoryTensor(info, bytes) }
    return MemoryTensor(info, cast.convert(bytes).bytes)
}

/// The values after a round trip through `dtype`.
func rounded(_ values: [Double], to dtype: DType) -> [Double] {
    guard let there = ElementCast(from: .float64, to: dtype), let back = ElementCast(from: dtype, to: .float64) else { return values }
    var bytes: [UInt8] = []
    for value in values { unsafe withUnsafeBytes(of: value.bitPattern.littleEndian) { unsafe bytes.append(contentsOf: $0) } }
    let wide = back.convert(there.convert(bytes).bytes).bytes
    return values.indices.map { i in
        Double(bitPattern: (0..<8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(wide[8 * i + $1]) })
    }
}
