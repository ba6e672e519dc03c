import Architecture
import Checkpoints
@testable import Parity
import Testing

@Suite("The seeded batch is the one that Specs/Parity.md describes")
struct SeededBatchTests {
    @Test("PARITY-1 PARITY-2 PARITY-3: the first draws of each stream are the spec's")
    func draws() {
        // By the Python in Specs/Parity.md.
        let x = SeededStream(seed: 0, .x)
        #expect([x[0], x[1], x[2]] == Worked.drawsOfX)
        #expect((0..<4).map { SeededStream(seed: 7, .targets)[$0] } == Worked.drawsOfTargets)
    }

    @Test("PARITY-4: x is in [-1, 1), a multiple of 2^-23 and exact in float32")
    func exact() throws {
        let batch = try ParityBatch(seed: 3, rows: 64, input: 33, output: 5, loss: .softmaxCE)
        #expect(batch.x.count == 64 * 33)
        #expect(batch.x.allSatisfy { $0 >= -1 && $0 < 1 && Double(Float($0)) == $0 && ($0 * 0x1p23).rounded() == $0 * 0x1p23 })
        let mean = batch.x.reduce(0, +) / Double(batch.x.count)
        #expect(abs(mean) < 0.05)
        #expect((try ParityBatch(seed: 0, rows: 2, input: 3, output: 4, loss: .softmaxCE)).x == Worked.x)
    }

    @Test("PARITY-5 to PARITY-8: targets are what the loss takes, and the spec's")
    func targets() throws {
        func targets(_ loss: Loss.Kind) throws -> ParityBatch.Targets { try ParityBatch(seed: 0, rows: 2, input: 3, output: 4, loss: loss).targets }
        #expect(try targets(.softmaxCE) == .classes(Worked.classes))
        #expect(try targets(.bce) == .dense(Worked.bits))
        #expect(try targets(.mse) == .dense(Worked.dense))
        #expect(try targets(.softmaxCESoft) == .dense(Worked.soft))
        guard case .dense(let soft) = try ParityBatch(seed: 9, rows: 50, input: 1, output: 7, loss: .softmaxCESoft).targets else { return }
        for row in 0..<50 {
            let shares = soft[row * 7..<row * 7 + 7]
            #expect(shares.reduce(0, +) == 1 && shares.allSatisfy { $0 >= 0 && Double(Float($0)) == $0 })
        }
        guard case .classes(let labels) = try ParityBatch(seed: 1, rows: 500, input: 1, output: 7, loss: .softmaxCE).targets else { return }
        #expect(Set(labels) == Set(0..<7))
    }

    @Test("PARITY-9: a smaller batch is the beginning of a larger one")
    func prefix() throws {
        let small = try ParityBatch(seed: 5, rows: 4, input: 6, output: 3, loss: .mse), large = try ParityBatch(seed: 5, rows: 32, input: 6, output: 3, loss: .mse)
        #expect(small.x == Array(large.x.prefix(24)))
        guard case .dense(let few) = small.targets, case .dense(let many) = large.targets else { return }
        #expect(few == Array(many.prefix(12)))
    }

    @Test("a batch that no memory holds is refused")
    func limit() {
        for (rows, input) in [(Int.max, 2), (1 << 20, 1 << 20), (0, 3)] {
            #expect(throws: CheckpointError.self) { try ParityBatch(seed: 0, rows: rows, input: input, output: 1, loss: .mse) }
        }
    }
}
