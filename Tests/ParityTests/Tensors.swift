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
