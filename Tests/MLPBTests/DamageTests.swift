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
}
