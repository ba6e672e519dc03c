import ByteIO
import Checkpoints
import MLPB
import Testing
import TestSupport

/// MLPB-8, the promise of the format: no damage passes.
@Suite struct DamageTests {
    @Test("MLPB-8: every single flipped bit of a small file is an error", arguments: 0..<3)
    func flips(number: Int) throws {
        let small = try Sample.smallFiles()[number]
        var file = try written(small.checkpoint, as: small.codec)
        #expect(file.count <= 4096, "\(small.name) has \(file.count) bytes")
        #expect(try Content(small.codec.open(file)) == Content(small.checkpoint))
        for place in file.indices {
            for bit in 0..<8 {
                file[place] ^= 1 << bit
                #expect(throws: CheckpointError.self, "\(small.name): bit \(bit) of byte \(place)") { try fullContents(small.codec.open(file)) }
                file[place] ^= 1 << bit
            }
        }
    }

    @Test("MLPB-8: every truncation and every appended byte is an error", arguments: 0..<3)
    func cuts(number: Int) throws {
        let small = try Sample.smallFiles()[number]
        let file = try written(small.checkpoint, as: small.codec)
        for count in 0..<file.count {
            #expect(throws: CheckpointError.self, "\(small.name): the first \(count) bytes") { try small.codec.open(Array(file[..<count])) }
        }
        for extra in [1, 64, 128] {
            #expect(throws: CheckpointError.self) { try small.codec.open(file + [UInt8](repeating: 0, count: extra)) }
            #expect(throws: CheckpointError.self) { try small.codec.open([UInt8](repeating: 0, count: extra) + file) }
        }
    }

    @Test("MLPB-8: of thousands of random mutations none is a trap, and none changes the content unseen", arguments: 0..<3)
    func mutations(number: Int) throws {
        let small = try Sample.smallFiles()[number]
        let original = try written(small.checkpoint, as: small.codec), content = try Content(small.checkpoint)
        var random = SplitMix64(seed: UInt64(number))
        let numbers: [UInt64] = [0, 1, 255, 256, 1 << 31, 1 << 32 - 1, 1 << 63, .max]
        var errors = 0
        for _ in 0..<2000 {
            var file = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                guard file.count > 64 else { break }
                let at = Int.random(in: 0..<file.count - 32, using: &random)
                let count = Int.random(in: 1...32, using: &random)
                switch Int.random(in: 0..<8, using: &random) {
                case 0: file[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: for place in at..<at + count { file[place] = UInt8.random(in: 0...255, using: &random) }
                case 2: for place in at..<at + count { file[place] = 0 }
                case 3: put(numbers.randomElement(using: &random) ?? 0, 8, at: at & ~7, in: &file)
                case 4: file.removeSubrange(at..<at + count)
                case 5: file.insert(contentsOf: file[at..<at + count], at: Int.random(in: 0...file.count, using: &random))
                case 6: file.replaceSubrange(at & ~63..<at & ~63 + 32, with: file[0..<32])
                default: file.removeLast(count)
                }
            }
            let input = try CheckpointInput(MemorySource(file))
            _ = MLPBCodec().confidence(in: input)
            do throws(CheckpointError) {
                let found = try Content(MLPBCodec().open(input, limits: .default))
                #expect(found == content)
            } catch { errors += 1 }
        }
        #expect(errors > 1000)
    }
}
