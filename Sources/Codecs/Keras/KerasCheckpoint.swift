import Checkpoints
import HDF5Container
import Tensors

/// An HDF5 file of Keras as a checkpoint, its tensors in the model's own order.
final class KerasCheckpoint: Checkpoint {
    let index: CheckpointIndex
    private let file: HDF5File
    /// In the index's order.
    private let tensors: [HDF5Tensor]
    private let archive: KerasArchive?

    /// - Parameters:
    ///   - order: positions of the description's datasets, each once.
    ///   - remedy: what to do about a file of which a part leads elsewhere.
    ///   - dtype: what the model says of a dataset whose two bytes HDF5 cannot name (KERAS-5).
    init(
        _ file: HDF5File, order: [Int], archive: KerasArchive? = nil, remedy: String, dtype: (Int) -> DType? = { _ in nil }
    ) throws(CheckpointError) {
        let description = file.description
        // KERAS-4: a model with a part elsewhere is not in this file, and Keras writes no link of any kind.
        if let foreign = description.others.first {
            throw CheckpointError(.unsupported, "Keras writes no such thing as this: \(foreign.reason). The file is not as Keras wrote it; \(remedy)", tensor: foreign.path)
        }
        var tensors: [HDF5Tensor] = [], infos: [TensorInfo] = [], objects: [UInt64] = [], unsupported: [CheckpointIndex.Unsupported] = []
        for position in order {
            let dataset = description.datasets[position]
            switch file.entries[position] {
            case .tensor(let tensor):
                let named = tensor.info.dtype == .void16 ? dtype(position).flatMap { tensor.info.read(as: $0) } : nil
                tensors.append(tensor)
                infos.append(named ?? tensor.info)
                objects.append(dataset.object)
            case .unsupported(let reason): unsupported.append(.init(name: dataset.path, reason: reason))
            case .refused(let error): throw error.at(tensor: dataset.path)
            }
        }
        if tensors.isEmpty, let first = unsupported.first {
            throw CheckpointError(.unsupported, "there is no tensor that is read here: \(first.reason)", tensor: first.name)
        }
        let (attributes, unread) = HDF5Attributes.metadata(of: try description.withJoinedLists())
        var metadata = archive?.metadata ?? Metadata()
        for entry in attributes.entries {
            // What the archive's own texts already say is kept under the place it comes from.
            let key = metadata[entry.key] == nil ? entry.key : "\(KerasArchive.weightsName)@\(entry.key)"
            metadata[key] = entry.text
        }
        var index = CheckpointIndex(tensors: infos, unsupported: unsupported + unread + (archive?.unsupported ?? []), ties: Self.ties(objects))
        index.restore(from: metadata)
        self.index = index
        self.file = file
        self.tensors = tensors
        self.archive = archive
    }

    func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes { try file.bytes(of: tensors[position]) }

    func extent(ofTensorAt position: Int) -> TensorExtent? { file.extent(of: tensors[position]) }

    func verifyRemainder() throws(CheckpointError) { try archive?.verify() }

    /// Several links to one object are one storage.
    private static func ties(_ objects: [UInt64]) -> [[Int]] {
        var groups: [UInt64: [Int]] = [:]
        for (position, object) in objects.enumerated() { groups[object, default: []].append(position) }
        return groups.values.filter { $0.count > 1 }.sorted { $0[0] < $1[0] }
    }
}
