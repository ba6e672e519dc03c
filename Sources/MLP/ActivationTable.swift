public import Architecture

/// What is done with the rule of an activation, compiled for each rule.
protocol RuleVisitor {
    associatedtype Scalar: NetworkScalar
    associatedtype Result
    func visit<Rule: ActivationRule>(_ rule: Rule) -> Result where Rule.Scalar == Scalar
}

extension Activation {
    /// The table of elementwise activations. nil for softmax and log-softmax, which work on rows. `alpha` is a unit's slope for PReLU.
    @inline(__always)
    func rule<V: RuleVisitor>(_ subgradient: Subgradient, alpha: V.Scalar = 0, _ visitor: V) -> V.Result? {
        switch self {
        case .linear: visitor.visit(LinearRule())
        case .relu: visitor.visit(ReLURule(floor: 0))
        case .reluFloor(let e): visitor.visit(ReLURule(floor: V.Scalar(e)))
        case .leakyReLU(let slope): visitor.visit(LeakyReLURule(slope: V.Scalar(slope), subgradient))
        case .prelu: visitor.visit(LeakyReLURule(alpha: alpha, subgradient))
        case .elu(let alpha): visitor.visit(ELURule(alpha: V.Scalar(alpha)))
        case .selu: visitor.visit(SELURule(subgradient))
        case .gelu: visitor.visit(GELURule())
        case .geluTanh: visitor.visit(GELUTanhRule())
        case .silu: visitor.visit(SiLURule())
        case .mish: visitor.visit(MishRule())
        case .softplus: visitor.visit(SoftplusRule(subgradient))
        case .softsign: visitor.visit(SoftsignRule())
        case .sigmoid: visitor.visit(SigmoidRule())
        case .tanh: visitor.visit(TanhRule())
        case .relu6: visitor.visit(ReLU6Rule())
        case .hardSigmoid(let alpha, let beta): visitor.visit(HardSigmoidRule(alpha: V.Scalar(alpha), beta: V.Scalar(beta)))
        case .exp: visitor.visit(ExponentialRule())
        case .softmax, .logSoftmax: nil
        }
    }
}

/// What the table says of an activation.
public struct ActivationFacts: Sendable, Hashable {
    /// f(z), and f' by z and a = f(z).
    public let formula, derivativeFormula: String
    /// Where f' jumps, ascending.
    public let kinks: [Double]
    /// False where some derivative of any order jumps: a Taylor remainder need not shrink there as it should.
    public let isAnalytic: Bool
    /// False for softmax and log-softmax, whose values depend on the whole row.
    public let isElementwise: Bool
}

extension Activation {
    /// What the table says: formulas, kinks (PReLU's for any slope but 1), analytic or not.
    public func facts(_ subgradient: Subgradient = .torch) -> ActivationFacts {
        struct Facts: RuleVisitor {
            typealias Scalar = Double
            func visit<Rule: ActivationRule>(_ rule: Rule) -> ActivationFacts where Rule.Scalar == Double {
                ActivationFacts(
                    formula: Rule.formula, derivativeFormula: Rule.derivativeFormula, kinks: rule.kinks, isAnalytic: Rule.isAnalytic,
                    isElementwise: true)
            }
        }
        if let facts = rule(subgradient, Facts()) { return facts }
        let isLog = self == .logSoftmax
        return ActivationFacts(
            formula: isLog ? "z_j - log(sum_k exp(z_k))" : "exp(z_j) / sum_k exp(z_k)",
            derivativeFormula: isLog ? "grad z = grad a - exp(a) sum_k grad a_k" : "grad z = a (grad a - sum_k a_k grad a_k)",
            kinks: [], isAnalytic: true, isElementwise: false)
    }

    /// f(z); nil for softmax and log-softmax. `alpha` is the slope of a PReLU unit.
    public func value<Scalar: NetworkScalar>(at z: Scalar, alpha: Scalar = 0, _ subgradient: Subgradient = .torch) -> Scalar? {
        rule(subgradient, alpha: alpha, Value(z: z))
    }

    /// f'(z), at a kink the framework's; nil for softmax and log-softmax. `alpha` is the slope of a PReLU unit.
    public func derivative<Scalar: NetworkScalar>(at z: Scalar, alpha: Scalar = 0, _ subgradient: Subgradient = .torch) -> Scalar? {
        rule(subgradient, alpha: alpha, Derivative(z: z))
    }
}

private struct Value<Scalar: NetworkScalar>: RuleVisitor {
    var z: Scalar
    func visit<Rule: ActivationRule>(_ rule: Rule) -> Scalar where Rule.Scalar == Scalar { rule.value(z) }
}

private struct Derivative<Scalar: NetworkScalar>: RuleVisitor {
    var z: Scalar
    func visit<Rule: ActivationRule>(_ rule: Rule) -> Scalar where Rule.Scalar == Scalar { rule.derivative(z, rule.value(z)) }
}
