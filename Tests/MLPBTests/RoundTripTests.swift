import ByteIO
import Checkpoints
import Foundation
import MLPB
import Tensors
import Testing
import TestSupport

@Suite struct RoundTripTests {
    @Test("MLPB-20 MLPB-54: everything an index can say comes back, every dtype and any name")
    func everything() throws {
        let source = try Sample.rich()
        let back = try MLPBCodec().open(written(source, as: MLPBCodec()))
        #expect(try Content(back) == Content(source))
        #expect(back.index.metadata.keys == ["", MetadataKey.network, "note", "z"])
    }

    @Test("MLPB-6: writing what was read gives the same bytes, and so does writing twice")
    func deterministic() throws {
        let first = try written(Sample.rich(), as: MLPBCodec())
        #expect(try written(Sample.rich(), as: MLPBCodec()) == first)
        #expect(try written(MLPBCodec().open(first), as: MLPBCodec()) == first)
    }

    @Test("MLPB-2: every tensor's data begins at a multiple of 64 and lies in place")
    func aligned() throws {
        let source = try Sample.rich()
        let file = try written(source, as: MLPBCodec())
        let back = try MLPBCodec().open(file)
        #expect(file.count % 64 == 0)
        for position in back.index.tensors.indices {
            let extent = try #require(back.extent(ofTensorAt: position))
            #expect(extent.offset % 64 == 0)
            #expect(try extent.source.bytes(at: extent.offset, count: extent.count) == source.array(ofTensorAt: position))
        }
    }

    @Test("MLPB-27: tied tensors of one content are stored once; views and strangers are not")
    func ties() throws {
        let big = try MemoryTensor.sample("a", .float32, [64, 64], seed: 3)
        let same = MemoryTensor(big.info.named("b"), big.bytes)
        let view = MemoryTensor(try TensorInfo(name: "c", dtype: .float32, sizes: [4096]), big.bytes)
        let other = MemoryTensor(big.info.named("d"), big.bytes.reversed())
        let checkpoint = MemoryCheckpoint([big, same, view, other], ties: [[0, 1, 2, 3]])
        let file = try written(checkpoint, as: MLPBCodec())
        #expect(file.count > 3 * big.bytes.count && file.count < 4 * big.bytes.count)
        let back = try MLPBCodec().open(file)
        #expect(try Content(back) == Content(checkpoint))
        #expect(back.extent(ofTensorAt: 0)?.offset == back.extent(ofTensorAt: 1)?.offset)
        let untied = try written(MemoryCheckpoint([big, same]), as: MLPBCodec())
        #expect(untied.count > 2 * big.bytes.count)
    }

    @Test("MLPB-45: any range of a tensor can be read, across blocks and within them")
    func ranges() throws {
        let sample = try MemoryTensor.sample("a", .uint8, [1000], seed: 4)
        let back = try MLPBCodec().open(written(MemoryCheckpoint([sample]), as: MLPBCodec(blockSize: 256)))
        let reader = try back.bytes(ofTensorAt: 0)
        let buffer = try ChunkBuffer(count: 2000)
        for (offset, count) in [(0, 1000), (0, 256), (255, 2), (1, 999), (512, 256), (999, 1), (1000, 0), (300, 30), (310, 400), (0, 0)] {
            try reader.read(at: offset, count: count, into: buffer, at: 7)
            #expect(buffer.array(7..<7 + count) == Array(sample.bytes[offset..<offset + count]))
        }
        #expect(throws: CheckpointError.self) { try reader.read(at: 999, count: 2, into: buffer, at: 0) }
    }

    @Test("MLPB-46: hashes are recorded for small files and when asked for, and agree with the contentHash of CLI.md")
    func hashes() throws {
        let source = try Sample.rich()
        var options = WriteOptions()
        options.recordsHashes = false
        let plain = try MLPBCodec().open(written(source, as: MLPBCodec(), options: options))
        let hashed = try MLPBCodec().open(written(source, as: MLPBCodec()))
        let buffer = try ChunkBuffer(count: 64)
        for position in hashed.index.tensors.indices {
            #expect(plain.storedSHA256(ofTensorAt: position) == nil)
            #expect(try hashed.storedSHA256(ofTensorAt: position) == ContentHash.sha256(ofTensorAt: position, in: source, through: buffer))
        }
        #expect(try Content(plain) == Content(hashed))
        #expect(try MLPBCodec().recordedContentHash(hashed) == ContentHash.combined(source.index.tensors.enumerated().map { ($1, ContentHash.sha256(try source.array(ofTensorAt: $0))) }))
        #expect(MLPBCodec().recordedContentHash(plain) == nil)
    }

    @Test("MLPB-7: it is written to a pipe in one pass")
    func pipe() throws {
        let source = try Sample.rich()
        var ends: [Int32] = [0, 0]
        #expect(unsafe Foundation.pipe(&ends) == 0)
        let output = OutputFile(descriptor: ends[1], path: nil, isSeekable: false)
        try MLPBCodec().write(source, to: output, options: WriteOptions())
        try output.flush()
        close(ends[1])
        let received = FileHandle(fileDescriptor: ends[0]).readDataToEndOfFile()
        close(ends[0])
        #expect(try [UInt8](received) == written(source, as: MLPBCodec()))
    }

    @Test("names that are doubled, ties that are no group and compression are refused before anything is written")
    func refusals() throws {
        let sample = try MemoryTensor.sample("a")
        #expect(throws: CheckpointError.self) { try written(MemoryCheckpoint([sample, sample]), as: MLPBCodec()) }
        #expect(throws: CheckpointError.self) { try written(MemoryCheckpoint([sample], ties: [[0]]), as: MLPBCodec()) }
        #expect(throws: CheckpointError.self) { try written(MemoryCheckpoint([sample], ties: [[0, 1]]), as: MLPBCodec()) }
        var deflate = WriteOptions()
        deflate.compression = .deflate
        #expect(throws: CheckpointError.self) { try written(MemoryCheckpoint([sample]), as: MLPBCodec(), options: deflate) }
        let long = try TensorInfo(name: String(repeating: "n", count: 65_536), dtype: .bool, sizes: [])
        #expect(MLPBCodec().objection(to: long) != nil)
        for dtype in DType.allCases { #expect(MLPBCodec().objection(to: try TensorInfo(name: "a", dtype: dtype, sizes: [1])) == nil) }
    }

    @Test("a name of 64 KiB is kept, and read where the limit allows it")
    func longName() throws {
        let name = String(repeating: "\u{E9}", count: 32_767)
        let file = try written(MemoryCheckpoint([try .sample(name)]), as: MLPBCodec())
        var limits = Limits()
        limits.nameBytes = 65_535
        #expect(try MLPBCodec().open(file, limits: limits).index.tensors.map(\.name) == [name])
        #expect { try MLPBCodec().open(file) } throws: { ($0 as? CheckpointError)?.code == .limit }
    }

    @Test("a tensor of 255 axes is kept, and read where the limit allows it; one of 256 is refused")
    func manyAxes() throws {
        let file = try written(MemoryCheckpoint([try .sample("a", .int8, [Int](repeating: 1, count: 255))]), as: MLPBCodec())
        var limits = Limits()
        limits.rank = 255
        #expect(try MLPBCodec().open(file, limits: limits).index.tensors[0].shape.rank == 255)
        #expect { try MLPBCodec().open(file) } throws: { ($0 as? CheckpointError)?.code == .limit }
        #expect(MLPBCodec().objection(to: try TensorInfo(name: "a", dtype: .int8, sizes: [Int](repeating: 1, count: 256))) != nil)
    }
}
