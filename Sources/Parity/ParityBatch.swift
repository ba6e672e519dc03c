public import Architecture
public import Checkpoints

/// The rows on which networks are compared. Held in float64; a seeded batch is exact in float32 too, so both precisions see the same numbers.
public struct ParityBatch: Sendable, Hashable {
    public enum Targets: Sendable, Hashable {
        /// A class a row.
        case classes([Int])
        /// [rows, output], row-major.
        case dense([Double])
    }

    public let rows: Int
    public let input: Int
    /// [rows, input], row-major.
    public let x: [Double]
    public let targets: Targets

    public init(x: [Double], rows: Int, input: Int, targets: Targets) {
        self.x = x
        self.rows = rows
        self.input = input
        self.targets = targets
    }

    /// Its first `count` rows, which it has.
    func first(_ count: Int) -> ParityBatch {
        let targets: Targets = switch targets {
        case .classes(let classes): .classes(Array(classes.prefix(count)))
        case .dense(let values): .dense(Array(values.prefix(values.count / rows * count)))
        }
        return ParityBatch(x: Array(x.prefix(count * input)), rows: count, input: input, targets: targets)
    }

    /// The first `rows` rows of the seed's endless batch for a network of `input` columns, `output` outputs and a loss (PARITY-4 to PARITY-8).
    /// Throws `limit` when x or the targets would be more than 2^28 numbers.
    public init(seed: UInt64, rows: Int, input: Int, output: Int, loss: Loss.Kind) throws(CheckpointError) {
        let (count, overflow) = rows.multipliedReportingOverflow(by: max(input, output))
        guard rows >= 1, input >= 1, output >= 1, !overflow, count <= 1 << 28 else {
            throw CheckpointError(.limit, "a batch of \(rows) rows of \(input) inputs and \(output) outputs is empty or over the limit of 268,435,456 numbers; choose another --batch")
        }
        let stream = SeededStream(seed: seed, .x), wanted = SeededStream(seed: seed, .targets)
        let x = (0..<rows * input).map { stream.unit(at: $0) }
        let targets: Targets
        switch loss {
        case .softmaxCE:
            targets = .classes((0..<rows).map { Int(truncatingIfNeeded: ((wanted[$0] >> 32) &* UInt64(output)) >> 32) })
        case .bce:
            targets = .dense((0..<rows * output).map { wanted[$0] >> 63 == 1 ? 1 : 0 })
        case .mse:
            targets = .dense((0..<rows * output).map { wanted.unit(at: $0) })
        case .softmaxCESoft:
            var soft = [Double](repeating: 0, count: rows * output)
            for row in 0..<rows {
                let weights = (0..<output).map { (wanted[row * output + $0] >> 48) + 1 }
                let sum = weights.reduce(0, +)
                var rest = 1 << 20
                for column in 1..<max(output, 1) {
                    let share = Int(weights[column] << 20 / sum)
                    soft[row * output + column] = Double(share) * 0x1p-20
                    rest -= share
                }
                soft[row * output] = Double(rest) * 0x1p-20
            }
            targets = .dense(soft)
        }
        self.init(x: x, rows: rows, input: input, targets: targets)
    }
}
