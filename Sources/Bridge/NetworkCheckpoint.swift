import Architecture
public import Checkpoints
public import MLP
import ByteIO
import Dialects
import Tensors

/// A network in memory seen as a checkpoint: its parameters by canonical name, [in, out], and its description, so that any codec can write it.
public final class NetworkCheckpoint<Scalar: NetworkScalar>: Checkpoint {
    public let index: CheckpointIndex
    private let network: Network<Scalar>

    public init(_ network: Network<Scalar>, metadata: Metadata = Metadata()) throws(CheckpointError) {
        self.network = network
        var tensors: [TensorInfo] = []
        for parameter in network.description.parameters {
            do throws(TensorError) {
                tensors.append(try TensorInfo(name: parameter.name, dtype: Scalar.self == Float.self ? .float32 : .float64, sizes: parameter.shape))
            } catch { throw CheckpointError(.limit, error.description) }
        }
        var metadata = metadata
        metadata[MetadataKey.network] = NetworkText(
            network: network.description,
            parameters: ParameterMap(entries: tensors.map { .init(parameter: $0.name, tensor: $0.name, transposed: false) })).text
        index = CheckpointIndex(tensors: tensors, metadata: metadata)
    }

    public func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes {
        let values = network[parameter: index.tensors[position].name] ?? []
        var bytes: [UInt8] = []
        bytes.reserveCapacity(index.tensors[position].byteCount)
        for value in values {
            if let single = value as? Float { bytes.append(littleEndian: single.bitPattern) }
            if let double = value as? Double { bytes.append(littleEndian: double.bitPattern) }
        }
        return ExtentBytes(TensorExtent(source: MemorySource(bytes), offset: 0, count: bytes.count))
    }
}
