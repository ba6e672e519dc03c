import Architecture
import Checkpoints
import StrictJSON

/// How Keras' three formats say a network (KERAS-60 to 67): Keras 3's names, a Sequential config, the optimizer's state by its number or name.
struct KerasFormat: FormatDialect {
    enum Kind: Sendable { case legacy, weights, archive }
    let kind: Kind

    static let legacy = KerasFormat(kind: .legacy), weights = KerasFormat(kind: .weights), archive = KerasFormat(kind: .archive)

    var dialect: Dialect { .keras }

    /// The version whose form the texts have; every later one reads it.
    static let version = "3.0.0"
    static let noDate = "1980-01-01@00:00:00"

    func phrase(_ source: PhraseSource) throws(CheckpointError) -> FormatPhrase {
        let writer = try KerasConfigWriter(source.network, dtypes: source.dtypes)
        if kind != .weights, let refusal = writer.refusal { throw CheckpointError(.unsupported, refusal) }
        var placed: [String: Placement] = [:]
        for item in writer.items {
            for (number, part) in item.parts.enumerated() {
                let name = kind == .legacy ? "model_weights/\(item.name)/\(Self.variable(item, part.name))" : "\(item.path)/vars/\(number)"
                placed[part.parameter] = Placement(parameter: part.parameter, name: name, transposed: false)
            }
        }
        var phrase = FormatPhrase(placements: source.network.parameters.compactMap { placed[$0.name] }, metadata: Metadata(), notes: writer.notes)
        let compile = KerasCompileWriter(source.network, source.metadata)
        if kind != .weights { phrase.notes += compile.notes }
        let state = State(source.optimizer, writer, kind)
        if kind == .weights || state.kind == compile.optimizer?.kind.lowercased() {
            phrase.slots = state.names
            phrase.slotsReason = state.reason
        } else if source.optimizer != nil {
            phrase.slotsReason = state.reason ?? "the model is not compiled with its optimizer"
        }
        switch kind {
        case .legacy:
            say(legacy: &phrase.metadata, writer, source.metadata["backend"] ?? "tensorflow", compile.trainingConfig)
            if !phrase.slots.isEmpty { phrase.metadata["optimizer_weights@weight_names"] = JSONValue.strings(state.order.map { String($0.dropFirst(18)) }).text() }
        case .weights, .archive:
            if kind == .archive {
                var members = writer.config(isArchive: true)
                if let compiled = compile.compileConfig { members.append(.init("compile_config", compiled)) }
                phrase.metadata["keras_version"] = Self.version
                phrase.metadata["date_saved"] = source.metadata["date_saved"] ?? Self.noDate
                phrase.metadata["model_config"] = JSONValue.object(members).text()
            } else {
                phrase.lost = ["model_config", "training_config"].filter { source.metadata[$0] != nil }
            }
            for item in writer.items { phrase.metadata["\(item.path)/vars@name"] = item.name }
            if !phrase.slots.isEmpty { phrase.metadata["optimizer/vars@name"] = state.kind ?? "optimizer" }
            phrase.metadata["vars@name"] = KerasConfigWriter.modelName
        }
        return phrase
    }

    private func say(legacy metadata: inout Metadata, _ writer: KerasConfigWriter, _ backend: String, _ training: JSONValue?) {
        metadata["backend"] = backend
        metadata["keras_version"] = Self.version
        metadata["model_config"] = JSONValue.object(writer.config(isArchive: false)).text()
        if let training { metadata["training_config"] = training.text() }
        metadata["model_weights@backend"] = backend
        metadata["model_weights@keras_version"] = Self.version
        metadata["model_weights@layer_names"] = JSONValue.strings(writer.items.map(\.name)).text()
        for item in writer.items {
            metadata["model_weights/\(item.name)@weight_names"] = JSONValue.strings(item.parts.map { Self.variable(item, $0.name) }).text()
        }
        metadata["model_weights/top_level_model_weights@weight_names"] = "[]"
    }

    /// Keras 3's path of a variable: `sequential/dense/kernel`.
    private static func variable(_ item: KerasConfigWriter.Item, _ part: String) -> String { "\(KerasConfigWriter.modelName)/\(item.name)/\(part)" }

    func supersedes(_ key: String) -> Bool {
        if ["keras_version", "backend", "model_config", "training_config", "date_saved", "layer_names", "nb_layers"].contains(key) { return true }
        guard let at = key.lastIndex(of: "@") else { return false }
        return ["layer_names", "weight_names", "name", "backend", "keras_version"].contains(String(key[key.index(after: at)...]))
    }

    /// The optimizer's state under Keras 3's names: an iteration, a learning rate, and the slots of every trainable variable, one after the other.
    private struct State {
        var kind: String?
        /// Name in the source -> name in the file.
        var names: [String: String] = [:]
        /// The names in the file, in their order.
        var order: [String] = []
        var reason: String?

        init(_ state: OptimizerState?, _ writer: KerasConfigWriter, _ format: Kind) {
            guard let state, !state.slots.isEmpty else { return }
            kind = state.kind?.lowercased()
            let words: [(slot: String, name: String)]
            switch kind {
            case "adam"?, "adamw"?, "nadam"?: words = [("m", "momentum"), ("v", "velocity")]
            case "sgd"?: words = [("momentum", "momentum")]
            case "rmsprop"?: words = [("velocity", "velocity")]
            default:
                reason = "the state of \(state.kind ?? "an unknown optimizer") is not carried over"
                return
            }
            var found: [String: String] = [:]
            for slot in state.slots { found["\(slot.slot) \(slot.parameter ?? "")"] = slot.tensor }
            func take(_ slot: String, _ parameter: String, _ name: String) -> Bool {
                guard let tensor = found["\(slot) \(parameter)"] else {
                    reason = "Keras keeps \(slot)\(parameter.isEmpty ? "" : " of \(parameter)") too, which is not there"
                    return false
                }
                let path = format == .legacy ? "optimizer_weights/\(kind ?? "")/\(name)" : "optimizer/vars/\(order.count)"
                names[tensor] = path
                order.append(path)
                return true
            }
            var isWhole = take("iteration", "", "iteration") && take("learning_rate", "", "learning_rate")
            // A model that was compiled and not yet trained has no slots.
            for item in writer.items where state.slots.count > 2 {
                for part in item.parts where !part.name.hasPrefix("moving_") {
                    for word in words where isWhole {
                        isWhole = take(word.slot, part.parameter, "\(KerasFormat.variable(item, part.name).split(separator: "/").joined(separator: "_"))_\(word.name)")
                    }
                }
            }
            if isWhole, names.count != state.slots.count {
                reason = "it has \(state.slots.count - names.count) slots more than Keras' \(kind ?? "") keeps"
                isWhole = false
            }
            if !isWhole {
                names = [:]
                order = []
            }
        }
    }
}
