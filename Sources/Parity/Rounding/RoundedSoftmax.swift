import Architecture
import MLP

/// Softmax of rows of z, with variances: dp_j = p_j (dz_j - sum_k p_k dz_k).
struct RoundedRows {
    var p: RoundingField
    /// z - max(z) and log(sum(exp(z - max))) of each row.
    var shifted: [Double]
    var logSums: [Double]

    init(_ z: RoundingField, rows: Int, width: Int, _ unit: RoundingUnit) {
        p = z
        shifted = z.values
        logSums = [Double](repeating: 0, count: rows)
        for r in 0..<rows {
            let row = r * width..<(r + 1) * width
            let top = z.values[row].max() ?? 0
            var sum = 0.0
            for e in row {
                shifted[e] = z.values[e] - top
                p.values[e] = Double.exponential(shifted[e])
                sum += p.values[e]
            }
            logSums[r] = Double.logOnePlus(sum - 1)
            var common = 0.0
            for e in row {
                p.values[e] /= sum
                common += p.values[e] * p.values[e] * z.variances[e]
            }
            for e in row {
                let share = p.values[e], own = z.variances[e]
                let others = max(0, common - share * share * own)
                let rounding = unit.function(share) + unit.rounding(share * shifted[e])
                p.values[e] = unit.stirred(share, rounding)
                p.variances[e] = share * share * ((1 - share) * (1 - share) * own + others) + rounding
            }
        }
    }
}

extension RoundedActivation {
    func softmax(_ z: RoundingField, rows: Int, width: Int) -> RoundingField {
        let soft = RoundedRows(z, rows: rows, width: width, unit)
        guard activation == .logSoftmax else { return soft.p }
        var a = z
        for r in 0..<rows {
            let row = r * width..<(r + 1) * width
            let common = row.reduce(0.0) { $0 + soft.p.values[$1] * soft.p.values[$1] * z.variances[$1] }
            for e in row {
                let own = unit.function(abs(soft.shifted[e]) + abs(soft.logSums[r]))
                a.values[e] = unit.stirred(soft.shifted[e] - soft.logSums[r], own)
                a.variances[e] = z.variances[e] + common + own
            }
        }
        return a
    }

    /// grad z = p (grad a - sum p grad a).
    func softmaxBack(_ z: RoundingField, _ gradient: RoundingField, rows: Int, width: Int) -> RoundingField {
        let p = RoundedRows(z, rows: rows, width: width, unit).p
        var result = gradient
        for r in 0..<rows {
            let row = r * width..<(r + 1) * width
            var mean = 0.0, size = 0.0, spread = 0.0
            for e in row {
                mean += p.values[e] * gradient.values[e]
                size += p.values[e] * abs(gradient.values[e])
                spread += p.values[e] * p.values[e] * gradient.variances[e] + gradient.values[e] * gradient.values[e] * p.variances[e]
            }
            for e in row {
                let share = p.values[e], distance = gradient.values[e] - mean
                let own = unit.function(share * (abs(gradient.values[e]) + size))
                result.values[e] = unit.stirred(share * distance, own)
                result.variances[e] = share * share * (gradient.variances[e] + spread) + distance * distance * p.variances[e] + own
            }
        }
        return result
    }

    /// grad z = grad a - p sum grad a.
    func logSoftmaxBack(_ z: RoundingField, _ gradient: RoundingField, rows: Int, width: Int) -> RoundingField {
        let p = RoundedRows(z, rows: rows, width: width, unit).p
        var result = gradient
        for r in 0..<rows {
            let row = r * width..<(r + 1) * width
            var sum = 0.0, size = 0.0, spread = 0.0
            for e in row {
                sum += gradient.values[e]
                size += abs(gradient.values[e])
                spread += gradient.variances[e]
            }
            for e in row {
                let share = p.values[e]
                let own = unit.function(abs(gradient.values[e]) + share * size)
                result.values[e] = unit.stirred(gradient.values[e] - share * sum, own)
                result.variances[e] = gradient.variances[e] + share * share * spread + sum * sum * p.variances[e] + own
            }
        }
        return result
    }
}
