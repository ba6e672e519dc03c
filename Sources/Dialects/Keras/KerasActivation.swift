import Architecture
import StrictJSON

/// Keras' spellings of activations: strings, serialized objects, and layers of their own. What a default is, FORMATS.md section 2 says.
enum KerasActivation {
    /// An activation that is not run, in words.
    struct Unknown: Error {
        let why: String
    }

    /// The `activation` of a layer: a name, `{"class_name":"function","config":"relu"}`, or an activation layer as an object; null is linear.
    static func activation(_ json: JSONValue, isKeras2: Bool) throws(Unknown) -> Activation {
        if json.isNull { return .linear }
        if let name = json.string { return try named(name, isKeras2: isKeras2) }
        guard let kind = json["class_name"]?.string else { throw Unknown(why: "an activation that has no name") }
        let config = json["config"] ?? .null
        if kind == "function" || kind == "builtin_function", let name = config.string { return try named(name, isKeras2: isKeras2) }
        let name = kind.split(separator: ">").last.map(String.init) ?? kind
        if let activation = try layer(name, config, isKeras2: isKeras2) { return activation }
        return try named(name, isKeras2: isKeras2)
    }

    static func named(_ name: String, isKeras2: Bool) throws(Unknown) -> Activation {
        switch name {
        case "linear": return .linear
        case "relu": return .relu
        case "leaky_relu": return .leakyReLU(slope: 0.2)
        case "relu6": return .relu6
        case "elu": return .elu(alpha: 1)
        case "selu": return .selu
        case "gelu": return .gelu
        case "silu", "swish": return .silu
        case "mish": return .mish
        case "softplus": return .softplus
        case "softsign": return .softsign
        case "sigmoid": return .sigmoid
        case "tanh": return .tanh
        case "hard_sigmoid": return isKeras2 ? .hardSigmoid(alpha: 0.2, beta: 0.5) : .hardSigmoid(alpha: 1.0 / 6, beta: 0.5)
        case "exponential": return .exp
        case "softmax": return .softmax
        case "log_softmax": return .logSoftmax
        default: throw Unknown(why: "the activation \(JSONValue.quoted(name, forTerminal: true))")
        }
    }

    /// A layer that is only an activation; nil for any other. PReLU holds weights and is no case here.
    static func layer(_ kind: String, _ config: JSONValue, isKeras2: Bool) throws(Unknown) -> Activation? {
        func number(_ keys: String..., otherwise: Double) -> Double {
            for key in keys {
                if let value = config[key]?.double ?? config[key]?["config"]?["value"]?.double { return unrounded(value) }
            }
            return otherwise
        }
        switch kind {
        case "Activation": return try activation(config["activation"] ?? .null, isKeras2: isKeras2)
        case "LeakyReLU": return .leakyReLU(slope: number("negative_slope", "alpha", otherwise: 0.3))
        case "ELU": return .elu(alpha: number("alpha", otherwise: 1))
        case "Softmax":
            let axis = config["axis"]?.int ?? config["axis"]?.array?.first?.int ?? -1
            guard axis == -1 || axis == 1 else { throw Unknown(why: "over axis \(axis)") }
            return .softmax
        case "ReLU":
            let slope = number("negative_slope", otherwise: 0), threshold = number("threshold", otherwise: 0)
            let limit = config["max_value"].flatMap { $0.isNull ? nil : $0.double }
            guard threshold == 0 else { throw Unknown(why: "a threshold of \(threshold)") }
            switch limit {
            case nil: return slope == 0 ? .relu : .leakyReLU(slope: slope)
            case 6? where slope == 0: return .relu6
            default: throw Unknown(why: "max_value \(limit ?? 0)\(slope == 0 ? "" : ", negative_slope \(slope)")")
            }
        default: return nil
        }
    }
}
