import ByteIO
import Checkpoints
import MLPB
import Tensors
import Testing
import TestSupport

/// What a damaged file still proves.
@Suite struct SalvageTests {
    private func source() throws -> MemoryCheckpoint {
        let a = try MemoryTensor.sample("a", .float32, [30, 7], seed: 1)
        return MemoryCheckpoint(
            [a, try .sample("b", .uint8, [1000], seed: 2), MemoryTensor(a.info.named("a2"), a.bytes), try .sample("none", .int64, [0]), try .sample("s", .float64, [], seed: 3)],
            metadata: Metadata([("note", "kept"), (MetadataKey.network, "{}")]), ties: [[0, 2]])
    }

    private func salvaged(_ file: [UInt8]) throws -> (tensors: [String: [UInt8]], texts: [String], lost: [String]) {
        let (checkpoint, lost) = try MLPBCodec().salvage(CheckpointInput(MemorySource(file)))
        var tensors: [String: [UInt8]] = [:]
        for (position, tensor) in checkpoint.index.tensors.enumerated() { tensors[tensor.name] = try checkpoint.array(ofTensorAt: position) }
        return (tensors, checkpoint.index.metadata.entries.map(\.text), lost.map(\.name))
    }

    @Test("a whole file loses nothing")
    func whole() throws {
        let source = try source()
        let found = try MLPBCodec().salvage(CheckpointInput(MemorySource(written(source, as: MLPBCodec(blockSize: 256)))))
        #expect(try Content(found.checkpoint) == Content(source))
        #expect(found.lost.isEmpty)
    }

    @Test("MLPB-90 MLPB-91: a file cut anywhere gives back every tensor whose record it still has, and the texts before")
    func cut() throws {
        let source = try source()
        let file = try written(source, as: MLPBCodec(blockSize: 256))
        let parts = Forgery(file)
        for count in stride(from: 64, through: file.count, by: 17) {
            let expected = source.index.tensors.indices.filter { position in
                let foot = parts.tensors[position].foot
                return Int(read(foot, 8, 8)) + foot.count + 4 <= count
            }
            let found = try? salvaged(Array(file[..<count]))
            #expect((found?.tensors.keys.sorted() ?? []) == expected.map { source.index.tensors[$0].name }.sorted(), "\(count) bytes")
            for position in expected { #expect(found?.tensors[source.index.tensors[position].name] == (try source.array(ofTensorAt: position))) }
        }
    }

    @Test("MLPB-92: with one stretch of damage, every tensor whose data is whole is kept, and none that is not")
    func stretch() throws {
        let source = try source()
        let file = try written(source, as: MLPBCodec(blockSize: 256))
        let parts = Forgery(file)
        let places = parts.tensors.map { tensor -> Range<Int> in
            let start = (Int(read(tensor.head, 8, 8)) + tensor.head.count + 4 + 63) & ~63
            return start..<start + tensor.data.count
        }
        var random = SplitMix64(seed: 11)
        for _ in 0..<400 {
            // At most as long as the way from the last record to the index, so that the two copies are never hit at once.
            let start = Int.random(in: 0..<file.count - 1, using: &random)
            let range = start..<min(file.count, start + Int.random(in: 1...300, using: &random))
            if range.upperBound > Int(read(parts.tensors[4].head, 8, 8)), range.lowerBound < Int(read(parts.tail, 16, 8)) { continue }
            var damaged = file
            for place in range { damaged[place] ^= UInt8.random(in: 1...255, using: &random) }
            let found = try salvaged(damaged)
            for position in source.index.tensors.indices {
                let name = source.index.tensors[position].name
                let data = places[name == "a2" ? 0 : position]
                if data.isEmpty || !data.overlaps(range) {
                    #expect(found.tensors[name] == (try source.array(ofTensorAt: position)), "\(name) after damage at \(range)")
                } else {
                    #expect(found.tensors[name] == nil && found.lost.contains(name), "\(name) after damage at \(range)")
                }
            }
        }
    }

    @Test("a file within a tensor misleads nobody, and what is no MLPB file is not recognised")
    func nested() throws {
        let inner = try written(MemoryCheckpoint([try .sample("inner", .uint8, [100])]), as: MLPBCodec())
        let outer = MemoryCheckpoint([MemoryTensor(try TensorInfo(name: "outer", dtype: .uint8, sizes: [inner.count]), inner), try .sample("after")])
        var file = try written(outer, as: MLPBCodec())
        #expect(try salvaged(file).tensors.keys.sorted() == ["after", "outer"])
        // Its own data, index and tail damaged: the inner file is whole, and still not this one's.
        let place = try #require(file.indices.first { file[$0...].starts(with: inner) })
        file[place + 12] ^= 1
        file[file.count - 100] ^= 1
        let found = try salvaged(file)
        #expect(found.tensors.keys.sorted() == ["after"] && found.lost == ["outer"])
        #expect { try salvaged([UInt8](repeating: 0x89, count: 5000)) } throws: { ($0 as? CheckpointError)?.code == .notRecognised }
    }

    @Test("random damage, marks and all, is no trap and proves no wrong byte")
    func random() throws {
        let source = try source()
        let file = try written(source, as: MLPBCodec(blockSize: 256))
        var right: [String: [UInt8]] = [:]
        for (position, tensor) in source.index.tensors.enumerated() { right[tensor.name] = try source.array(ofTensorAt: position) }
        var random = SplitMix64(seed: 12)
        for _ in 0..<600 {
            var damaged = file
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                let at = Int.random(in: 0..<damaged.count - 64, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: damaged[at] = UInt8.random(in: 0...255, using: &random)
                case 1: damaged.removeSubrange(at..<at + Int.random(in: 1...64, using: &random))
                case 2: damaged.insert(contentsOf: damaged[at..<at + 64], at: Int.random(in: 0..<damaged.count, using: &random))
                default: damaged.replaceSubrange(at..<at + 64, with: damaged[0..<64])
                }
            }
            guard let found = try? salvaged(damaged) else { continue }
            for (name, bytes) in found.tensors { #expect(right[name] == bytes) }
        }
    }
}
