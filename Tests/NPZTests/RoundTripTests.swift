import ByteIO
import Checkpoints
import Tensors
import TestSupport
import Testing
import Zip

@testable import NPZ

@Suite("Archives that we write, we read") struct RoundTripTests {
    static let shapes: [[Int]] = [[], [1], [7], [0], [3, 0, 2], [4, 5], [2, 3, 4], [1, 1, 1, 1, 1, 2], [300, 301]]

    static func everything() throws -> [MemoryTensor] {
        try DType.allCases.enumerated().map { try MemoryTensor.sample("all/\($1.rawValue)", $1, [3, 5], seed: UInt64($0)) }
            + shapes.enumerated().map { try MemoryTensor.sample("shape \($0)", .float32, $1, seed: 99) }
            + ["", ".npy.", "a/b/../c", "λ", "e\u{301}", "é", "tab\t\u{1b}[0m", "mlpconv", "x.npy"].map { try MemoryTensor.sample($0, .float64, [2]) }
    }

    static func options(_ compression: WriteOptions.Compression, _ level: Int?) -> WriteOptions {
        var options = WriteOptions()
        options.compression = compression
        options.level = level
        return options
    }

    // NPZ-1, NPZ-15, NPZ-16, NPZ-19, NPZ-20, NPZ-21, NPZ-23
    @Test("every dtype, shape and name comes back exactly, stored and deflated at every level",
          arguments: [(WriteOptions.Compression.none, nil as Int?), (.deflate, nil)] + (0...9).map { (.deflate, $0) })
    func exact(compression: WriteOptions.Compression, level: Int?) throws {
        let source = try MemoryCheckpoint(Self.everything(), metadata: Metadata([("note", "a \"quoted\" text"), ("é", "1"), ("e\u{301}", "2")]))
        let bytes = try written(source, as: NPZCodec(), options: Self.options(compression, level))
        let read = try NPZCodec().open(bytes)
        let (tensors, data) = try fullContents(read)
        let (expected, expectedData) = try fullContents(source)
        #expect(tensors == expected)
        #expect(data == expectedData)
        #expect(read.index.metadata == source.index.metadata)
        #expect(read.index.unsupported.isEmpty)
        #expect(try NPZCodec().confidence(in: CheckpointInput(MemorySource(bytes))) == .certain)
        // The data of a stored array lie in place, on a multiple of 64.
        for position in tensors.indices where compression == .none {
            let extent = try #require(read.extent(ofTensorAt: position))
            #expect(extent.offset % 64 == 0)
            #expect(try extent.source.bytes(at: extent.offset, count: extent.count) == data[position])
        }
        #expect(try written(read, as: NPZCodec(), options: Self.options(compression, level)) == bytes, "the same bytes again")
    }

    // NPZ-19
    @Test("arrays larger than every buffer go straight through, to a file and to a pipe", arguments: [true, false])
    func large(seekable: Bool) throws {
        let source = try MemoryCheckpoint([.sample("big", .float32, [700, 1000]), .sample("small", .int8, [3])])
        for compression in WriteOptions.Compression.allCases {
            let bytes = try writtenBytes(seekable: seekable) { try NPZCodec().write(source, to: $0, options: Self.options(compression, 1)) }
            let (tensors, data) = try fullContents(NPZCodec().open(bytes))
            #expect(tensors == source.index.tensors)
            #expect(try data == fullContents(source).bytes)
        }
    }

    // NPZ-10
    @Test("pieces of any size at any place are the same bytes, also of big-endian and Fortran arrays")
    func pieces() throws {
        for name in ["fortran", "fortran3d", "dtype_be_f8", "dtype_be_c16", "v1"] {
            let path = try Fixtures.path("bad-input/npy/\(name).npy")
            let checkpoint = try NPYCodec().open(CheckpointInput(path: path), limits: .default)
            let whole = try checkpoint.array(ofTensorAt: 0)
            let buffer = try ChunkBuffer(count: whole.count + 8)
            var random = SplitMix64(seed: 5)
            let reader = try checkpoint.bytes(ofTensorAt: 0)
            for _ in 0..<100 {
                let start = Int.random(in: 0...whole.count, using: &random)
                let count = Int.random(in: 0...whole.count - start, using: &random)
                try reader.read(at: start, count: count, into: buffer, at: 8)
                #expect(buffer.array(8..<8 + count) == Array(whole[start..<start + count]))
            }
            #expect(throws: CheckpointError.self) { try reader.read(at: 1, count: whole.count, into: buffer, at: 0) }
            #expect(throws: CheckpointError.self) { try reader.read(at: -1, count: 1, into: buffer, at: 0) }
        }
    }

