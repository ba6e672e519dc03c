import ByteIO
import Checkpoints
import MLPB
import StrictJSON
import Tensors
import Testing
import TestSupport

/// Files that version 1.0 wrote, and beside each what the independent reader (Specs/mlpb_reader.py) printed of it.
@Suite struct GoldenTests {
    private static func samples() throws -> [(name: String, bytes: [UInt8])] {
        var samples = try Sample.smallFiles().map { ($0.name, try written($0.checkpoint, as: $0.codec)) }
        var options = WriteOptions()
        options.recordsHashes = false
        samples.append(("rich", try written(Sample.rich(), as: MLPBCodec(), options: options)))
        return samples
    }

    @Test("MLPB-6 MLPB-100: today's writer makes the bytes that version 1.0 made")
    func bytes() throws {
        for (name, bytes) in try Self.samples() {
            if try bytes != Fixtures.bytes("mlpb/\(name).mlpb") { Issue.record("\(name).mlpb is not what is written today") }
        }
    }

    @Test("MLPB-100: today's reader says of those files what the independent reader says")
    func readers() throws {
        for (name, _) in try Self.samples() {
            let checkpoint = try MLPBCodec().open(CheckpointInput(path: Fixtures.path("mlpb/\(name).mlpb")), limits: .default)
            try checkpoint.verifyRemainder()
            let other = try Fixtures.json("mlpb/\(name).json")
            let index = checkpoint.index
            let buffer = try ChunkBuffer(count: 4096)
            let hashed = try index.tensors.enumerated().map { ($1, try ContentHash.sha256(ofTensorAt: $0, in: checkpoint, through: buffer)) }
            let tensors = hashed.map { info, sha256 -> JSONValue in
                ["name": .string(info.name), "dtype": .string(info.dtype.rawValue), "shape": .array(info.shape.sizes.map { .integer($0) }), "sha256": .string(sha256)]
            }
            #expect(other["tensors"] == .array(tensors), "\(name)")
            #expect(other["contentHash"]?.string == ContentHash.combined(hashed.map { (info: $0, sha256: $1) }), "\(name)")
            #expect(other["network"] == .optional(index.metadata[MetadataKey.network].map { .string($0) }))
            let texts = index.metadata.entries.filter { $0.key != MetadataKey.network }.map { JSONValue.Member($0.key, .string($0.text)) }
            #expect(other["metadata"] == .object(texts))
            #expect(other["ties"] == .array(index.ties.map { .strings($0.map { index.tensors[$0].name }) }))
            #expect(other["optimizer"]?["kind"]?.string == index.optimizer?.kind)
            #expect(other["optimizer"]?["slots"]?.array?.count == index.optimizer?.slots.count)
        }
    }
}
