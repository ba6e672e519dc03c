import ByteIO
import Checkpoints
import Tensors

/// A checkpoint made in code.
final class MemoryCheckpoint: Checkpoint {
    let index: CheckpointIndex
    private let payloads: [[UInt8]]

    init(_ tensors: [(TensorInfo, [UInt8])], metadata: Metadata = Metadata(), optimizer: OptimizerState? = nil) {
        index = CheckpointIndex(tensors: tensors.map(\.0), metadata: metadata, optimizer: optimizer)
        payloads = tensors.map(\.1)
    }

    func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes {
        ExtentBytes(TensorExtent(source: MemorySource(payloads[position]), offset: 0, count: payloads[position].count))
    }
}

/// A tensor of float64 values stored as `dtype`.
func tensor(_ name: String, _ sizes: [Int], _ values: [Double], as dtype: DType = .float32) throws -> (TensorInfo, [UInt8]) {
    let info = try TensorInfo(name: name, dtype: dtype, sizes: sizes)
    precondition(info.shape.elementCount == values.count)
    var bytes: [UInt8] = []
    for value in values { unsafe withUnsafeBytes(of: value.bitPattern.littleEndian) { unsafe bytes.append(contentsOf: $0) } }
    guard let cast = ElementCast(from: .float64, to: dtype) else { return (info, bytes) }
    return (info, cast.convert(bytes).bytes)
}
