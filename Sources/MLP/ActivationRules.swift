import Architecture

/// One row of the table of activations: f, f', where f' jumps, and whether f is analytic. The kernels, the gradient check, the trace and
/// `Specs/MLP.md` read this table and no other.
///
/// f' is given z and a = f(z). At a kink it is what the framework of the `Subgradient` takes (`Fixtures/parity/conventions.json`).
/// NaN goes through every f and f', as in the frameworks: comparisons are written so that NaN falls into the branch that keeps it.
protocol ActivationRule<Scalar> {
    associatedtype Scalar: NetworkScalar
    static var formula: String { get }
    static var derivativeFormula: String { get }
    /// False where some derivative of any order jumps.
    static var isAnalytic: Bool { get }
    /// Where f' jumps.
    var kinks: [Double] { get }
    func value(_ z: Scalar) -> Scalar
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar
}

extension ActivationRule {
    var kinks: [Double] { [] }
}

struct LinearRule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "z" }
    static var derivativeFormula: String { "1" }
    static var isAnalytic: Bool { true }
    func value(_ z: Scalar) -> Scalar { z }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar { 1 }
}

/// max(floor, z); all frameworks take 0 at the tie. relu is `floor` 0.
struct ReLURule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "max(e, z)" }
    static var derivativeFormula: String { "z > e ? 1 : 0" }
    static var isAnalytic: Bool { false }
    var floor: Scalar
    var kinks: [Double] { [Double(floor)] }
    func value(_ z: Scalar) -> Scalar { z <= floor ? floor : z }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar { z <= floor ? 0 : 1 }
}

/// At 0: the slope in torch and TensorFlow, 1 in jax. PReLU (a slope a unit): alpha in torch, 1 in jax, 0 in Keras and TensorFlow,
/// whose layer is relu(z) - alpha relu(-z).
struct LeakyReLURule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "z > 0 ? z : slope z" }
    static var derivativeFormula: String { "z > 0 ? 1 : slope" }
    static var isAnalytic: Bool { false }
    var slope: Scalar
    var atZero: Scalar
    var kinks: [Double] { slope == 1 && atZero == 1 ? [] : [0] }
    func value(_ z: Scalar) -> Scalar { z > 0 ? z : slope * z }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar { z > 0 ? 1 : z == 0 ? atZero : slope }

    init(slope: Scalar, _ subgradient: Subgradient) {
        self.slope = slope
        atZero = subgradient == .jax ? 1 : slope
    }

    init(alpha: Scalar, _ subgradient: Subgradient) {
        slope = alpha
        atZero =
            switch subgradient {
            case .torch: alpha
            case .jax: 1
            case .keras, .tensorflow: 0
            }
    }
}

/// At 0 all frameworks take alpha; with alpha 1 the first derivative does not jump, the second does.
struct ELURule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "z > 0 ? z : alpha (exp(z) - 1)" }
    static var derivativeFormula: String { "z > 0 ? 1 : alpha exp(z)" }
    static var isAnalytic: Bool { false }
    var alpha: Scalar
    var kinks: [Double] { alpha == 1 ? [] : [0] }
    func value(_ z: Scalar) -> Scalar { z > 0 ? z : alpha * .exponentialMinusOne(z) }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar { z > 0 ? 1 : alpha * .exponential(z) }
}

/// At 0: scale alpha in torch and jax, scale in TensorFlow and Keras.
struct SELURule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "scale (z > 0 ? z : alpha (exp(z) - 1)), scale 1.0507009873554805, alpha 1.6732632423543772" }
    static var derivativeFormula: String { "scale (z > 0 ? 1 : alpha exp(z))" }
    static var isAnalytic: Bool { false }
    static var scale: Scalar { 1.0507009873554804934193349852946 }
    static var scaledAlpha: Scalar { 1.7580993408473768599402175208123 }
    var atZero: Scalar
    var kinks: [Double] { [0] }
    func value(_ z: Scalar) -> Scalar { z > 0 ? Self.scale * z : Self.scaledAlpha * .exponentialMinusOne(z) }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar { z > 0 ? Self.scale : z == 0 ? atZero : Self.scaledAlpha * .exponential(z) }

    init(_ subgradient: Subgradient) {
        atZero = subgradient == .torch || subgradient == .jax ? Self.scaledAlpha : Self.scale
    }
}

/// The exact one, by erfc so that the tail keeps its digits.
struct GELURule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "z Phi(z), Phi(z) = erfc(-z / sqrt 2) / 2" }
    static var derivativeFormula: String { "Phi(z) + z exp(-z^2 / 2) / sqrt(2 pi)" }
    static var isAnalytic: Bool { true }
    private static var rootHalf: Scalar { 0.70710678118654752440084436210485 }
    private static var rootTwoPiInverse: Scalar { 0.39894228040143267793994605993438 }
    func value(_ z: Scalar) -> Scalar { z * (0.5 * .complementaryErrorFunction(-z * Self.rootHalf)) }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar {
        let density: Scalar = Self.rootTwoPiInverse * .exponential(-0.5 * z * z)
        return 0.5 * .complementaryErrorFunction(-z * Self.rootHalf) + z * density
    }
}

