import ByteIO
import Checkpoints
import StrictJSON
import Tensors

/// An open PyTorch file: the index from its pickle, the bytes from its storages.
final class PyTorchCheckpoint: Checkpoint {
    let index: CheckpointIndex
    private let storages: any TorchStorages
    private let layouts: [TorchLayout]

    /// - Parameter ours: our own texts, as the writer left them beside the pickle (PT-27).
    init(_ heap: PickleHeap, root: PickleValue, in storages: any TorchStorages, ours: TorchSidecar?, others: [CheckpointIndex.Unsupported], limits: Limits) throws(CheckpointError) {
        self.storages = storages
        let names = try TorchNames(heap, root: root, limits: limits)
        var unsupported = names.unsupported, layouts: [TorchLayout] = [], tensors: [TensorInfo] = [], total = 0
        for (name, number) in names.tensors {
            let tensor = heap.tensors[number]
            guard tensor.objection == nil, let dtype = tensor.dtype else {
                unsupported.append(.init(name: name, reason: "a tensor: \(tensor.objection ?? "its type is not known")"))
                continue
            }
            do throws(CheckpointError) {
                let layout = try TorchLayout(tensor, of: heap, named: ours?.original(of: name) ?? name, dtype: dtype, in: storages)
                try limits.admit(layout.info.name, bytes: layout.info.byteCount, stored: layout.spanBytes, total: &total)
                layouts.append(layout)
                tensors.append(layout.info)
            } catch {
                throw error.at(tensor: name)
            }
        }
        try Self.refuseNothing(tensors, unsupported, heap, root)
        var index = CheckpointIndex(tensors: tensors, metadata: names.metadata, unsupported: unsupported + others)
        index.ties = Self.ties(layouts)
        index.optimizer = TorchOptimizer(heap: heap, names: names, tensors: tensors, ties: index.ties).state(names.optimizers)
        if let ours {
            let found = index
            index.restore(from: ours.metadata)
            index.ties = index.ties.isEmpty ? found.ties : index.ties
            index.optimizer = index.optimizer ?? found.optimizer
        }
        // PT-11. Our own files keep what their source named; but whatever lies beside a pickle cannot hide what that asks for.
        if !heap.globals.isEmpty, ours == nil || heap.globals.contains(where: { $0.known == nil || $0.isDangerous }) {
            index.metadata["pickle.globals"] = JSONValue.strings(heap.globals.map(\.shown)).text()
        }
        self.index = index
        self.layouts = layouts
    }

    /// PT-11, PT-22. A file that gives no tensor and names what we never import, or holds nothing that we know, is refused by what it names.
    private static func refuseNothing(_ tensors: [TensorInfo], _ unsupported: [CheckpointIndex.Unsupported], _ heap: PickleHeap, _ root: PickleValue) throws(CheckpointError) {
        guard tensors.isEmpty else { return }
        let unknown = heap.globals.filter { $0.known == nil }
        if !unknown.isEmpty {
            let listed = unknown.prefix(8).map(\.shown).joined(separator: ", ") + (unknown.count > 8 ? " and \(unknown.count - 8) more" : "")
            throw CheckpointError(.unsupported, "there is no tensor in it, and its pickle names \(listed); nothing a pickle names is ever imported or called here")
        }
        if let first = unsupported.first { throw CheckpointError(.unsupported, "there is no tensor in it that can be read; the first thing in it is \(first.reason)", tensor: first.name) }
        guard let node = heap.node(root), node.kind != .object else { throw CheckpointError(.unsupported, "its pickle holds a single value and no tensor") }
    }

    /// PT-13. Tensors of one storage, offset, sizes, strides and type.
    private static func ties(_ layouts: [TorchLayout]) -> [[Int]] {
        var groups: [TorchLayout.Identity: [Int]] = [:]
        for (position, layout) in layouts.enumerated() where layout.info.byteCount > 0 { groups[layout.identity, default: []].append(position) }
        return groups.values.filter { $0.count > 1 }.sorted { $0[0] < $1[0] }
    }

    func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes { try TorchBytes(layouts[position], storages) }

    func extent(ofTensorAt position: Int) -> TensorExtent? {
        let layout = layouts[position]
        guard layout.isPlain, let offset = layout.place.offset else { return nil }
        return TensorExtent(source: storages.source, offset: offset + layout.byteOffset, count: layout.info.byteCount)
    }

    /// Reads every member that no tensor covers whole, for its checksum (PT-5).
    func verifyRemainder() throws(CheckpointError) {
        try storages.verifyRest(Set(layouts.lazy.filter { $0.coversStorage && $0.info.byteCount > 0 && $0.view.isPacked }.map(\.place.member)))
    }
}
