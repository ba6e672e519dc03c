import Architecture
import MLP
import StrictJSON
import TestSupport
import Testing

/// The table against what the frameworks themselves were measured to do.
struct ActivationTableTests {
    /// The measured names, and ours with its PReLU slope. `celu`, `hardtanh`, `abs` and the `maximum` spellings are no activations of ours.
    static let ours: [(measured: String, activation: Activation, alpha: Double)] = [
        ("relu", .relu, 0), ("leaky_relu(0.25)", .leakyReLU(slope: 0.25), 0), ("relu(negative_slope=0.25)", .leakyReLU(slope: 0.25), 0),
        ("prelu(0.25)", .prelu, 0.25), ("prelu layer(0.25)", .prelu, 0.25), ("elu(1.0)", .elu(alpha: 1), 0), ("elu(0.5)", .elu(alpha: 0.5), 0),
        ("selu", .selu, 0), ("relu6", .relu6, 0), ("hardsigmoid", .hardSigmoid(alpha: 1 / 6, beta: 0.5), 0),
        ("hard_sigmoid", .hardSigmoid(alpha: 1 / 6, beta: 0.5), 0), ("softplus", .softplus, 0), ("softsign", .softsign, 0), ("silu", .silu, 0),
        ("mish", .mish, 0), ("gelu", .gelu, 0), ("gelu_tanh", .geluTanh, 0), ("where(z>0,z,0)", .relu, 0), ("clamp_min(0)", .reluFloor(e: 0), 0),
    ]

    /// Where a framework computes with a constant of float32 in float64, which we do not imitate (FORMATS.md, section 2).
    static func tolerance(_ framework: String, _ name: String) -> Double {
        switch (framework, name) {
        case ("tensorflow", "gelu"), ("keras3", "gelu"), ("tensorflow", "gelu_tanh"): 1e-8
        case ("torch", "hardsigmoid"): 1e-8
        default: 1e-14
        }
    }

    @Test("values and derivatives are those measured in torch, jax, TensorFlow and Keras, at kinks too",
        arguments: [("torch", Subgradient.torch), ("jax", .jax), ("tensorflow", .tensorflow), ("keras3", .keras)])
    func measured(_ framework: String, _ subgradient: Subgradient) throws {
        let table = try #require(try Fixtures.json("parity/conventions.json")[framework]?["activations"])
        var compared = 0
        for (name, activation, alpha) in Self.ours {
            guard let points = table[name]?.members else { continue }
            let tolerance = Self.tolerance(framework, name)
            for point in points {
                let z = point.key == "-0" ? -0.0 : try #require(Double(point.key))
                let value = try #require(point.value["value"]?.string.flatMap { Double($0) })
                let derivative = try #require(point.value["derivative"]?.double)
                let f = try #require(activation.value(at: z, alpha: alpha, subgradient))
                let slope = try #require(activation.derivative(at: z, alpha: alpha, subgradient))
                #expect(abs(f - value) <= tolerance * max(1, abs(value)), "\(framework) \(name) at \(z)")
                #expect(abs(slope - derivative) <= tolerance * max(1, abs(derivative)), "\(framework) \(name)' at \(z)")
                compared += 1
            }
        }
        #expect(compared >= 7 * 10)
    }

    static let all: [Activation] = [
        .linear, .relu, .leakyReLU(slope: 0.1), .prelu, .elu(alpha: 1), .elu(alpha: 0.7), .selu, .gelu, .geluTanh, .silu, .mish, .softplus,
        .softsign, .sigmoid, .tanh, .relu6, .hardSigmoid(alpha: 0.2, beta: 0.5), .exp, .reluFloor(e: 0.3),
    ]

    @Test("f' is the slope of f everywhere but at the kinks that the table lists", arguments: all)
    func slopes(_ activation: Activation) throws {
        for subgradient in Subgradient.allCases {
            let kinks = activation.facts(subgradient).kinks
            for step in -80...80 {
                let z = Double(step) / 8 + 0.0137
                if kinks.contains(where: { abs($0 - z) < 1e-4 }) { continue }
                let h = 1e-5
                let up = try #require(activation.value(at: z + h, alpha: 0.3, subgradient))
                let down = try #require(activation.value(at: z - h, alpha: 0.3, subgradient))
                let slope = try #require(activation.derivative(at: z, alpha: 0.3, subgradient))
                #expect(abs((up - down) / (2 * h) - slope) <= 1e-8 * max(1, abs(up)), "\(activation) at \(z)")
            }
        }
    }

    @Test("f' jumps at every kink that the table lists, and f is continuous there to 3e-9", arguments: all)
    func kinks(_ activation: Activation) throws {
        for subgradient in Subgradient.allCases {
            for kink in activation.facts(subgradient).kinks {
                let (before, after) = (kink - 1e-9, kink + 1e-9)
                let jump = try #require(activation.derivative(at: after, alpha: 0.3, subgradient))
                    - #require(activation.derivative(at: before, alpha: 0.3, subgradient))
                #expect(abs(jump) > 1e-9, "\(activation) at \(kink)")
                let gap = try #require(activation.value(at: after, alpha: 0.3, subgradient)) - #require(activation.value(at: before, alpha: 0.3, subgradient))
                #expect(abs(gap) < 5e-9)
            }
        }
    }

    @Test("no finite z gives NaN, in either precision, and NaN stays NaN", arguments: all)
    func extremes(_ activation: Activation) throws {
        for z in [0, 1e-30, 19.999, 20.001, 88, 89, 104, 500, 710, 1e13, 3e38] {
            for signed in [z, -z] {
                let single = Float(signed)
                #expect(try !#require(activation.value(at: single, alpha: 0.3)).isNaN, "\(activation) at \(signed)")
                #expect(try !#require(activation.derivative(at: single, alpha: 0.3)).isNaN, "\(activation)' at \(signed)")
                #expect(try !#require(activation.value(at: signed, alpha: 0.3)).isNaN)
                #expect(try !#require(activation.derivative(at: signed, alpha: 0.3)).isNaN)
            }
        }
        #expect(try #require(activation.value(at: Double.nan, alpha: 0.3)).isNaN)
    }

    @Test("torch's softplus is z above 20, everybody else's is exact")
    func softplus() {
        #expect(Activation.softplus.value(at: 21.0, .torch) == 21)
        #expect(Activation.softplus.value(at: 21.0, .jax) == 21 + 7.582560422162385e-10)
        #expect(Activation.softplus.facts(.torch).kinks == [20])
        #expect(Activation.softplus.facts(.keras).kinks.isEmpty)
    }
}
