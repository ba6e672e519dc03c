public import ByteIO
public import Checkpoints
public import Tensors

/// `npy`: one array in a file of numpy's own format. Its tensor has the name "" (Specs/NPZ.md, NPZ-27).
public struct NPYCodec: WritableCheckpointCodec {
    public init() {}

    public var name: String { "npy" }
    public var extensions: [String] { ["npy"] }
    public var needsSeekableOutput: Bool { false }
    public var keepsMetadata: Bool { false }
    public var keepsNames: Bool { false }

    public func confidence(in input: CheckpointInput) -> Confidence { input.head.starts(with: NPYHeader.magic) ? .certain : .none }

    public func open(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) -> any Checkpoint {
        let source = input.source
        let content = try NPYArray.read("", count: source.count, dtype: nil, limits: limits) { (count) throws(CheckpointError) in
            try rising { () throws(IOError) in try source.bytes(at: 0, count: count) }
        }
        switch content {
        case .unsupported(let reason): throw CheckpointError(.unsupported, "the file holds \(reason)")
        case .tensor(let array):
            var total = 0
            try limits.admit("", bytes: array.info.byteCount, total: &total)
            return NPYCheckpoint(source, array)
        }
    }

    public func objection(to tensor: TensorInfo) -> String? {
        if NPYElement.cannotName(tensor.dtype) {
            return "npy has no name for \(tensor.dtype.rawValue) and no place for ours; write npz, or cast it with --dtype"
        }
        return tensor.npyObjection
    }

    public func check(_ index: CheckpointIndex, options: WriteOptions) throws(CheckpointError) { _ = try lone(index, options) }

    /// The one tensor that is written.
    private func lone(_ index: CheckpointIndex, _ options: WriteOptions) throws(CheckpointError) -> TensorInfo {
        guard index.tensors.count == 1, let tensor = index.tensors.first else {
            throw CheckpointError(.lossRefused, "npy holds one array, and there are \(index.tensors.count); write npz, or choose one with --include")
        }
        if let objection = objection(to: tensor) { throw CheckpointError(.lossRefused, objection, tensor: tensor.name) }
        guard options.compression == .none else { throw CheckpointError(.unsupported, "npy has no compression: write npz, or leave the option out") }
        return tensor
    }

    public func write(_ checkpoint: any Checkpoint, to output: OutputFile, options: WriteOptions) throws(CheckpointError) {
        let tensor = try lone(checkpoint.index, options)
        try rising { () throws(IOError) in try output.append(NPYHeader.bytes(for: tensor)) }
        let buffer = try ChunkBuffer(checkedCount: max(min(tensor.byteCount, 1 << 20), 16))
        var done = 0
        try checkpoint.forEachChunk(ofTensorAt: 0, through: buffer) { (bytes) throws(CheckpointError) in
            do throws(IOError) { try output.append(bytes) } catch { throw CheckpointError(error) }
            done += bytes.byteCount
            options.progress?(done, tensor.byteCount)
        }
    }
}

extension TensorInfo {
    /// Why numpy could not load an array like this.
    var npyObjection: String? {
        shape.rank <= NPYHeader.maxRank ? nil : "numpy's arrays have at most \(NPYHeader.maxRank) axes; this tensor has \(shape.rank)"
    }
}

final class NPYCheckpoint: Checkpoint {
    let index: CheckpointIndex
    private let array: NPYArray
    private let data: TensorExtent

    init(_ source: any ByteSource, _ array: NPYArray) {
        index = CheckpointIndex(tensors: [array.info])
        self.array = array
        data = TensorExtent(source: source, offset: array.headerCount, count: array.info.byteCount)
    }

    func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes { array.decoded(ExtentBytes(data)) }
    func extent(ofTensorAt position: Int) -> TensorExtent? { array.isPlain ? data : nil }
}
