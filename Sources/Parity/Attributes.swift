import Architecture

extension Activation {
    /// The same with attributes that a file keeps as float32 read as the short decimals that were meant: 0.20000000298023224 as 0.2.
    var decimal: Activation {
        switch self {
        case .leakyReLU(let slope): .leakyReLU(slope: shortest(slope))
        case .elu(let alpha): .elu(alpha: shortest(alpha))
        case .hardSigmoid(let alpha, let beta): .hardSigmoid(alpha: shortest(alpha), beta: shortest(beta))
        case .reluFloor(let e): .reluFloor(e: shortest(e))
        default: self
        }
    }
}

extension Layer {
    var decimal: Layer {
        switch self {
        case .dense(let units, let useBias, let activation): .dense(units: units, useBias: useBias, activation: activation.decimal)
        case .activation(let activation): .activation(activation.decimal)
        case .batchNorm(let eps, let scale, let center): .batchNorm(eps: shortest(eps), scale: scale, center: center)
        case .layerNorm(let eps, let scale, let center): .layerNorm(eps: shortest(eps), scale: scale, center: center)
        case .dropout, .flatten: self
        }
    }
}

/// The shortest decimal that rounds to the same float32, for a value that is a float32; any other value as it is.
private func shortest(_ value: Double) -> Double {
    let single = Float(value)
    guard single.isFinite, Double(single) == value, let decimal = Double("\(single)") else { return value }
    return decimal
}

/// Layers of `a` whose attributes the other side has, or may have, otherwise by no more than a rounding to float32 (PARITY-28).
/// `b` is the other side's layer under the same number; nil for a reference, which has none.
func attributeRoundings(_ a: [Layer], _ b: [Int: Layer]?) -> [Int: Layer] {
    var found: [Int: Layer] = [:]
    for (i, layer) in a.enumerated() {
        let other = b.map { $0[i] ?? layer } ?? layer.decimal
        if other != layer, other.decimal == layer.decimal { found[i] = other }
    }
    return found
}
