public import ByteIO
public import Checkpoints
public import Tensors
import Zip

/// `npz`: numpy's archive of arrays, a zip of `.npy` members (Specs/NPZ.md).
public struct NPZCodec: WritableCheckpointCodec {
    public init() {}

    public var name: String { "npz" }
    public var extensions: [String] { ["npz"] }
    public var needsSeekableOutput: Bool { false }
    public var keepsMetadata: Bool { true }

    /// NPZ-18. Certain when every member is an array, strong when some are, weak for an empty archive; an archive that is another format's is not
    /// claimed. A damaged one whose first member is an array is still an npz, so that its fault is reported as such.
    public func confidence(in input: CheckpointInput) -> Confidence {
        guard input.head.starts(with: [0x50, 0x4B, 3, 4]) || input.head.starts(with: [0x50, 0x4B, 5, 6]) else { return .none }
        guard let directory = try? Self.directory(of: input, limits: nil) else { return firstMemberIsArray(input.head) ? .strong : .none }
        guard !directory.entries.isEmpty else { return .weak }
        let arrays = directory.entries.count { $0.arrayName != nil }
        let ours = directory.entry(named: NPZMetadata.memberName) == nil ? 0 : 1
        if arrays + ours == directory.entries.count { return .certain }
        let isAnothers = directory.entry(named: "config.json") != nil || directory.entries.contains { $0.name.utf8.elementsEqual("data.pkl".utf8) || $0.name.hasSuffix("/data.pkl") }
        return arrays > 0 && !isAnothers ? .strong : .none
    }

    public func open(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) -> any Checkpoint {
        try NPZCheckpoint(Self.directory(of: input, limits: limits), limits: limits)
    }

    public func objection(to tensor: TensorInfo) -> String? { tensor.npzObjection }

    public func check(_ index: CheckpointIndex, options: WriteOptions) throws(CheckpointError) { try NPZWriter.check(index) }

    public func write(_ checkpoint: any Checkpoint, to output: OutputFile, options: WriteOptions) throws(CheckpointError) {
        try NPZWriter.write(checkpoint, to: output, options: options)
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
        do throws(ZipError) { return try result.get() } catch { throw CheckpointError(error) }
    }

    /// Whether the bytes start with the header of a member `….npy`.
    private func firstMemberIsArray(_ head: [UInt8]) -> Bool {
        guard head.count > 30 else { return false }
        let length = Int(head[26]) | Int(head[27]) << 8
        guard length >= 4, head.count >= 30 + length else { return false }
        return head[30..<30 + length].suffix(4).elementsEqual(".npy".utf8)
    }
}
