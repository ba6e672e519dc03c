import Architecture
import Checkpoints
import StrictJSON

/// The compile settings of a model in Keras 3's form (KERAS-65): the source's own where it is a Keras model, else what the network's loss says.
struct KerasCompileWriter {
    /// The members of `compile_config` but for the optimizer.
    private(set) var members: [JSONValue.Member] = []
    /// Class and config of the optimizer; nil where nothing is compiled.
    private(set) var optimizer: (kind: String, config: [JSONValue.Member])?
    private(set) var notes: [String] = []

    /// The settings that optimizers of Keras 3 have: those of Keras 2 that it has not are left out.
    private static let shared: Set<String> = [
        "name", "learning_rate", "weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "ema_momentum", "ema_overwrite_frequency",
        "loss_scale_factor", "gradient_accumulation_steps",
    ]
    private static let own: [String: Set<String>] = [
        "Adam": ["beta_1", "beta_2", "epsilon", "amsgrad"], "AdamW": ["beta_1", "beta_2", "epsilon", "amsgrad"], "SGD": ["momentum", "nesterov"],
        "RMSprop": ["rho", "momentum", "epsilon", "centered"], "Nadam": ["beta_1", "beta_2", "epsilon"], "Adamax": ["beta_1", "beta_2", "epsilon"],
        "Adagrad": ["initial_accumulator_value", "epsilon"], "Adadelta": ["rho", "epsilon"],
    ]

    init(_ network: NetworkDescription, _ source: Metadata) {
        let config = source["model_config"].flatMap { try? JSONReader.read($0, allowingNonFinite: true) }
        let training = source["training_config"].flatMap { try? JSONReader.read($0, allowingNonFinite: true) }
        // A network that was given by hand may be another than the one that was compiled.
        let isSame = KerasModel(source).map { $0.refusal == nil && $0.network.layers == network.layers } ?? false
        if isSame, let compiled = training ?? config?["compile_config"], !compiled.isNull { take(compiled, version: source["keras_version"], network) }
        if optimizer == nil, let loss = loss(of: network) {
            // What `compile(loss=…)` takes where no optimizer is named.
            members = [.init("loss", loss)]
            optimizer = ("RMSprop", [.init("name", "rmsprop"), .init("learning_rate", .real(0.001))])
        }
    }

    private mutating func take(_ compiled: JSONValue, version: String?, _ network: NetworkDescription) {
        let source = compiled["optimizer_config"] ?? compiled["optimizer"]
        guard let kind = source?["class_name"]?.string, let plain = kind.split(separator: ">").last.map(String.init), let known = Self.own[plain],
              let config = source?["config"]?.members
        else {
            notes.append("the optimizer that it was compiled with is none of Keras' own; its settings are left out")
            return
        }
        let isKeras3 = (version?.prefix { $0 != "." }).flatMap { Int($0) }.map { $0 >= 3 } ?? false
        let kept = isKeras3 ? config : config.filter { (Self.shared.contains($0.key) || known.contains($0.key)) && !$0.value.isNull }
        optimizer = (plain, kept)
        if isKeras3 {
            members = compiled.members?.filter { $0.key != "optimizer" && $0.key != "optimizer_config" } ?? []
        } else {
            members = [.init("loss", loss(of: network) ?? .null)]
        }
    }

    /// The loss as Keras names it: a word, or an object where it is taken from logits or summed. Nil where there is none, or it does not fit the head.
    private mutating func loss(of network: NetworkDescription) -> JSONValue? {
        guard let loss = network.loss else { return nil }
        var head = Activation.linear
        switch network.canonical.layers.last {
        case .dense(_, _, let activation), .activation(let activation): head = activation
        default: break
        }
        let name: String, kind: String, fits: Bool, isCrossEntropy = loss.kind != .mse
        switch loss.kind {
        case .softmaxCE, .softmaxCESoft: (name, kind, fits) = ("categorical_crossentropy", "CategoricalCrossentropy", head == .softmax || head == .linear)
        case .bce: (name, kind, fits) = ("binary_crossentropy", "BinaryCrossentropy", head == .sigmoid || head == .linear)
        case .mse: (name, kind, fits) = ("mean_squared_error", "MeanSquaredError", true)
        }
        let perRow = loss.kind == .softmaxCE || loss.kind == .softmaxCESoft
        guard fits, loss.reduction != .batch || perRow else {
            notes.append("Keras has no loss for \(loss.kind.rawValue), reduced by \(loss.reduction.rawValue), after \(head.name); the model is not compiled")
            return nil
        }
        let fromLogits = isCrossEntropy && head == .linear
        guard fromLogits || loss.reduction == .sum else { return .string(name) }
        if loss.reduction == .sum, !perRow {
            notes.append("Keras' \(name) takes the mean over a row's outputs before it sums; the model is not compiled")
            return nil
        }
        var config: [JSONValue.Member] = [.init("name", .string(name)), .init("reduction", .string(loss.reduction == .sum ? "sum" : "sum_over_batch_size"))]
        if fromLogits { config.append(.init("from_logits", true)) }
        return ["module": "keras.losses", "class_name": .string(kind), "config": .object(config), "registered_name": .null]
    }

    /// As a `.keras` file's config has it; nil where nothing is compiled.
    var compileConfig: JSONValue? {
        guard let optimizer else { return nil }
        let object: JSONValue = ["module": "keras.optimizers", "class_name": .string(optimizer.kind), "config": .object(optimizer.config), "registered_name": .null]
        return .object([.init("optimizer", object)] + members)
    }

    /// As a legacy file's attribute `training_config` has it.
    var trainingConfig: JSONValue? {
        guard let optimizer else { return nil }
        // Keras' reader asks for these keys whether or not they say anything.
        let missing = ["loss", "loss_weights", "metrics", "weighted_metrics"].filter { key in !members.contains { $0.key == key } }
        return .object(members + missing.map { .init($0, .null) } + [.init("optimizer_config", ["class_name": .string(optimizer.kind), "config": .object(optimizer.config)])])
    }
}
