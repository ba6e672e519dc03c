import Architecture
import MLP

/// How far two correct passes through one network may differ by rounding alone, element by element (PARITY-20 to PARITY-29): the network run by
/// the textbook in float64, with the variance of its rounding errors carried along, forward and back.
struct RoundingModel {
    /// A bound is this many standard deviations. One rounding is never more than 1.74 of them.
    static let deviations = 16.0
    /// The error of an elementary function, in units of its magnitude, taken for a standard deviation.
    static let elementary = 2.0

    let description: NetworkDescription
    let batch: ParityBatch
    let loss: Loss
    let subgradient: Subgradient
    let unit: RoundingUnit
    /// Layers whose attributes the other side has otherwise by no more than a rounding to float32.
    let alternatives: [Int: Layer]
    /// The values of a quantity on either side, where both are known: what decides whether a kink was crossed.
    let sides: (String) -> (a: [Double], b: [Double])?
    private let parameters: [String: [Double]]

    private(set) var fields: [String: RoundingField] = [:]
    /// The fields at rest, where values are stirred.
    private let still: [String: RoundingField]?
    private var amplification: Amplification?
    /// Units at whose kink the two sides fell on different sides, within the bound: `L0 row 3 unit 5`.
    private(set) var crossings: [String] = []

    init(
        _ description: NetworkDescription, parameters: [String: [Double]], batch: ParityBatch, loss: Loss, subgradient: Subgradient,
        unit: RoundingUnit, alternatives: [Int: Layer] = [:], sides: @escaping (String) -> (a: [Double], b: [Double])? = { _ in nil }, still: [String: RoundingField]? = nil
    ) {
        self.description = description
        self.parameters = parameters
        self.batch = batch
        self.loss = loss
        self.subgradient = subgradient
        self.unit = unit
        self.alternatives = alternatives
        self.sides = sides
        self.still = still
        run()
    }

    /// The bound of each element of the quantity; nil where the model has no such quantity.
    func bound(of quantity: String) -> [Double]? {
        guard let field = fields[quantity] else { return nil }
        let factors = amplification?.factors(of: quantity) ?? [1]
        return field.variances.indices.map { Self.deviations * (field.variances[$0] * factors[$0 % factors.count]).squareRoot() }
    }

    private func parameter(_ name: String) -> RoundingField? {
        parameters[name].map { RoundingField(inputs: $0, unit) }
    }

