public import Checkpoints
public import Dialects
public import MLP
import Architecture
import ByteIO
import Tensors

extension Network {
    /// The network that `recognition` found in `checkpoint`: every parameter read, brought into canonical orientation and cast to `Scalar`.
    ///
    /// float64 holds every value of the other floats exactly; in float32, float64 weights are rounded to nearest. Throws why there is no
    /// network (`networkNeeded`, `unsupported`, …), `mismatch` where a tensor does not fit its parameter, and what reading throws.
    public init(reading checkpoint: any Checkpoint, as recognition: Recognition) throws(CheckpointError) {
        let description = try recognition.requireNetwork()
        do throws(NetworkError) { try self.init(zeros: description) } catch { throw CheckpointError(.limit, error.message) }
        let shapes = Dictionary(uniqueKeysWithValues: description.parameters.map { ($0.name, $0.shape) })
        for binding in recognition.bindings {
            guard let shape = shapes[binding.parameter], checkpoint.index.tensors.indices.contains(binding.tensor) else {
                throw CheckpointError(.mismatch, "\(binding.parameter) is no parameter of this network")
            }
            let info = checkpoint.index.tensors[binding.tensor]
            do throws(CheckpointError) {
                try read(binding, info, shape, from: checkpoint)
            } catch {
                throw error.at(tensor: info.name)
            }
        }
    }

    private mutating func read(_ binding: Binding, _ info: TensorInfo, _ shape: [Int], from checkpoint: any Checkpoint) throws(CheckpointError) {
        // [n] and [1, n] are one bias; of a kernel every axis counts.
        let stored = binding.transposed ? Array(info.shape.sizes.reversed()) : info.shape.sizes
        guard stored == shape || stored.filter({ $0 != 1 }) == shape.filter({ $0 != 1 }) && info.shape.elementCount == shape.reduce(1, *) else {
            throw CheckpointError(.mismatch, "shape \(info.shape) does not fit \(binding.parameter), which has shape \(shape)")
        }
        guard let cast = ElementCast(from: info.dtype, to: Scalar.self == Float.self ? .float32 : .float64) else {
            throw CheckpointError(.mismatch, "\(info.dtype.rawValue) elements are no weights"
                + (info.dtype == .void16 ? ": their meaning is lost; give it back with --read-as '*=bfloat16' or '*=float16'" : ""))
        }
        let count = info.shape.elementCount
        let whole = try ChunkBuffer(checkedCount: info.byteCount)
        var bytes = try checkpoint.bytes(ofTensorAt: binding.tensor)
        if binding.scale != 1 { bytes = try ScaledBytes(of: bytes, info.dtype, by: binding.scale) }
        try bytes.read(at: 0, count: info.byteCount, into: whole, at: 0)
        let packed: ChunkBuffer
        if binding.transposed, info.shape.rank == 2 {
            packed = try ChunkBuffer(checkedCount: info.byteCount)
            let view: StridedView
            do throws(TensorError) {
                view = try StridedView(info.shape.reversed, strides: [1, info.shape.sizes[1]], elementSize: info.dtype.byteCount)
            } catch { throw CheckpointError(.mismatch, error.description) }
            whole.withBytes { block in packed.withMutableBytes { target in view.pack(0..<count, of: block, into: &target) } }
        } else {
            packed = whole
        }
        var report = ElementCast.Report()
        do {
            _ = try update(parameter: binding.parameter) { values in
                packed.withBytes(0..<info.byteCount) { bytes in
                    var raw = unsafe values.mutableBytes
                    cast.convert(bytes, into: &raw, count: count, report: &report)
                }
            }
        } catch { throw CheckpointError(.limit, "\(error)") }
        guard report.overflowed == 0 else {
            throw CheckpointError(.mismatch, "\(grouped(report.overflowed)) values of \(info.dtype.rawValue) are beyond float32; run in float64 (--precision float64)")
        }
    }
}