    // NPZ-12, NPZ-20
    @Test("what numpy cannot name is written as void, named in our metadata, and restored")
    func sidecar() throws {
        let source = try MemoryCheckpoint(
            [.sample("w", .bfloat16), .sample("f", .float8_e4m3fn), .sample("v", .void16), .sample("m", .bfloat16)],
            metadata: Metadata([("k", "v")]), ties: [[0, 3]],
            optimizer: OptimizerState(kind: "Adam", step: 3, slots: [.init(tensor: "m", slot: "m", parameter: "w")]))
        let bytes = try written(source, as: NPZCodec())
        let read = try NPZCodec().open(bytes)
        #expect(read.index.tensors == source.index.tensors)
        #expect(read.index.ties == source.index.ties)
        #expect(read.index.optimizer == source.index.optimizer)
        #expect(read.index.metadata == source.index.metadata)
        // Another writer's archive says nothing of them: two bytes are void16, one byte is listed.
        let directory = try ZipDirectory(MemorySource(bytes))
        let bare = try writtenBytes { output in
            let writer = ZipWriter(output)
            for entry in directory.entries { try writer.add(entry.name, directory.bytes(of: entry, atMost: 1000)) }
            try writer.finish()
        }
        let plain = try NPZCodec().open(bare)
        #expect(plain.index.tensors.map(\.name) == ["w", "v", "m"])
        #expect(plain.index.tensors.allSatisfy { $0.dtype == .void16 })
        #expect(plain.index.unsupported.map(\.name) == ["f"])
    }

    // NPZ-25
    @Test("metadata beyond what a zip comment holds go into a member and come back", arguments: [60_000, 70_000, 1_000_000])
    func longMetadata(count: Int) throws {
        let metadata = Metadata([("text", String(repeating: "x", count: count)), ("more", "y")])
        let source = try MemoryCheckpoint([.sample("w", .bfloat16)], metadata: metadata)
        for compression in WriteOptions.Compression.allCases {
            let bytes = try written(source, as: NPZCodec(), options: Self.options(compression, nil))
            let directory = try ZipDirectory(MemorySource(bytes))
            #expect((directory.entry(named: NPZMetadata.memberName) != nil) == (count > 65_000))
            let read = try NPZCodec().open(bytes)
            try read.verifyRemainder()
            #expect(read.index.metadata == metadata)
            #expect(read.index.tensors == source.index.tensors)
            #expect(try NPZCodec().confidence(in: CheckpointInput(MemorySource(bytes))) == .certain)
        }
    }

