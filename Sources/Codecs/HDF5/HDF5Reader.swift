import Checkpoints
import HDF5Container
import StrictJSON
import Tensors

/// An open HDF5 file as a checkpoint.
final class HDF5Checkpoint: Checkpoint {
    let index: CheckpointIndex
    private let file: HDF5File
    /// In the index's order.
    private let tensors: [HDF5Tensor]
    private let refused: [CheckpointError]

    init(_ file: HDF5File) throws(CheckpointError) {
        var tensors: [HDF5Tensor] = [], objects: [UInt64] = [], unsupported: [CheckpointIndex.Unsupported] = [], refused: [CheckpointError] = []
        for (dataset, entry) in zip(file.description.datasets, file.entries) {
            switch entry {
            case .tensor(let tensor):
                tensors.append(tensor)
                objects.append(dataset.object)
            case .unsupported(let reason): unsupported.append(.init(name: dataset.path, reason: reason))
            case .refused(let error):
                unsupported.append(.init(name: dataset.path, reason: error.message))
                refused.append(error)
            }
        }
        for other in file.description.others { unsupported.append(.init(name: other.path, reason: other.reason)) }
        if tensors.isEmpty, let first = unsupported.first {
            let more = unsupported.count > 1 ? " (and \(unsupported.count - 1) more)" : ""
            throw refused.first ?? CheckpointError(.unsupported, "there is no tensor that is read here: \(first.reason)\(more)", tensor: first.name)
        }
        let (metadata, unread) = HDF5Attributes.metadata(of: file.description)
        var order = Array(tensors.indices)
        var text = metadata
        if let kept = metadata[MetadataKey.order].flatMap({ Self.order($0, of: tensors) }) {
            order = kept
            text[MetadataKey.order] = nil
        }
        self.tensors = order.map { tensors[$0] }
        var index = CheckpointIndex(tensors: self.tensors.map(\.info), unsupported: unsupported + unread,
                                    ties: Self.ties(order.map { objects[$0] }))
        index.restore(from: text)
        self.index = index
        self.file = file
        self.refused = refused
    }

    func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes { try file.bytes(of: tensors[position]) }

    func extent(ofTensorAt position: Int) -> TensorExtent? { file.extent(of: tensors[position]) }

    /// A dataset that is declared and must not, or cannot, be fetched is an error for whoever wants every byte.
    func verifyRemainder() throws(CheckpointError) {
        if let first = refused.first { throw first }
    }

    /// The order that `text`, a JSON array of names, gives; nil when it does not name each tensor once.
    private static func order(_ text: String, of tensors: [HDF5Tensor]) -> [Int]? {
        guard let names = (try? JSONReader.read(text))?.array, names.count == tensors.count else { return nil }
        var positions: [[UInt8]: Int] = [:]
        for (position, tensor) in tensors.enumerated() { positions[Array(tensor.info.name.utf8)] = position }
        var order: [Int] = []
        for name in names {
            guard let name = name.string, let position = positions.removeValue(forKey: Array(name.utf8)) else { return nil }
            order.append(position)
        }
        return order
    }

    /// Several links to one object are one storage.
    private static func ties(_ objects: [UInt64]) -> [[Int]] {
        var groups: [UInt64: [Int]] = [:]
        for (position, object) in objects.enumerated() { groups[object, default: []].append(position) }
        return groups.values.filter { $0.count > 1 }.sorted { $0[0] < $1[0] }
    }
}
