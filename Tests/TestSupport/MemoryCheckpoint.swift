import ByteIO
public import Checkpoints
import Foundation
public import Tensors

/// A tensor with its bytes.
public struct MemoryTensor: Sendable {
    public var info: TensorInfo
    public var bytes: [UInt8]

    public init(_ info: TensorInfo, _ bytes: [UInt8]) {
        self.info = info
        self.bytes = bytes
    }

    /// A tensor with bytes that differ from place to place and follow from `seed`.
    public static func sample(_ name: String, _ dtype: DType = .float32, _ sizes: [Int] = [2, 3], seed: UInt64 = 1) throws -> MemoryTensor {
        let info = try TensorInfo(name: name, dtype: dtype, sizes: sizes)
        var random = SplitMix64(seed: seed)
        return MemoryTensor(info, (0..<info.byteCount).map { _ in UInt8(truncatingIfNeeded: random.next() >> 24) & (dtype == .bool ? 1 : 255) })
    }
}

/// A checkpoint made of arrays, as a source for writers.
public final class MemoryCheckpoint: Checkpoint {
    public let index: CheckpointIndex
    private let sources: [MemorySource]

    public init(
        _ tensors: [MemoryTensor], metadata: Metadata = Metadata(), ties: [[Int]] = [], optimizer: OptimizerState? = nil
    ) {
        index = CheckpointIndex(tensors: tensors.map(\.info), metadata: metadata, ties: ties, optimizer: optimizer)
        sources = tensors.map { MemorySource($0.bytes) }
    }

    /// Another checkpoint's content under an index that a test chose.
    public init(_ index: CheckpointIndex, bytes: [[UInt8]]) {
        self.index = index
        sources = bytes.map { MemorySource($0) }
    }

    public func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes {
        ExtentBytes(TensorExtent(source: sources[position], offset: 0, count: sources[position].count))
    }
}

/// A small generator whose numbers are the same everywhere.
public struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64
    public init(seed: UInt64) { state = seed }
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

/// What `codec` writes for `checkpoint`, through a file.
public func written(_ checkpoint: any Checkpoint, as codec: any WritableCheckpointCodec, options: WriteOptions = WriteOptions()) throws -> [UInt8] {
    try withTemporaryFolder { folder in
        let path = "\(folder)/written"
        let file = try AtomicFile(replacing: path, mayReplace: false)
        try codec.write(checkpoint, to: file.output, options: options)
        try file.commit()
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    }
}

/// Every tensor's name, dtype, shape and bytes, and everything else the index says, drawn and verified to the last byte.
public func fullContents(_ checkpoint: any Checkpoint) throws(CheckpointError) -> (tensors: [TensorInfo], bytes: [[UInt8]]) {
    var all: [[UInt8]] = []
    for position in checkpoint.index.tensors.indices { all.append(try checkpoint.array(ofTensorAt: position)) }
    try checkpoint.verifyRemainder()
    return (checkpoint.index.tensors, all)
}

extension CheckpointCodec {
    /// Opens bytes in memory.
    public func open(_ bytes: [UInt8], limits: Limits = .default) throws(CheckpointError) -> any Checkpoint {
        try open(CheckpointInput(MemorySource(bytes)), limits: limits)
    }
}
