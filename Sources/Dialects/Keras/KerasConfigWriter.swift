import Architecture
import Checkpoints
import StrictJSON
import Tensors

/// A network as the layers of a Keras 3 Sequential model, named and numbered as Keras does it (KERAS-60 to 64).
struct KerasConfigWriter {
    struct Item {
        let kind: String
        let name: String
        /// `layers/dense_1`.
        let path: String
        let dtype: DType
        let config: [JSONValue.Member]
        /// The width of its input.
        let width: Int
        /// In the order in which Keras numbers them: `kernel`, and the canonical name.
        let parts: [(name: String, parameter: String)]
    }

    private(set) var items: [Item] = []
    /// Why there is no config for it: an activation that Keras has no name for.
    private(set) var refusal: String?
    private(set) var notes: [String] = []
    private let network: NetworkDescription
    private let common: DType
    private var counts: [String: Int] = [:]

    static let modelName = "sequential"

    /// Throws `unsupported` where a parameter is of a type that no Keras layer has.
    init(_ network: NetworkDescription, dtypes: [String: DType]) throws(CheckpointError) {
        self.network = network
        let slots = Slot.slots(of: network)
        let kernel = slots.first { $0.kind == .dense } ?? slots.first
        common = kernel?.wanted.first.flatMap { dtypes[$0.parameter] } ?? .float32
        for parameter in network.parameters {
            guard let dtype = dtypes[parameter.name] else { continue }
            guard [.float16, .bfloat16, .float32, .float64].contains(dtype) else {
                throw CheckpointError(.unsupported, dtype == .void16
                    ? "what the two-byte elements of \(parameter.name) mean is not known; say so with --read-as, as in --read-as '*=bfloat16'"
                    : "\(parameter.name) is of \(dtype.rawValue); the variables of Keras' layers are float16, bfloat16, float32 or float64: cast it with --dtype")
            }
        }
        var width = network.input
        for (number, layer) in network.layers.enumerated() {
            func parts(_ kind: TensorGroup.Kind) -> [(name: String, parameter: String)] {
                slots.first { $0.layer == number && $0.kind == kind }?.wanted.map { ($0.part.kerasName, $0.parameter) } ?? []
            }
            switch layer {
            case .dense(let units, let useBias, let activation):
                let name = Self.spelling(activation)
                add("Dense", [.init("units", .integer(units)), .init("activation", .string(name ?? "linear")), .init("use_bias", .bool(useBias))], width, parts(.dense), dtypes)
                width = units
                if name == nil { add(activation, width, number, parts(.prelu), dtypes) }
            case .activation(let activation):
                if let name = Self.spelling(activation) {
                    add("Activation", [.init("activation", .string(name))], width, [], dtypes)
                } else {
                    add(activation, width, number, parts(.prelu), dtypes)
                }
            case .batchNorm(let eps, let scale, let center):
                add("BatchNormalization", [
                    .init("axis", -1), .init("momentum", .real(0.99)), .init("epsilon", .real(eps)), .init("center", .bool(center)), .init("scale", .bool(scale)),
                ], width, parts(.batchNorm), dtypes)
            case .layerNorm(let eps, let scale, let center):
                add("LayerNormalization", [
                    .init("axis", .array([-1])), .init("epsilon", .real(eps)), .init("center", .bool(center)), .init("scale", .bool(scale)),
                ], width, parts(.layerNorm), dtypes)
            case .dropout(let rate): add("Dropout", [.init("rate", .real(rate)), .init("seed", .null), .init("noise_shape", .null)], width, [], dtypes)
            case .flatten: add("Flatten", [.init("data_format", "channels_last")], width, [], dtypes)
            }
        }
    }

    /// An activation that is a layer of its own in Keras.
    private mutating func add(_ activation: Activation, _ width: Int, _ number: Int, _ parts: [(name: String, parameter: String)], _ dtypes: [String: DType]) {
        switch activation {
        case .leakyReLU(let slope): add("LeakyReLU", [.init("negative_slope", .real(slope))], width, [], dtypes)
        case .elu(let alpha): add("ELU", [.init("alpha", .real(alpha))], width, [], dtypes)
        case .prelu: add("PReLU", [.init("shared_axes", .null)], width, parts, dtypes)
        default:
            if refusal == nil {
                let values = activation.parameters.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
                refusal = "Keras 3 has no name for the activation of L\(number), \(activation.name)\(values.isEmpty ? "" : " (\(values))"), without code of one's own; keras-weights holds the weights alone"
            }
        }
    }

    private mutating func add(_ kind: String, _ config: [JSONValue.Member], _ width: Int, _ parts: [(name: String, parameter: String)], _ dtypes: [String: DType]) {
        let snake = KerasWalk.snakeCase(kind), count = counts[snake, default: 0]
        counts[snake] = count + 1
        let name = count == 0 ? snake : "\(snake)_\(count)"
        // The widest type of its variables, so that none loses digits where Keras loads them.
        let types = parts.compactMap { dtypes[$0.parameter] }
        let dtype = types.max { $0.byteCount < $1.byteCount } ?? common
        if Set(types).count > 1 { notes.append("the variables of \(name) are of several types; its policy is \(dtype.rawValue), to which Keras casts them") }
        items.append(Item(kind: kind, name: name, path: "layers/\(name)", dtype: dtype, config: config, width: width, parts: parts))
    }

    /// The name that `keras.activations.get` knows for it; nil where it has none, or needs a parameter.
    private static func spelling(_ activation: Activation) -> String? {
        switch activation {
        case .linear, .relu, .relu6, .selu, .gelu, .silu, .mish, .softplus, .softsign, .sigmoid, .tanh, .softmax, .logSoftmax: activation.name
        case .elu(alpha: 1): "elu"
        case .exp: "exponential"
        case .hardSigmoid(alpha: 1.0 / 6, beta: 0.5): "hard_sigmoid"
        default: nil
        }
    }

    // MARK: texts

    /// The members of `model_config`.
    /// - Parameter isArchive: as config.json of a `.keras` file has it, with modules and build configs; else as a legacy file's attribute.
    func config(isArchive: Bool) -> [JSONValue.Member] {
        func shape(_ width: Int) -> JSONValue { .array([.null, .integer(width)]) }
        func object(_ kind: String, _ module: String, _ config: [JSONValue.Member], _ built: JSONValue? = nil) -> [JSONValue.Member] {
            var members: [JSONValue.Member] = isArchive ? [.init("module", .string(module))] : []
            members += [.init("class_name", .string(kind)), .init("config", .object(config))]
            if isArchive {
                members.append(.init("registered_name", .null))
                if let built { members.append(.init("build_config", ["input_shape": built])) }
            }
            return members
        }
        var layers: [JSONValue] = [.object(object("InputLayer", "keras.layers", [
            .init("batch_shape", shape(network.input)), .init("dtype", .string(common.rawValue)), .init("sparse", false), .init("name", "input_layer"),
        ]))]
        for item in items {
            let config = [.init("name", .string(item.name)), .init("trainable", true), .init("dtype", .string(item.dtype.rawValue))] + item.config
            layers.append(.object(object(item.kind, "keras.layers", config, shape(item.width))))
        }
        return object("Sequential", "keras", [
            .init("name", .string(Self.modelName)), .init("trainable", true), .init("dtype", .string(common.rawValue)),
            .init("layers", .array(layers)), .init("build_input_shape", shape(network.input)),
        ], shape(network.input))
    }
}
