import Architecture
import ByteIO
public import Checkpoints
import Tensors

/// A REF.npz of our own making, for any codec to write: `x`, `y.index` or `y.dense`, `param.*`, `f64.*` and `f32.*` (CLI.md).
public final class ReferenceCheckpoint: Checkpoint {
    public let index: CheckpointIndex
    private let payloads: [MemorySource]

    init(_ arrays: [(name: String, shape: [Int], dtype: DType, values: [Double])]) throws(CheckpointError) {
        var tensors: [TensorInfo] = [], payloads: [MemorySource] = []
        for array in arrays {
            do throws(TensorError) {
                tensors.append(try TensorInfo(name: array.name, dtype: array.dtype, sizes: array.shape))
            } catch { throw CheckpointError(.limit, error.description, tensor: array.name) }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(array.values.count * array.dtype.byteCount)
            for value in array.values {
                switch array.dtype {
                case .float32: bytes.append(littleEndian: Float(value).bitPattern)
                case .int64: bytes.append(littleEndian: Int64(exactly: value) ?? 0)
                default: bytes.append(littleEndian: value.bitPattern)
                }
            }
            payloads.append(MemorySource(bytes))
        }
        index = CheckpointIndex(tensors: tensors)
        self.payloads = payloads
    }

    public func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes {
        ExtentBytes(TensorExtent(source: payloads[position], offset: 0, count: payloads[position].count))
    }
}

extension NetworkParity {
    /// The pass of `model` as a reference, in both precisions: what `--save-reference` writes. On `inputs`, else on the seeded batch that
    /// `report` would run. Throws as `report` does.
    public func reference(of model: ParityModel, inputs: ParityData? = nil) throws(CheckpointError) -> ReferenceCheckpoint {
        var notes: [String] = []
        let run = try settle(model, inputs, &notes)
        let batch = run.batch
        func type(_ values: [Double]) -> DType { values.allSatisfy { Double(Float($0)) == $0 } ? .float32 : .float64 }
        var arrays: [(name: String, shape: [Int], dtype: DType, values: [Double])] = [("x", [batch.rows, batch.input], type(batch.x), batch.x)]
        switch batch.targets {
        case .classes(let classes): arrays.append(("y.index", [batch.rows], .int64, classes.map(Double.init)))
        case .dense(let values): arrays.append(("y.dense", [batch.rows, values.count / batch.rows], type(values), values))
        }
        for (name, shape) in run.model.description.parameters {
            let values = run.model.parameters[name] ?? []
            arrays.append(("param.\(name)", shape, type(values), values))
        }
        for precision in Precision.allCases {
            let pass = try run.model.pass(batch, run.loss, run.subgradient, precision, options.kernels)
            for entry in pass.entries {
                arrays.append(("\(precision.prefix).\(entry.name)", entry.shape, precision == .float64 ? .float64 : .float32, entry.values))
            }
        }
        return try ReferenceCheckpoint(arrays)
    }
}