struct GELUTanhRule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "z (1 + tanh u) / 2, u = sqrt(2 / pi) (z + 0.044715 z^3)" }
    static var derivativeFormula: String { "(1 + tanh u) / 2 + z (1 - tanh^2 u) u' / 2, u' = sqrt(2 / pi) (1 + 0.134145 z^2)" }
    static var isAnalytic: Bool { true }
    private static var rootTwoOverPi: Scalar { 0.79788456080286535587989211986876 }
    private static var cubic: Scalar { 0.044715 }
    private static func tanh(_ z: Scalar) -> Scalar { .hyperbolicTangent(rootTwoOverPi * (z + cubic * z * z * z)) }
    func value(_ z: Scalar) -> Scalar { 0.5 * z * (1 + Self.tanh(z)) }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar {
        let t = Self.tanh(z)
        let slope = (1 - t) * (1 + t)
        // Where tanh is 1 to the last bit u' may have overflowed, and 0 times infinity is NaN.
        if slope == 0 { return 0.5 * (1 + t) }
        return 0.5 * (1 + t) + 0.5 * z * slope * Self.rootTwoOverPi * (1 + 3 * Self.cubic * z * z)
    }
}

struct SigmoidRule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "1 / (1 + exp(-z))" }
    static var derivativeFormula: String { "a (1 - a)" }
    static var isAnalytic: Bool { true }
    static func sigmoid(_ z: Scalar) -> Scalar {
        // exp is only taken of what is not positive, so it cannot overflow.
        if z < 0 {
            let e = Scalar.exponential(z)
            return e / (1 + e)
        }
        return 1 / (1 + .exponential(-z))
    }
    func value(_ z: Scalar) -> Scalar { Self.sigmoid(z) }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar { a * (1 - a) }
}

struct SiLURule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "z s, s = 1 / (1 + exp(-z))" }
    static var derivativeFormula: String { "s (1 + z (1 - s))" }
    static var isAnalytic: Bool { true }
    func value(_ z: Scalar) -> Scalar { z * SigmoidRule.sigmoid(z) }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar {
        let s = SigmoidRule.sigmoid(z)
        return s * (1 + z * (1 - s))
    }
}

/// With e = exp(z): tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2), which loses no digits for negative z. Above 20 it is 1 in float64.
struct MishRule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "z t, t = tanh(log(1 + exp(z)))" }
    static var derivativeFormula: String { "t + z (1 - t^2) / (1 + exp(-z))" }
    static var isAnalytic: Bool { true }
    func value(_ z: Scalar) -> Scalar {
        if z > 20 { return z }
        let e = Scalar.exponential(z)
        let n = e * (e + 2)
        return z * (n / (n + 2))
    }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar {
        if z > 20 { return 1 }
        let e = Scalar.exponential(z)
        let n = e * (e + 2)
        // 1 - t^2 = 4 (n + 1) / (n + 2)^2 and exp(z) / (1 + exp(z)) = e / (1 + e), where n + 1 = (1 + e)^2.
        return n / (n + 2) + z * (4 * (1 + e) * e / ((n + 2) * (n + 2)))
    }
}

/// torch's is z itself above 20 (off by 2e-9 at most), the others' is exact.
struct SoftplusRule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "log(1 + exp(z))" }
    static var derivativeFormula: String { "1 / (1 + exp(-z))" }
    static var isAnalytic: Bool { true }
    var threshold: Scalar
    var kinks: [Double] { threshold < .infinity ? [Double(threshold)] : [] }
    func value(_ z: Scalar) -> Scalar {
        if z > threshold { return z }
        return (z < 0 ? 0 : z) + .logOnePlus(.exponential(z < 0 ? z : -z))
    }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar { z > threshold ? 1 : SigmoidRule.sigmoid(z) }

    init(_ subgradient: Subgradient) { threshold = subgradient == .torch ? 20 : .infinity }
}

struct SoftsignRule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "z / (1 + |z|)" }
    static var derivativeFormula: String { "1 / (1 + |z|)^2" }
    static var isAnalytic: Bool { false }
    func value(_ z: Scalar) -> Scalar { z / (1 + z.magnitude) }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar {
        let d = 1 + z.magnitude
        return 1 / d / d
    }
}

struct TanhRule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "tanh z" }
    static var derivativeFormula: String { "1 - a^2" }
    static var isAnalytic: Bool { true }
    func value(_ z: Scalar) -> Scalar { .hyperbolicTangent(z) }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar { (1 - a) * (1 + a) }
}

/// All frameworks take 0 at 0 and at 6.
struct ReLU6Rule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "min(max(0, z), 6)" }
    static var derivativeFormula: String { "0 < z < 6 ? 1 : 0" }
    static var isAnalytic: Bool { false }
    var kinks: [Double] { [0, 6] }
    func value(_ z: Scalar) -> Scalar { z <= 0 ? 0 : z >= 6 ? 6 : z }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar { z <= 0 || z >= 6 ? 0 : 1 }
}

/// All frameworks take 0 at both ends.
struct HardSigmoidRule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "min(max(0, alpha z + beta), 1)" }
    static var derivativeFormula: String { "0 < alpha z + beta < 1 ? alpha : 0" }
    static var isAnalytic: Bool { false }
    var alpha: Scalar
    var beta: Scalar
    var kinks: [Double] { alpha == 0 ? [] : [Double(-beta / alpha), Double((1 - beta) / alpha)].sorted() }
    func value(_ z: Scalar) -> Scalar {
        let u = alpha * z + beta
        return u <= 0 ? 0 : u >= 1 ? 1 : u
    }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar {
        let u = alpha * z + beta
        return u <= 0 || u >= 1 ? 0 : alpha
    }
}

struct ExponentialRule<Scalar: NetworkScalar>: ActivationRule {
    static var formula: String { "exp(z)" }
    static var derivativeFormula: String { "a" }
    static var isAnalytic: Bool { true }
    func value(_ z: Scalar) -> Scalar { .exponential(z) }
    func derivative(_ z: Scalar, _ a: Scalar) -> Scalar { a }
}
