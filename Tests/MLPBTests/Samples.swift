import Checkpoints
import MLPB
import Tensors
import TestSupport

/// Checkpoints that the tests of this target write.
enum Sample {
    /// Every dtype, ranks 0 to 3, an empty axis, an empty name, a name of two normal forms, metadata, a network, an optimizer and ties.
    static func rich() throws -> MemoryCheckpoint {
        var tensors: [MemoryTensor] = []
        for (number, dtype) in DType.allCases.enumerated() {
            tensors.append(try .sample("t/\(dtype.rawValue)", dtype, [1 + number % 3, 2], seed: UInt64(number)))
        }
        tensors.append(try .sample("", .float64, [], seed: 91))
        tensors.append(try .sample("empty", .float32, [0, 3]))
        tensors.append(try .sample("\u{E9}", .int32, [5, 1, 2], seed: 92))
        tensors.append(try .sample("e\u{301}", .int32, [3], seed: 93))
        tensors.append(MemoryTensor(tensors[11].info.named("tied"), tensors[11].bytes))
        return MemoryCheckpoint(
            tensors,
            metadata: Metadata([("z", "last"), ("note", "line\nbreak\u{0}"), (MetadataKey.network, #"{"input":4,"layers":[]}"#), ("", "")]),
            ties: [[11, tensors.count - 1]],
            optimizer: OptimizerState(kind: "adam", step: 1 << 60, settings: Metadata([("lr", "0.01")]),
                                      slots: [.init(tensor: "t/int8", slot: "m", parameter: "t/bool"), .init(tensor: "t/int64", slot: "iteration", parameter: nil)]))
    }

    /// Three files of at most 4 KiB: with everything, with several blocks a tensor and an unknown section, and with nothing.
    static func smallFiles() throws -> [(name: String, codec: MLPBCodec, checkpoint: MemoryCheckpoint)] {
        var blocks = MLPBCodec(blockSize: 256)
        blocks.furtherSections = [("XTRA", false, Array("what a later version says".utf8))]
        let tied = try MemoryTensor.sample("dense/kernel", .float32, [10, 15], seed: 5)
        return [
            ("everything", MLPBCodec(), MemoryCheckpoint(
                [try .sample("dense/kernel", .float32, [7, 5]), try .sample("dense/bias", .bfloat16, [5]), try .sample("", .bool, []), try .sample("none", .int8, [0])],
                metadata: Metadata([("producer", "tests"), (MetadataKey.network, #"{"input":7}"#)]), optimizer: OptimizerState(kind: "sgd"))),
            ("blocks", blocks, MemoryCheckpoint(
                [tied, MemoryTensor(tied.info.named("tied"), tied.bytes), try .sample("odd", .uint8, [257])], ties: [[0, 1]])),
            ("nothing", MLPBCodec(), MemoryCheckpoint([])),
        ]
    }
}

/// What a checkpoint says, in a form that two of can be compared; metadata by key, because MLPB sorts it.
struct Content: Equatable {
    var tensors: [TensorInfo], bytes: [[UInt8]]
    var texts: [[UInt8]: [UInt8]]
    var ties: [[Int]], optimizer: OptimizerState?
    var unsupported: [CheckpointIndex.Unsupported]

    init(_ checkpoint: any Checkpoint) throws(CheckpointError) {
        (tensors, bytes) = try fullContents(checkpoint)
        texts = [:]
        for entry in checkpoint.index.metadata.entries { texts[Array(entry.key.utf8)] = Array(entry.text.utf8) }
        ties = checkpoint.index.ties
        optimizer = checkpoint.index.optimizer
        unsupported = checkpoint.index.unsupported
    }
}
