import ByteIO
import Checkpoints
import StrictJSON
import Tensors
import Zip

/// Writes what `torch.load(weights_only=True)` reads, `mmap=True` included (PT-25 to PT-29): the pickle first, then one tensor after another through one
/// buffer. Tied tensors share a storage.
enum PyTorchWriter {
    private static let folder = "archive/"

    /// What would be refused, before anything is written (PT-29).
    static func check(_ index: CheckpointIndex, _ options: WriteOptions) throws(CheckpointError) {
        guard options.compression == .none else { throw CheckpointError(.unsupported, "a PyTorch file is written with stored members, so that torch can map it; leave --compression out") }
        var names: Set<[UInt8]> = []
        for tensor in index.tensors where !names.insert(Array(tensor.name.utf8)).inserted {
            throw CheckpointError(.mismatch, "two tensors have this name; rename one with --rename", tensor: tensor.name)
        }
    }

    static func write(_ checkpoint: any Checkpoint, to output: OutputFile, options: WriteOptions) throws(CheckpointError) {
        let index = checkpoint.index
        try check(index, options)
        // The first of tied tensors gives the storage.
        var owner = Array(index.tensors.indices)
        for tie in index.ties {
            for position in tie.dropFirst() where index.tensors[position].dtype == index.tensors[tie[0]].dtype && index.tensors[position].byteCount == index.tensors[tie[0]].byteCount { owner[position] = tie[0] }
        }
        var keys: [Int: String] = [:]
        for position in index.tensors.indices where owner[position] == position { keys[position] = String(keys.count) }
        let tree = TorchTree(index)
        var pickle = PickleWriter()
        tree.write(to: &pickle, index) { keys[owner[$0]] ?? "" }
        let writer = ZipWriter(output)
        func add(_ name: String, _ bytes: [UInt8]) throws(CheckpointError) { try inArchive { () throws(ZipError) in try writer.add(folder + name, bytes) } }
        try add("data.pkl", pickle.bytes)
        try add(".format_version", Array("1".utf8))
        try add(".storage_alignment", Array("64".utf8))
        try add("byteorder", Array("little".utf8))
        let buffer = try ChunkBuffer(checkedCount: 1 << 20)
        let total = index.totalBytes
        var done = 0, sum = ContentHash.Running()
        unsafe sum.update(pickle.bytes.span.bytes)
        for (position, tensor) in index.tensors.enumerated() {
            guard let key = keys[position] else {
                done += tensor.byteCount
                continue
            }
            try inArchive { () throws(ZipError) in try writer.begin("\(folder)data/\(key)", count: tensor.byteCount) }
            try checkpoint.forEachChunk(ofTensorAt: position, through: buffer) { (bytes) throws(CheckpointError) in
                try inArchive { () throws(ZipError) in try writer.append(bytes) }
                done += bytes.byteCount
                options.progress?(done, total)
            }
            try inArchive { () throws(ZipError) in try writer.end() }
        }
        try add("version", Array("3\n".utf8))
        // PyTorch's own id is a hash of names and checksums; ours, of the pickle: forty digits, the same for the same file.
        let digest = sum.digest().prefix(16).map { String($0 / 100) + String($0 / 10 % 10) + String($0 % 10) }.joined()
        try add(".data/serialization_id", Array(digest.prefix(40).utf8))
        try add(TorchSidecar.memberName, sidecar(index, tree))
        do throws(ZipError) { try writer.finish() } catch { throw CheckpointError(.io, error.message) }
    }

    /// Our texts. An empty object says that the file is ours, and that its pickle's names are the writer's (PT-11).
    private static func sidecar(_ index: CheckpointIndex, _ tree: TorchTree) -> [UInt8] {
        var text = index.sidecar { $0 == .void16 }
        // The shared storages say it already.
        text[MetadataKey.ties] = nil
        var members = text.entries.map { JSONValue.Member($0.key, .string($0.text)) }
        if !tree.renamed.isEmpty {
            members.append(.init(TorchSidecar.namesKey, .string(JSONValue.object(tree.renamed.map { .init($0.read, .string($0.original)) }).text())))
        }
        return Array(JSONValue.object(members).text().utf8)
    }
}
