public import ByteIO
public import Checkpoints
public import Tensors

/// safetensors, one file (Specs/Safetensors.md): at least as strict in reading as its reference implementation, and read by it when written.
public struct SafetensorsCodec: WritableCheckpointCodec {
    public init() {}

    public var name: String { "safetensors" }
    public var extensions: [String] { ["safetensors"] }
    public var needsSeekableOutput: Bool { false }
    public var keepsMetadata: Bool { true }

    /// Certain when a header of the given length is JSON; weak when something that could have been one is damaged, so that its error says how.
    public func confidence(in input: CheckpointInput) -> Confidence {
        let head = input.head
        guard head.count > 8, head[8] == UInt8(ascii: "{") else { return .none }
        // Lengths have zeros in their upper bytes: a text file whose ninth byte happens to be a brace has none.
        guard head[4..<8].allSatisfy({ $0 == 0 }) else { return .none }
        guard (try? SafetensorsHeader.text(input, limits: .default)) != nil else { return .weak }
        return .certain
    }

    /// Reads the header and proves that its tensors cover the file exactly; no tensor is touched. Throws `malformed` or `limit`.
    public func open(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) -> any Checkpoint {
        try SafetensorsCheckpoint(input, limits: limits)
    }

    public func objection(to tensor: TensorInfo) -> String? {
        if tensor.name.utf8.elementsEqual(SafetensorsHeader.metadataKey.utf8) {
            return "safetensors keeps the name \(SafetensorsHeader.metadataKey) for its metadata: rename it"
        }
        guard SafetensorsDType(tensor.dtype) == nil else { return nil }
        return "safetensors has no \(tensor.dtype.rawValue): write mlpb, npz or hdf5, or cast it with --dtype"
    }

    public func check(_ index: CheckpointIndex, options: WriteOptions) throws(CheckpointError) {
        guard options.compression == .none else {
            throw CheckpointError(.unsupported, "safetensors has no compression: leave the option out")
        }
        _ = try SafetensorsWriter.plan(index)
    }

    /// Writes the header, then the tensors by dtype and name. Ties, the optimizer and, where the sorting changes it, the tensors' order go
    /// into the metadata under our keys. Throws `unsupported` for what `objection(to:)` names.
    public func write(_ checkpoint: any Checkpoint, to output: OutputFile, options: WriteOptions) throws(CheckpointError) {
        guard options.compression == .none else {
            throw CheckpointError(.unsupported, "safetensors has no compression: leave the option out")
        }
        try SafetensorsWriter(checkpoint).run(to: output, options: options)
    }
}
