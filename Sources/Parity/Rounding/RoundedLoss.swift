import Architecture
import MLP

/// The loss with the variance of its rounding, and the gradient that it starts the way back with (PARITY-26).
struct RoundedLoss {
    private(set) var value = 0.0
    private(set) var variance = 0.0
    private(set) var gradient: RoundingField

    /// `field` [rows, width] holds logits, or for mse the output; each row or element adds a term, the sum is divided.
    init(_ loss: Loss, of field: RoundingField, _ targets: ParityBatch.Targets, rows: Int, width: Int, _ unit: RoundingUnit) {
        let divisor = loss.divisor(rows: rows, width: width)
        gradient = field
        let dense: [Double] = switch targets {
        case .dense(let values): values
        case .classes(let classes): classes.indices.flatMap { r in (0..<width).map { $0 == classes[r] ? 1.0 : 0 } }
        }
        var terms = RoundingField(values: [], variances: [])
        func add(_ value: Double, own: Double, _ through: Double) {
            terms.values.append(unit.stirred(value, own))
            terms.variances.append(own + through)
        }
        func start(_ e: Int, _ slope: Double, own: Double, _ through: Double) {
            gradient.values[e] = unit.stirred(slope, own) / divisor
            gradient.variances[e] = (own + through) / (divisor * divisor)
        }
        switch loss.kind {
        case .softmaxCE, .softmaxCESoft:
            let soft = RoundedRows(field, rows: rows, width: width, unit)
            for r in 0..<rows {
                let row = r * width..<(r + 1) * width
                let weight = row.reduce(0.0) { $0 + dense[$1] }
                var sum = 0.0, size = 0.0, spread = 0.0
                for e in row {
                    let t = dense[e], p = soft.p.values[e], log = soft.logSums[r] - soft.shifted[e]
                    if t != 0 {
                        sum += t * log
                        size += abs(t) * (abs(soft.logSums[r]) + abs(soft.shifted[e]))
                        spread += unit.input(t) * log * log
                    }
                    let slope = p * weight - t
                    spread += slope * slope * field.variances[e]
                    start(e, slope, own: unit.input(t) + unit.function(p * abs(weight) + abs(t)), weight * weight * soft.p.variances[e])
                }
                add(sum, own: unit.function(size), spread)
            }
        case .bce:
            for e in field.values.indices {
                let z = field.values[e], t = dense[e]
                let s = z < 0 ? Double.exponential(z) / (1 + Double.exponential(z)) : 1 / (1 + Double.exponential(-z))
                let tail = Double.logOnePlus(Double.exponential(-abs(z)))
                let slope = s - t
                add(max(z, 0) - z * t + tail, own: z * z * unit.input(t) + unit.function(max(z, 0) + abs(z * t) + tail), slope * slope * field.variances[e])
                let bend = s * (1 - s)
                start(e, slope, own: unit.input(t) + unit.function(s + abs(t)), bend * bend * field.variances[e])
            }
        case .mse:
            for e in field.values.indices {
                let difference = field.values[e] - dense[e]
                let own = unit.input(dense[e]) + unit.rounding(difference), slope = 2 * difference
                add(difference * difference, own: slope * slope * own + unit.function(difference * difference), slope * slope * field.variances[e])
                start(e, slope, own: 4 * own + unit.rounding(slope), 4 * field.variances[e])
            }
        }
        let sum = terms.columnSums(rows: terms.values.count, width: 1, unit)
        value = (sum.values.first ?? 0) / divisor
        variance = (sum.variances.first ?? 0) / (divisor * divisor) + unit.rounding(value)
    }
}
