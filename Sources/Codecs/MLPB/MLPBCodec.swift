public import ByteIO
public import Checkpoints
public import Tensors

/// MLPB, our own binary checkpoint format (Specs/MLPB.md): tensors aligned and in place, an index at the end, a checksum over every byte.
public struct MLPBCodec: WritableCheckpointCodec {
    /// Decoded bytes a checksummed block: a power of two from 256 to 64 MiB. Other sizes than ours serve tests.
    package let blockSize: Int
    /// Further sections to write, for tests of the rule on unknown ones: kind, critical, body.
    package var furtherSections: [(kind: String, isCritical: Bool, body: [UInt8])] = []

    public init() { blockSize = Layout.blockSize }

    package init(blockSize: Int) { self.blockSize = blockSize }

    public var name: String { "mlpb" }
    public var extensions: [String] { ["mlpb"] }
    public var needsSeekableOutput: Bool { false }
    public var keepsMetadata: Bool { true }

    /// Certain with the magic; strong for a file whose magic shows what damaged it, so that its error says so.
    public func confidence(in input: CheckpointInput) -> Confidence {
        if input.head.starts(with: Layout.magic) { return .certain }
        return FileHeader.damage(input.head) == nil ? .none : .strong
    }

    /// Reads header, tail, index and texts, and checks them against their checksums; no tensor is touched. Throws `malformed` for whatever
    /// does not hold, `unsupported` for a later major version or an unknown critical section, `limit` for sizes over `limits`.
    public func open(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) -> any Checkpoint {
        try MLPBCheckpoint(input, limits: limits)
    }

    public func objection(to tensor: TensorInfo) -> String? {
        if tensor.name.utf8.count > Layout.maxNameBytes { return "its name has \(grouped(tensor.name.utf8.count)) bytes; MLPB holds at most 65,535: rename it" }
        if tensor.shape.rank > Layout.maxRank { return "it has \(tensor.shape.rank) axes; MLPB holds at most 255: reshape it" }
        return nil
    }

    public func check(_ index: CheckpointIndex, options: WriteOptions) throws(CheckpointError) {
        guard options.compression == .none else {
            throw CheckpointError(.unsupported, "MLPB is written without compression: leave the option out")
        }
        for tensor in index.tensors {
            if let objection = objection(to: tensor) { throw CheckpointError(.unsupported, objection, tensor: tensor.name) }
        }
        try Writer.check(index)
    }

    /// Writes in one pass, forwards only. Tied tensors of one dtype, shape and content are stored once. SHA-256 hashes and the contentHash
    /// are recorded when `options.recordsHashes` says so, else for tensors of up to 4 MiB in all (why: Specs/MLPB.md).
    public func write(_ checkpoint: any Checkpoint, to output: OutputFile, options: WriteOptions) throws(CheckpointError) {
        try check(checkpoint.index, options: options)
        var writer = try Writer(checkpoint, to: output, options: options, blockSize: blockSize)
        try writer.run(furtherSections)
    }
}

extension MLPBCodec {
    /// The contentHash (CLI.md) that the file records, 64 hex digits; nil when it records none or `checkpoint` is no MLPB file. It is
    /// known without reading a tensor; `verifyRemainder()` proves that it follows from the recorded hashes of the tensors.
    public func recordedContentHash(_ checkpoint: any Checkpoint) -> String? {
        (checkpoint as? MLPBCheckpoint)?.file.contentHash.map(ContentHash.hex)
    }
}
