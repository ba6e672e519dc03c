import Architecture
import MLP

/// An activation that carries variances through, forward and back (PARITY-24, PARITY-25).
struct RoundedActivation {
    let activation: Activation
    /// The same activation with attributes as the other side has them, where they differ by a rounding to float32.
    let other: Activation?
    /// PReLU's slopes, one a unit.
    let alpha: [Double]
    let subgradient: Subgradient
    let unit: RoundingUnit
    private let kinks: [Double]
    /// How far attributes lean to the other side's, where values are stirred.
    private let lean: Double

    init(_ activation: Activation, _ other: Activation?, _ alpha: [Double], _ subgradient: Subgradient, _ unit: RoundingUnit) {
        self.activation = activation
        self.other = other == activation ? nil : other
        self.alpha = alpha
        self.subgradient = subgradient
        self.unit = unit
        kinks = activation.facts(subgradient).kinks
        lean = self.other == nil ? 0 : unit.noise?.next() ?? 0
    }

    private func slope(_ e: Int, _ width: Int) -> Double { alpha.isEmpty ? 0 : alpha[e % width] }

    /// Values that are stirred stay on the side of a kink that `still`, the z at rest, is on.
    func forward(_ z: RoundingField, rows: Int, width: Int, still: [Double]? = nil) -> RoundingField {
        switch activation {
        case .linear: return z
        case .softmax, .logSoftmax: return softmax(z, rows: rows, width: width)
        default: break
        }
        var a = z
        for e in z.values.indices {
            let x = z.values[e], alpha = slope(e, width)
            let rest = resting(x, still, e)
            var value = activation.value(at: rest, alpha: alpha, subgradient) ?? x
            if rest != x { value += (activation.derivative(at: rest, alpha: alpha, subgradient) ?? 1) * (x - rest) }
            var steepest = abs(activation.derivative(at: x, alpha: alpha, subgradient) ?? 1)
            let reach = RoundingModel.deviations * z.variances[e].squareRoot()
            for kink in kinks where abs(x - kink) <= reach {
                let step = max(reach, 1e-6 * max(1, abs(kink)))
                for side in [kink - step, kink + step] {
                    steepest = max(steepest, abs(activation.derivative(at: side, alpha: alpha, subgradient) ?? 1))
                }
            }
            var own = local(unit.function, magnitude(x, value, alpha))
            if activation == .prelu, x < 0 { own += x * x * unit.input(alpha) }
            a.values[e] = unit.stirred(value, own)
            a.variances[e] = steepest * steepest * z.variances[e] + own
            if let other = other?.value(at: x, alpha: alpha, subgradient) {
                a.variances[e] += (other - value) * (other - value)
                a.values[e] += lean * (other - value)
            }
        }
        return a
    }

    /// The gradient at z from that at a. `sides` are the z of the two sides of a comparison: only where they fell on different sides of a kink
    /// that is within the bound is the jump of f' allowed for; the elements where that is so come back too.
    func back(
        _ z: RoundingField, _ gradient: RoundingField, rows: Int, width: Int, sides: (a: [Double], b: [Double])?, still: [Double]? = nil
    ) -> (RoundingField, crossed: [Int]) {
        switch activation {
        case .linear: return (gradient, [])
        case .softmax: return (softmaxBack(z, gradient, rows: rows, width: width), [])
        case .logSoftmax: return (logSoftmaxBack(z, gradient, rows: rows, width: width), [])
        default: break
        }
        var result = gradient
        var crossed: [Int] = []
        for e in z.values.indices {
            let x = z.values[e], g = gradient.values[e], alpha = slope(e, width)
            func derivative(_ x: Double) -> Double { activation.derivative(at: x, alpha: alpha, subgradient) ?? 1 }
            var slope = derivative(resting(x, still, e))
            let bend = curvature(at: x, derivative)
            var own = local(unit.function, derivativeMagnitude(x, slope, alpha))
            if activation == .prelu, x <= 0 { own += unit.input(alpha) }
            var uncertain = bend * bend * z.variances[e] + own
            if let other = other?.derivative(at: x, alpha: alpha, subgradient) {
                uncertain += (other - slope) * (other - slope)
                slope += lean * (other - slope)
            }
            let reach = RoundingModel.deviations * z.variances[e].squareRoot()
            for kink in kinks where abs(x - kink) <= reach {
                guard let sides, e < sides.a.count, e < sides.b.count else { continue }
                guard sign(sides.a[e] - kink) != sign(sides.b[e] - kink), abs(sides.a[e] - sides.b[e]) <= 2 * reach else { continue }
                let jump = abs(derivative(sides.a[e]) - derivative(sides.b[e])) / RoundingModel.deviations
                uncertain += jump * jump
                if jump > 0 { crossed.append(e) }
            }
            let rounding = local(unit.rounding, slope * g)
            result.values[e] = unit.stirred(slope * g, g * g * own + rounding)
            result.variances[e] = slope * slope * gradient.variances[e] + g * g * uncertain + rounding
        }
        return (result, crossed)
    }

