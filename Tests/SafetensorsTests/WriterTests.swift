import ByteIO
import Checkpoints
import Safetensors
import Tensors
import Testing
import TestSupport

@Suite struct WriterTests {
    private func sample() throws -> MemoryCheckpoint {
        var tensors = try DType.allCases.filter { $0 != .complex128 }.enumerated().map { number, dtype in
            try MemoryTensor.sample("t/\(dtype.rawValue)", dtype, [number % 3, 2], seed: UInt64(number))
        }
        tensors.append(try .sample("", .float64, []))
        tensors.append(try .sample("q\"\u{E9}\\\u{1F600}\u{1}", .uint8, [3]))
        tensors.append(MemoryTensor(tensors[11].info.named("tied"), tensors[11].bytes))
        return MemoryCheckpoint(
            tensors, metadata: Metadata([("z", "last"), ("a", "line\nbreak"), (MetadataKey.network, #"{"input":4}"#)]),
            ties: [[11, tensors.count - 1]],
            optimizer: OptimizerState(kind: "adam", step: 3, slots: [.init(tensor: "t/int8", slot: "m", parameter: "t/bool")]))
    }

    @Test("everything an index can say comes back: order, ties, optimizer and texts too")
    func roundTrip() throws {
        let source = try sample()
        let back = try SafetensorsCodec().open(written(source, as: SafetensorsCodec()))
        let (tensors, bytes) = try fullContents(back)
        #expect(tensors == source.index.tensors)
        for position in tensors.indices { #expect(bytes[position] == (try source.array(ofTensorAt: position))) }
        #expect(back.index.metadata == Metadata(source.index.metadata.entries.map { ($0.key, $0.text) }.sorted { $0.0 < $1.0 }))
        #expect(back.index.ties == source.index.ties)
        #expect(back.index.optimizer == source.index.optimizer)
    }

    @Test("the same checkpoint gives the same bytes, in whatever order its metadata stands, and so does what was read")
    func deterministic() throws {
        let first = try written(sample(), as: SafetensorsCodec())
        #expect(try written(SafetensorsCodec().open(first), as: SafetensorsCodec()) == first)
        let a = try MemoryTensor.sample("a")
        #expect(try written(MemoryCheckpoint([a], metadata: Metadata([("x", "1"), ("y", "2")])), as: SafetensorsCodec())
            == written(MemoryCheckpoint([a], metadata: Metadata([("y", "2"), ("x", "1")])), as: SafetensorsCodec()))
    }

    @Test("data begins at a multiple of 64, and tensors stand by dtype, widest first, then by name")
    func layout() throws {
        let source = MemoryCheckpoint([try .sample("b", .uint8, [3]), try .sample("a", .uint8, [1]), try .sample("z", .float64, [2]), try .sample("y", .float32, [1])])
        let file = try written(source, as: SafetensorsCodec())
        let back = try SafetensorsCodec().open(file)
        #expect(back.index.tensors.map(\.name) == ["b", "a", "z", "y"])
        let places = back.index.tensors.indices.compactMap { back.extent(ofTensorAt: $0)?.offset }
        #expect(places[2] % 64 == 0)
        #expect(places == [places[2] + 21, places[2] + 20, places[2], places[2] + 16])
        #expect(file.count == places[2] + 24)
    }

    @Test("the bytes are those of the reference writer, but for the blanks that align the data")
    func asReference() throws {
        for name in ["parity/seed-4-8-3/model_numpy.safetensors", "parity/deep-relu-20-64-32-16-10/model_numpy.safetensors"] {
            let reference = try Fixtures.bytes(name)
            let checkpoint = try SafetensorsCodec().open(reference)
            #expect(checkpoint.index.metadata.isEmpty)
            #expect(try parts(written(checkpoint, as: SafetensorsCodec())) == parts(reference))
        }
    }

    /// The header without its padding, and the data.
    private func parts(_ file: [UInt8]) -> [[UInt8]] {
        let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        var header = Array(file[8..<8 + length])
        while header.last == UInt8(ascii: " ") { header.removeLast() }
        return [header, Array(file[(8 + length)...])]
    }

    @Test("what it has no name for is refused with the remedy, before anything is written")
    func refusals() throws {
        for (dtype, remedy) in [(DType.complex128, "mlpb")] {
            let sample = try MemoryTensor.sample("a", dtype)
            #expect(SafetensorsCodec().objection(to: sample.info)?.contains(remedy) == true)
            #expect { try written(MemoryCheckpoint([sample]), as: SafetensorsCodec()) } throws: { ($0 as? CheckpointError)?.code == .unsupported }
        }
        #expect(SafetensorsCodec().objection(to: try TensorInfo(name: "__metadata__", dtype: .bool, sizes: [])) != nil)
        let twice = try MemoryTensor.sample("a")
        #expect(throws: CheckpointError.self) { try written(MemoryCheckpoint([twice, twice]), as: SafetensorsCodec()) }
        var deflate = WriteOptions()
        deflate.compression = .deflate
        #expect(throws: CheckpointError.self) { try written(MemoryCheckpoint([twice]), as: SafetensorsCodec(), options: deflate) }
    }
}