    /// The largest bound of a quantity, scaled as a difference is: by max(1e-6, the quantity's largest magnitude).
    var tolerance: Double {
        fields.reduce(0) { tolerance, entry in
            if entry.key == "x" { return tolerance }
            let largest = entry.value.values.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 }
            let widest = (bound(of: entry.key) ?? []).reduce(0) { $1.isFinite ? max($0, $1) : $0 }
            return max(tolerance, widest / max(1e-6, largest))
        }
    }

    private mutating func note(_ name: String, _ field: RoundingField) {
        fields[name] = field
    }

    /// A layer on the way forward: what came in, its z, what norms keep.
    private struct Trace {
        var input, pre, output: RoundingField
        var inWidth, outWidth: Int
        var norm: RoundedNorm?
    }

    private mutating func run() {
        let rows = batch.rows
        var traces: [Trace] = []
        var current = RoundingField(inputs: batch.x, unit), width = batch.input
        fields["x"] = current
        for (i, layer) in description.layers.enumerated() {
            var trace = Trace(input: current, pre: current, output: current, inWidth: width, outWidth: width)
            switch layer {
            case .dense(let units, _, let activation):
                let kernel = parameter("L\(i).kernel") ?? RoundingField(values: [], variances: [])
                var z = RoundingField.product(current, leftRow: width, leftColumn: 1, kernel, m: rows, k: width, n: units, unit)
                if let bias = parameter("L\(i).bias") {
                    for e in z.values.indices {
                        let own = unit.rounding(z.values[e] + bias.values[e % units])
                        z.values[e] = unit.stirred(z.values[e] + bias.values[e % units], own)
                        z.variances[e] += bias.variances[e % units] + own
                    }
                }
                note("L\(i).pre", z)
                (trace.pre, trace.outWidth) = (z, units)
                trace.output = rounded(activation, i).forward(z, rows: rows, width: units, still: still?["L\(i).pre"]?.values)
            case .activation(let activation):
                trace.output = rounded(activation, i).forward(current, rows: rows, width: width, still: still?[input(of: i)]?.values)
            case .batchNorm(let eps, _, _):
                let norm = RoundedNorm(batch: current, rows, width, eps: eps, other: alternativeEps(i), mean: parameters["L\(i).moving_mean"] ?? [],
                                       variance: parameters["L\(i).moving_var"] ?? [], unit)
                trace.output = norm.scaled(parameter("L\(i).gamma"), parameter("L\(i).beta"), unit)
                trace.norm = norm
            case .layerNorm(let eps, _, _):
                let norm = RoundedNorm(layer: current, rows, width, eps: eps, other: alternativeEps(i), unit)
                trace.output = norm.scaled(parameter("L\(i).gamma"), parameter("L\(i).beta"), unit)
                trace.norm = norm
            case .dropout, .flatten: break
            }
            note("L\(i).act", trace.output)
            (current, width) = (trace.output, trace.outWidth)
            traces.append(trace)
        }

        // The head: the last layer that computes anything, and what the loss is taken of (MLP's LossTable).
        let head = description.layers.lastIndex { layer in
            switch layer {
            case .dropout, .flatten: false
            default: true
            }
        }
        let own = description.head
        var logits = current
        var isNormHead = true
        if let head {
            switch description.layers[head] {
            case .dense, .activation: (logits, isNormHead) = (traces[head].pre, false)
            default: break
            }
        }
        let isFused = loss.kind.isFused(with: own)
        note("logits", logits)
        let completion = own == .linear ? loss.kind.impliedHead : nil
        note("output", completion.map { RoundedActivation($0, nil, [], subgradient, unit).forward(logits, rows: rows, width: width) } ?? current)
        let rounded = RoundedLoss(loss, of: isFused ? logits : current, batch.targets, rows: rows, width: width, unit)
        note("loss", RoundingField(values: [rounded.value], variances: [rounded.variance]))
        var gradient = rounded.gradient
        if isFused || isNormHead { note("grad.logits", gradient) }

        for (i, layer) in description.layers.enumerated().reversed() {
            let trace = traces[i]
            let isFusedHead = isFused && i == head && !isNormHead
            if !isFusedHead { note("grad.L\(i).act", gradient) }
            switch layer {
            case .dense(_, _, let activation):
                let (rows, n, k) = (rows, trace.outWidth, trace.inWidth)
                if !isFusedHead { gradient = back(activation, i, trace.pre, gradient, "L\(i).pre", n) }
                if i == head { note("grad.logits", gradient) }
                note("grad.L\(i).pre", gradient)
                note("grad.L\(i).kernel", .product(trace.input, leftRow: 1, leftColumn: k, gradient, m: k, k: rows, n: n, unit))
                note("grad.L\(i).bias", gradient.columnSums(rows: rows, width: n, unit))
                let turned = (parameter("L\(i).kernel") ?? RoundingField(values: [], variances: [])).transposed(rows: k, columns: n)
                gradient = .product(gradient, leftRow: n, leftColumn: 1, turned, m: rows, k: n, n: k, unit)
            case .activation(let activation):
                if !isFusedHead { gradient = back(activation, i, trace.input, gradient, input(of: i), trace.outWidth) }
                if i == head { note("grad.logits", gradient) }
            case .batchNorm, .layerNorm:
                guard let norm = trace.norm else { break }
                note("grad.L\(i).gamma", norm.gammaTerms(gradient, unit).columnSums(rows: rows, width: trace.outWidth, unit))
                note("grad.L\(i).beta", gradient.columnSums(rows: rows, width: trace.outWidth, unit))
                gradient = norm.back(gradient, gamma: parameter("L\(i).gamma"), unit)
            case .dropout, .flatten: break
            }
        }
        note("grad.x", gradient)
    }

    /// Allows for errors that come through together: measured on the first rows (PARITY-23).
    mutating func amplify() {
        amplification = Amplification(description, parameters, batch, loss, subgradient, alternatives, narrows: unit.narrows)
    }

    private func input(of i: Int) -> String { i > 0 ? "L\(i - 1).act" : "x" }

    private func rounded(_ activation: Activation, _ i: Int) -> RoundedActivation {
        RoundedActivation(activation, alternativeActivation(i), parameters["L\(i).alpha"] ?? [], subgradient, unit)
    }

    /// Through the activation of layer `i`, and PReLU's gradient on the way.
    private mutating func back(_ activation: Activation, _ i: Int, _ z: RoundingField, _ gradient: RoundingField, _ quantity: String, _ width: Int) -> RoundingField {
        let rounded = rounded(activation, i)
        if activation == .prelu {
            note("grad.L\(i).alpha", rounded.alphaTerms(z, gradient, unit).columnSums(rows: batch.rows, width: width, unit))
        }
        let (result, crossed) = rounded.back(z, gradient, rows: batch.rows, width: width, sides: sides(quantity), still: still?[quantity]?.values)
        crossings += crossed.map { "L\(i) row \($0 / width) unit \($0 % width)" }
        return result
    }

    private func alternativeActivation(_ i: Int) -> Activation? {
        switch alternatives[i] {
        case .dense(_, _, let activation), .activation(let activation): activation
        default: nil
        }
    }

    private func alternativeEps(_ i: Int) -> Double? {
        switch alternatives[i] {
        case .batchNorm(let eps, _, _), .layerNorm(let eps, _, _): eps
        default: nil
        }
    }
}