    /// What PReLU's gradient sums over the batch: g z where z < 0.
    func alphaTerms(_ z: RoundingField, _ gradient: RoundingField, _ unit: RoundingUnit) -> RoundingField {
        var terms = gradient
        for e in z.values.indices {
            let x = z.values[e], g = gradient.values[e]
            let reach = RoundingModel.deviations * z.variances[e].squareRoot()
            let isBelow = x <= reach
            terms.values[e] = x < 0 ? g * x : 0
            terms.variances[e] = isBelow ? x * x * gradient.variances[e] + g * g * z.variances[e] : 0
        }
        return terms
    }

    /// Where f and f' are taken for a z that was stirred: at rest where a kink lies between.
    private func resting(_ z: Double, _ still: [Double]?, _ e: Int) -> Double {
        guard let still, e < still.count, kinks.contains(where: { min(z, still[e]) <= $0 && $0 <= max(z, still[e]) }) else { return z }
        return still[e]
    }

    /// Zero stays zero exactly: what is 0 because nothing came in has no rounding.
    private func local(_ variance: (Double) -> Double, _ magnitude: Double) -> Double { magnitude == 0 ? 0 : variance(magnitude) }

    private func sign(_ x: Double) -> Int { x > 0 ? 1 : x < 0 ? -1 : 0 }

    /// |f''| by a difference of f' on z's side of every kink.
    private func curvature(at x: Double, _ derivative: (Double) -> Double) -> Double {
        switch activation {
        case .relu, .reluFloor, .leakyReLU, .prelu, .relu6, .hardSigmoid: return 0
        default: break
        }
        let step = 1e-4 * max(1, abs(x))
        if let kink = kinks.first(where: { abs(x - $0) < step }) {
            let away = x >= kink ? step : -step
            return abs(derivative(kink + 2 * away) - derivative(kink + away)) / step
        }
        return abs(derivative(x + step) - derivative(x - step)) / (2 * step)
    }

    /// What the error of f is relative to: the largest number on the way to f(z).
    private func magnitude(_ z: Double, _ a: Double, _ alpha: Double) -> Double {
        switch activation {
        case .linear, .relu, .reluFloor, .relu6: 0
        case .leakyReLU, .prelu: z < 0 ? abs(a) : 0
        case .elu(let alpha): z < 0 ? abs(a) + abs(alpha) : 0
        case .selu: abs(a) + (z < 0 ? 1.76 : 0)
        case .gelu, .geluTanh: abs(a) + abs(z)
        case .hardSigmoid(let alpha, let beta): abs(alpha * z) + abs(beta)
        case .silu, .mish, .softplus, .softsign, .sigmoid, .tanh, .exp, .softmax, .logSoftmax: abs(a)
        }
    }

    /// The same for f'. Saturated units are allowed the rounding of unsaturated ones: frameworks form 1 - a, whose error is a's.
    private func derivativeMagnitude(_ z: Double, _ slope: Double, _ alpha: Double) -> Double {
        switch activation {
        case .linear, .relu, .reluFloor, .relu6: 0
        case .leakyReLU, .prelu: slope == 1 || slope == 0 ? 0 : abs(slope)
        case .elu(let alpha): z < 0 ? abs(slope) + abs(alpha) : 0
        case .selu: abs(slope) + (z < 0 ? 1.76 : 0)
        case .hardSigmoid: abs(slope)
        case .exp, .softplus: abs(slope)
        case .gelu, .geluTanh, .silu, .mish, .softsign, .sigmoid, .tanh, .softmax, .logSoftmax: abs(slope) + 1
        }
    }
}
