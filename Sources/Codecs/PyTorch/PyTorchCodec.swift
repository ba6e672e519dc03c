public import ByteIO
public import Checkpoints
import StrictJSON
public import Tensors
import Zip

/// `pytorch`: what `torch.save` writes, today's archives and the older stacked pickles (Specs/PyTorch.md). Nothing in a pickle is imported or called.
public struct PyTorchCodec: WritableCheckpointCodec {
    public init() {}

    public var name: String { "pytorch" }
    public var extensions: [String] { ["pt", "pth", "bin"] }
    public var needsSeekableOutput: Bool { false }
    public var keepsMetadata: Bool { true }

    /// PT-24. Certain for an archive with one `data.pkl` and for the magic number; strong for a damaged archive that begins with such a member; weak for
    /// a bare pickle and torch's tar era, which are answered with what to do.
    public func confidence(in input: CheckpointInput) -> Confidence {
        let head = input.head
        if TorchLegacy.begins(head) { return .certain }
        if head.starts(with: [0x50, 0x4B, 3, 4]) {
            guard let directory = try? Self.directory(of: input, limits: nil) else { return firstMemberIsOurs(head) ? .strong : .none }
            return TorchArchive.folders(directory).isEmpty ? .none : .certain
        }
        return isTar(head) || isPickle(input) ? .weak : .none
    }

    public func open(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) -> any Checkpoint {
        var machine = PickleMachine(limits: limits)
        if TorchLegacy.begins(input.head) {
            let (storages, root) = try TorchLegacy.open(input.source, &machine)
            return try PyTorchCheckpoint(machine.heap, root: root, in: storages, ours: nil, others: [], limits: limits)
        }
        if isTar(input.head) { throw CheckpointError(.unsupported, "it is a tar archive of PyTorch 0.1.1 or older; load it with torch.load and save it again with torch.save") }
        if isPickle(input) { throw CheckpointError(.unsupported, "it is a bare pickle, not what torch.save writes; if you trust it, load it in Python and save its tensors with torch.save") }
        let archive = try TorchArchive(Self.directory(of: input, limits: limits))
        let (bytes, offset) = try archive.pickle(atMost: limits.headerBytes)
        var pickle = PickleInput(MemorySource(bytes), to: bytes.count, origin: offset)
        let root = try machine.run(&pickle)
        guard pickle.remaining == 0 else { throw CheckpointError(.malformed, "\(pickle.remaining) bytes follow the pickle's STOP in data.pkl", offset: pickle.offset) }
        let ours: TorchSidecar? = if let json = try archive.member(TorchSidecar.memberName, atMost: limits.headerBytes) { try TorchSidecar(json: json) } else { nil }
        return try PyTorchCheckpoint(machine.heap, root: root, in: archive, ours: ours, others: scripts(archive), limits: limits)
    }

    public func objection(to tensor: TensorInfo) -> String? { nil }

    public func check(_ index: CheckpointIndex, options: WriteOptions) throws(CheckpointError) { try PyTorchWriter.check(index, options) }

    public func write(_ checkpoint: any Checkpoint, to output: OutputFile, options: WriteOptions) throws(CheckpointError) {
        try PyTorchWriter.write(checkpoint, to: output, options: options)
    }

    /// What a TorchScript archive holds beside the module: code and constants (PT-18).
    private func scripts(_ archive: TorchArchive) -> [CheckpointIndex.Unsupported] {
        var found: [CheckpointIndex.Unsupported] = []
        for (folder, what) in [("code/", "TorchScript code"), ("constants/", "TorchScript constants")] {
            let count = archive.directory.entries.count { $0.name.hasPrefix(archive.folder + folder) }
            if count > 0 { found.append(.init(name: folder, reason: "\(what), \(count) members: never run, no parameters")) }
        }
        return found
    }

    /// The archive's directory, read once for all codecs that ask. Under limits other than the default it is read anew.
    private static func directory(of input: CheckpointInput, limits: Limits?) throws(CheckpointError) -> ZipDirectory {
        func read(_ limits: Limits) -> Result<ZipDirectory, ZipError> {
            let bounds = ZipDirectory.Limits(entries: limits.tensors, directoryBytes: limits.headerBytes, nameBytes: limits.nameBytes)
            do throws(ZipError) { return .success(try ZipDirectory(input.source, limits: bounds)) } catch { return .failure(error) }
        }
        let result = if let limits, limits != .default { read(limits) } else {
            try input.shared { () throws(CheckpointError) in read(.default) }
        }
        return try inArchive { () throws(ZipError) in try result.get() }
    }

    /// Whether the bytes start with the header of a member `<folder>/data.pkl`, `/version` or `/data/…`.
    private func firstMemberIsOurs(_ head: [UInt8]) -> Bool {
        guard head.count > 30 else { return false }
        let length = Int(head[26]) | Int(head[27]) << 8
        guard length >= 4, head.count >= 30 + length else { return false }
        let parts = String(decoding: head[30..<30 + length], as: UTF8.self).split(separator: "/")
        return parts.count >= 2 && (parts[1] == "data.pkl" || parts[1] == "version" || parts[1] == "data" && parts.count == 3)
    }

    private func isTar(_ head: [UInt8]) -> Bool {
        guard head.count >= 262, head[257..<262].elementsEqual("ustar".utf8) else { return false }
        return ["sys_info", "pickle", "tensors", "storages", "./sys_info"].contains { head.starts(with: Array($0.utf8) + [0]) }
    }

    /// Whether the bytes are one pickle: they begin with PROTO and end with STOP.
    private func isPickle(_ input: CheckpointInput) -> Bool {
        guard input.head.count >= 3, input.head[0] == 0x80, (2...5).contains(input.head[1]), !TorchLegacy.begins(input.head) else { return false }
        let count = input.source.count
        return (try? input.source.bytes(at: count - 1, count: 1)) == [UInt8(ascii: ".")]
    }
}
