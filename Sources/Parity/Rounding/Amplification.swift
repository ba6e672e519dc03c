import Architecture

/// How much larger errors come out than independent ones would: those of one layer's units reach the next layer together, and where its weights
/// are alike they add up (PARITY-23). Measured: the network is run on the first rows at rest and a few times stirred by the errors of its own
/// roundings, and what that does to a quantity is compared with its variance.
struct Amplification {
    static let probes = 8
    static let rows = 8

    private var found: [String: [Double]] = [:]

    init(
        _ description: NetworkDescription, _ parameters: [String: [Double]], _ batch: ParityBatch, _ loss: Loss, _ subgradient: Subgradient,
        _ alternatives: [Int: Layer], narrows: Bool
    ) {
        let size = parameters.values.reduce(1) { $0 + $1.count }
        let sample = batch.first(max(1, min(batch.rows, Self.rows, (1 << 27) / size)))
        func run(_ noise: RoundingNoise?, _ still: [String: RoundingField]?) -> [String: RoundingField] {
            RoundingModel(
                description, parameters: parameters, batch: sample, loss: loss, subgradient: subgradient,
                unit: RoundingUnit(stirredBy: noise, narrows: narrows), alternatives: alternatives, still: still
            ).fields
        }
        let still = run(nil, nil)
        let stirred = (0..<Self.probes).map { run(RoundingNoise(probe: $0), still) }
        for (name, field) in still {
            let width = Self.width(name, field, sample, parameters)
            var expected = [Double](repeating: 0, count: width), measured = expected
            for e in field.values.indices {
                expected[e % width] += field.variances[e]
                for probe in stirred {
                    let shift = (probe[name]?.values[e] ?? 0) - field.values[e]
                    if shift.isFinite { measured[e % width] += shift * shift / Double(Self.probes) }
                }
            }
            let whole = Self.ratio(measured.reduce(0, +), expected.reduce(0, +))
            found[name] = (0..<width).map { max(whole, Self.ratio(measured[$0], expected[$0])) }
        }
    }

    /// One factor a column of the quantity; nil for one that was not measured.
    func factors(of quantity: String) -> [Double]? { found[quantity] }

    /// The last axis: units for what has rows and for kernels.
    private static func width(_ name: String, _ field: RoundingField, _ batch: ParityBatch, _ parameters: [String: [Double]]) -> Int {
        guard name.hasPrefix("grad.L"), name.hasSuffix(".kernel") else {
            let isVector = parameters[String(name.dropFirst(5))] != nil || field.values.count % batch.rows != 0
            return isVector ? max(field.values.count, 1) : max(field.values.count / batch.rows, 1)
        }
        let bias = name.dropFirst(5).dropLast(6) + "bias"
        return parameters[String(bias)]?.count ?? 1
    }

    private static func ratio(_ measured: Double, _ expected: Double) -> Double {
        expected > 0 && measured.isFinite ? max(1, measured / expected) : 1
    }
}