    // NPZ-24, NPZ-26
    @Test("a foreign comment is kept; a damaged one of ours is refused")
    func comments() throws {
        func archive(_ comment: String) throws -> any Checkpoint {
            try NPZCodec().open(writtenBytes { output in
                let writer = ZipWriter(output)
                try writer.add("a.npy", NPYHeader.bytes(for: TensorInfo(name: "a", dtype: .int8, sizes: [2])) + [1, 2])
                try writer.finish(comment: Array(comment.utf8))
            })
        }
        #expect(try archive("made by hand").index.metadata == Metadata([("zip.comment", "made by hand")]))
        #expect(try archive("{\"a\":1}").index.metadata == Metadata([("zip.comment", "{\"a\":1}")]))
        #expect(try archive("{\"mlpconv.dialect\":\"torch\"}").index.metadata == Metadata([("mlpconv.dialect", "torch")]))
        #expect(throws: CheckpointError.self) { try archive("{\"mlpconv.dialect\":\"torch\"") }
        let ours = String(decoding: try #require(NPZMetadata.encoded(Metadata([("network", "784-10")]))), as: UTF8.self)
        #expect(try archive(ours).index.metadata == Metadata([("network", "784-10")]))
        #expect(throws: CheckpointError.self) { try archive(ours.replacing("784", with: "785")) }
    }

    // NPZ-22, NPZ-27
    @Test("what an archive cannot hold is refused before a byte is written, with a remedy")
    func objections() throws {
        func refusal(_ tensors: [MemoryTensor], _ codec: any WritableCheckpointCodec) throws -> CheckpointError? {
            var found: CheckpointError?
            let bytes = try writtenBytes { output in
                do throws(CheckpointError) { try codec.write(MemoryCheckpoint(tensors), to: output, options: WriteOptions()) } catch { found = error }
            }
            if found != nil { #expect(bytes.isEmpty) }
            return found
        }
        let npz = NPZCodec(), npy = NPYCodec()
        #expect(try refusal([.sample("a"), .sample("a")], npz)?.code == .mismatch)
        #expect(try refusal([.sample("a"), .sample("a.npy")], npz)?.code == .lossRefused)
        #expect(try refusal([.sample("a\0b")], npz)?.code == .lossRefused)
        #expect(try refusal([.sample("mlpconv.json")], npz)?.code == .lossRefused)
        #expect(try refusal([.sample(String(repeating: "n", count: 65_532))], npz)?.code == .lossRefused)
        #expect(try refusal([.sample("a", .int8, [Int](repeating: 1, count: 65))], npz)?.code == .lossRefused)
        #expect(try refusal([.sample("a", .int8, [Int](repeating: 1, count: 64))], npz) == nil)
        let several = try #require(try refusal([.sample("a"), .sample("b")], npy))
        #expect(several.code == .lossRefused && several.message.contains("write npz"))
        #expect(try refusal([], npy)?.code == .lossRefused)
        #expect(try refusal([.sample("a", .bfloat16)], npy)?.code == .lossRefused)
        #expect(try refusal([.sample("a", .void16)], npy) == nil)
    }

    // NPZ-27
    @Test("a lone array comes back exactly, under no name")
    func loneArray() throws {
        for tensor in try Self.everything() where NPYCodec().objection(to: tensor.info) == nil {
            let bytes = try written(MemoryCheckpoint([tensor]), as: NPYCodec())
            let read = try NPYCodec().open(bytes)
            #expect(try read.index.tensors == [TensorInfo(name: "", dtype: tensor.info.dtype, shape: tensor.info.shape)])
            #expect(try read.array(ofTensorAt: 0) == tensor.bytes)
            #expect(read.extent(ofTensorAt: 0)?.count == tensor.bytes.count)
            #expect(try NPYCodec().confidence(in: CheckpointInput(MemorySource(bytes))) == .certain)
        }
    }

    // NPZ-18
    @Test("another format's zip is not claimed")
    func detection() throws {
        func confidence(_ names: [String]) throws -> Confidence {
            try NPZCodec().confidence(in: CheckpointInput(MemorySource(writtenBytes { output in
                let writer = ZipWriter(output)
                for name in names { try writer.add(name, [1, 2, 3]) }
                try writer.finish()
            })))
        }
        #expect(try confidence(["config.json", "metadata.json", "model.weights.h5"]) == .none)
        #expect(try confidence(["config.json", "metadata.json", "x.npy"]) == .none)
        #expect(try confidence(["net/data.pkl", "net/data/0", "net/version"]) == .none)
        #expect(try confidence(["README.md"]) == .none)
        #expect(try confidence(["README.md", "a.npy"]) == .strong)
        #expect(try confidence(["a.npy"]) == .certain)
        #expect(try confidence([]) == .weak)
    }

    // NPZ-17
    @Test("limits hold for one array, for all together, and for what the archive itself asks")
    func limits() throws {
        let bytes = try written(MemoryCheckpoint([.sample("a", .float32, [100]), .sample("b", .float32, [100])]), as: NPZCodec())
        func code(_ change: (inout Limits) -> Void) -> CheckpointError.Code? {
            var limits = Limits.default
            change(&limits)
            do throws(CheckpointError) { _ = try NPZCodec().open(bytes, limits: limits) } catch { return error.code }
            return nil
        }
        #expect(code { _ in } == nil)
        #expect(code { $0.tensorBytes = 300 } == .limit)
        #expect(code { $0.totalBytes = 700 } == .limit)
        #expect(code { $0.tensors = 1 } == .limit)
        #expect(code { $0.headerBytes = 50 } == .limit)
        #expect(code { $0.nameBytes = 3 } == .limit)
        #expect(code { $0.rank = 0 } == .limit)
    }
}
