/// A multilayer perceptron as data: what it computes, without its weights. Parameters are named after it (CLI.md, "Parameters of a network"):
/// `L<i>.kernel` [in, out], `L<i>.bias` [out], norms `L<i>.gamma .beta .moving_mean .moving_var`, PReLU `L<i>.alpha`; i counts `layers` from 0.
public struct NetworkDescription: Sendable, Hashable {
    /// The width of a row of the input.
    public var input: Int
    public var layers: [Layer]
    /// The loss, where something names it.
    public var loss: Loss?
    /// Whose derivative is taken at a kink.
    public var subgradient: Subgradient?

    public init(input: Int, layers: [Layer], loss: Loss? = nil, subgradient: Subgradient? = nil) {
        self.input = input
        self.layers = layers
        self.loss = loss
        self.subgradient = subgradient
    }
}

/// One numbered layer.
public enum Layer: Sendable, Hashable {
    /// `a = activation(x · kernel + bias)`, kernel [in, units], bias [units].
    case dense(units: Int, useBias: Bool, activation: Activation)
    /// A standalone activation: one that does not directly follow a linear dense layer.
    case activation(Activation)
    /// `(x - moving_mean) / sqrt(moving_var + eps) * gamma + beta`, per column. `gamma` and `beta` may be absent.
    case batchNorm(eps: Double, scale: Bool, center: Bool)
    /// `(x - mean) / sqrt(var + eps) * gamma + beta`, mean and (biased) variance over each row.
    case layerNorm(eps: Double, scale: Bool, center: Bool)
    case dropout(rate: Double)
    case flatten
}

/// An elementwise function, or a softmax over each row.
public enum Activation: Sendable, Hashable {
    case linear, relu
    case leakyReLU(slope: Double)
    /// Leaky with a learned slope a unit, `L<i>.alpha`.
    case prelu
    case elu(alpha: Double)
    case selu, gelu, geluTanh, silu, mish, softplus, softsign, sigmoid, tanh, relu6
    /// clip(alpha x + beta, 0, 1).
    case hardSigmoid(alpha: Double, beta: Double)
    case exp, softmax, logSoftmax
    /// max(e, x); derivative 0 at the tie.
    case reluFloor(e: Double)
}

public struct Loss: Sendable, Hashable {
    public enum Kind: String, Sendable, CaseIterable {
        case softmaxCE = "softmax_ce"
        case softmaxCESoft = "softmax_ce_soft"
        /// On logits.
        case bce
        case mse
    }

    public enum Reduction: String, Sendable, CaseIterable {
        /// Over the batch for cross-entropy; over all batch x output elements for bce and mse, as torch and Keras.
        case mean
        /// The sum over everything, divided by the batch.
        case batch
        case sum
    }

    public var kind: Kind
    public var reduction: Reduction

    public init(_ kind: Kind, reduction: Reduction = .mean) {
        self.kind = kind
        self.reduction = reduction
    }
}

/// Whose derivative is taken at a kink (`fixtures/conventions.json`).
public enum Subgradient: String, Sendable, CaseIterable { case torch, jax, tensorflow, keras }

extension NetworkDescription {
    /// The width of the output.
    public var output: Int {
        for case .dense(let units, _, _) in layers.reversed() { return units }
        return input
    }

    /// Every parameter with its canonical name and shape, in layer order: the one list of what a network holds.
    public var parameters: [(name: String, shape: [Int])] {
        var list: [(name: String, shape: [Int])] = []
        var width = input
        for (i, layer) in layers.enumerated() {
            switch layer {
            case .dense(let units, let useBias, let activation):
                list.append(("L\(i).kernel", [width, units]))
                if useBias { list.append(("L\(i).bias", [units])) }
                if activation == .prelu { list.append(("L\(i).alpha", [units])) }
                width = units
            case .activation(.prelu):
                list.append(("L\(i).alpha", [width]))
            case .batchNorm(_, let scale, let center):
                if scale { list.append(("L\(i).gamma", [width])) }
                if center { list.append(("L\(i).beta", [width])) }
                list.append(("L\(i).moving_mean", [width]))
                list.append(("L\(i).moving_var", [width]))
            case .layerNorm(_, let scale, let center):
                if scale { list.append(("L\(i).gamma", [width])) }
                if center { list.append(("L\(i).beta", [width])) }
            case .activation, .dropout, .flatten: break
            }
        }
        return list
    }
}
