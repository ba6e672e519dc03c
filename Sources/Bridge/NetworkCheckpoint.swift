public import Architecture
public import Checkpoints
public import MLP
import ByteIO
public import StrictJSON
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
        metadata[MetadataKey.network] = network.description.bound(to: tensors.map { ($0.name, $0.name, false) }).text()
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

extension NetworkDescription {
    /// The text of `MetadataKey.network`: this description, and where each parameter lies: (canonical name, tensor's name, whether [out, in]).
    public func bound(to parameters: [(parameter: String, tensor: String, transposed: Bool)]) -> JSONValue {
        var members = json.members ?? []
        members.append(.init("parameters", .object(parameters.map {
            .init($0.parameter, ["tensor": .string($0.tensor), "transposed": .bool($0.transposed)])
        })))
        return .object(members)
    }
}
