/// A norm on the way forward: (x - mean) / sqrt(variance + eps) with the variance of its rounding, and what the way back needs (PARITY-27).
struct RoundedNorm {
    private let rows: Int
    private let width: Int
    private let isLayer: Bool
    private var normalised: RoundingField
    /// 1 / sqrt(variance + eps) by column (batch) or row (layer), and the relative variance of its error.
    private var inverse: [Double]
    private var doubt: [Double]

    private init(_ x: RoundingField, _ rows: Int, _ width: Int, isLayer: Bool, count: Int) {
        (self.rows, self.width, self.isLayer, normalised) = (rows, width, isLayer, x)
        inverse = [Double](repeating: 0, count: count)
        doubt = inverse
    }

    /// By moving statistics. `other` is the eps as the other side may have it.
    init(batch x: RoundingField, _ rows: Int, _ width: Int, eps: Double, other: Double?, mean: [Double], variance: [Double], _ unit: RoundingUnit) {
        self.init(x, rows, width, isLayer: false, count: width)
        for j in 0..<width {
            inverse[j] = 1 / (variance[j] + eps).squareRoot()
            doubt[j] = Self.doubt(variance[j], eps, other, unit) + unit.input(variance[j]) * inverse[j] * inverse[j] * inverse[j] * inverse[j] / 4
        }
        for e in x.values.indices {
            let j = e % width
            let distance = x.values[e] - mean[j]
            let y = distance * inverse[j]
            let own = inverse[j] * inverse[j] * (unit.input(mean[j]) + unit.rounding(distance)) + y * y * doubt[j] + unit.function(y)
            normalised.values[e] = unit.stirred(y, own)
            normalised.variances[e] = inverse[j] * inverse[j] * x.variances[e] + own
        }
    }

    /// By the mean and biased variance of each row.
    init(layer x: RoundingField, _ rows: Int, _ width: Int, eps: Double, other: Double?, _ unit: RoundingUnit) {
        self.init(x, rows, width, isLayer: true, count: rows)
        let n = Double(width)
        for r in 0..<rows {
            let row = r * width..<(r + 1) * width
            let sum = RoundingField(values: Array(x.values[row]), variances: Array(x.variances[row])).columnSums(rows: width, width: 1, unit)
            let mean = sum.values[0] / n
            let meanOwn = max(0, sum.variances[0] - row.reduce(0.0) { $0 + x.variances[$1] }) / (n * n) + unit.rounding(mean)
            let variance = row.reduce(0.0) { $0 + (x.values[$1] - mean) * (x.values[$1] - mean) } / n
            inverse[r] = 1 / (variance + eps).squareRoot()
            let scale = inverse[r]
            // d(variance)/2(variance + eps) = scale² mean((x - mean) dx).
            var spread = 0.0, shares = 0.0
            for e in row {
                normalised.values[e] = (x.values[e] - mean) * scale
                spread += normalised.values[e] * normalised.values[e] * x.variances[e]
                shares += x.variances[e]
            }
            let own = Self.doubt(variance, eps, other, unit)
            doubt[r] = scale * scale * spread / (n * n) + own
            for e in row {
                let y = normalised.values[e]
                let rounding = scale * scale * (meanOwn + unit.rounding(x.values[e] - mean)) + y * y * own + unit.function(y)
                normalised.variances[e] = scale * scale * (x.variances[e] + shares / (n * n) + y * y * spread / (n * n)) + rounding
                normalised.values[e] = unit.stirred(y, rounding)
            }
        }
    }

    /// The relative variance of 1 / sqrt(v + eps) by its own roundings and the other side's eps.
    private static func doubt(_ variance: Double, _ eps: Double, _ other: Double?, _ unit: RoundingUnit) -> Double {
        let shift = other.map { ($0 - eps) / (2 * (variance + eps)) } ?? 0
        return unit.function(2) + shift * shift
    }

    /// normalised * gamma + beta; an absent gamma is 1, an absent beta 0.
    func scaled(_ gamma: RoundingField?, _ beta: RoundingField?, _ unit: RoundingUnit) -> RoundingField {
        var y = normalised
        for e in y.values.indices {
            let j = e % width, n = normalised.values[e]
            if let gamma {
                let own = unit.rounding(y.values[e] * gamma.values[j])
                y.values[e] = unit.stirred(y.values[e] * gamma.values[j], own)
                y.variances[e] = gamma.values[j] * gamma.values[j] * y.variances[e] + n * n * gamma.variances[j] + own
            }
            if let beta {
                let own = unit.rounding(y.values[e] + beta.values[j])
                y.values[e] = unit.stirred(y.values[e] + beta.values[j], own)
                y.variances[e] += beta.variances[j] + own
            }
        }
        return y
    }

    /// What gamma's gradient sums over the batch.
    func gammaTerms(_ gradient: RoundingField, _ unit: RoundingUnit) -> RoundingField {
        var terms = gradient
        for e in terms.values.indices {
            let g = gradient.values[e], n = normalised.values[e]
            terms.values[e] = g * n
            terms.variances[e] = n * n * gradient.variances[e] + g * g * normalised.variances[e]
        }
        return terms
    }

    /// Batch: grad x = g inverse. Layer: grad x = inverse (g - mean(g) - normalised mean(g normalised)); g = grad y * gamma.
    func back(_ gradient: RoundingField, gamma: RoundingField?, _ unit: RoundingUnit) -> RoundingField {
        var g = gradient
        if let gamma {
            for e in g.values.indices {
                let j = e % width
                let own = unit.rounding(g.values[e] * gamma.values[j])
                g.values[e] = unit.stirred(g.values[e] * gamma.values[j], own)
                g.variances[e] = gamma.values[j] * gamma.values[j] * g.variances[e] + gradient.values[e] * gradient.values[e] * gamma.variances[j] + own
            }
        }
        var result = g
        guard isLayer else {
            for e in g.values.indices {
                let scale = inverse[e % width]
                let y = g.values[e] * scale, own = y * y * doubt[e % width] + unit.function(y)
                result.values[e] = unit.stirred(y, own)
                result.variances[e] = scale * scale * g.variances[e] + own
            }
            return result
        }
        let n = Double(width)
        for r in 0..<rows {
            let row = r * width..<(r + 1) * width
            var mean = 0.0, product = 0.0, size = 0.0, productSize = 0.0, spread = 0.0, productSpread = 0.0
            for e in row {
                let y = normalised.values[e], v = g.values[e]
                mean += v / n
                product += v * y / n
                size += abs(v) / n
                productSize += abs(v * y) / n
                spread += g.variances[e] / (n * n)
                productSpread += (y * y * g.variances[e] + v * v * normalised.variances[e]) / (n * n)
            }
            let scale = inverse[r]
            for e in row {
                let y = normalised.values[e]
                let inner = g.values[e] - mean - y * product
                let own = scale * scale * unit.function(abs(g.values[e]) + size + abs(y) * productSize)
                result.values[e] = unit.stirred(scale * inner, own)
                result.variances[e] = scale * scale * (g.variances[e] + spread + y * y * productSpread + product * product * normalised.variances[e])
                    + scale * inner * scale * inner * doubt[r] + own
            }
        }
        return result
    }
}
