import Architecture
import Checkpoints
import StrictJSON
import Tensors

/// A network as Keras' `model_config` (or a `.keras` file's config.json) spells it: Sequential or a Functional chain, in the manners of Keras 1, 2 and 3.
struct KerasModel {
    /// A Keras layer that holds parameters, and the paths under which its variables may lie.
    struct Source {
        /// The layer's own name.
        let name: String
        /// The name of the top-level layer that it is, or lies in.
        let outer: String
        /// Keras 3's path of it: `layers/dense_1`.
        let path: String
        let trainable: Bool
    }

    /// The layers up to the first that is not run, before folding.
    private(set) var layers: [Layer] = []
    /// One for each slot of the network, in order.
    private(set) var sources: [Source] = []
    /// The width of the input, where the config tells.
    private(set) var input: Int?
    private(set) var loss: Loss?
    /// What is not run: `Conv2D conv1`.
    private(set) var refusal: String?
    private(set) var notes: [String] = []
    private(set) var optimizer: JSONValue?

    /// Nil when there is no `model_config` in `metadata`.
    init?(_ metadata: Metadata) {
        guard let text = metadata["model_config"] else { return nil }
        let config: JSONValue
        do { config = try JSONReader.read(text, allowingNonFinite: true) } catch {
            refusal = "its model_config is not JSON: \(error)"
            return
        }
        let training = metadata["training_config"].flatMap { try? JSONReader.read($0, allowingNonFinite: true) }
        let compiled = training ?? config["compile_config"]
        optimizer = compiled?["optimizer_config"] ?? compiled?["optimizer"]
        var walk = KerasWalk(version: metadata["keras_version"], config: config)
        do throws(KerasRefusal) { try walk.model(config) } catch { refusal = "first unsupported layer: \(error.layer)" }
        layers = walk.layers
        sources = walk.sources
        input = walk.input
        notes = walk.notes
        if refusal == nil { loss = KerasLoss.loss(compiled?["loss"], head: walk.head, notes: &notes) }
    }

    /// The network; needs `input` and no refusal.
    var network: NetworkDescription { NetworkDescription(input: input ?? 0, layers: layers, loss: loss).canonical }

    func requireNetwork() throws(CheckpointError) -> NetworkDescription {
        if let refusal { throw CheckpointError(.unsupported, refusal) }
        guard input != nil else { throw CheckpointError(.networkNeeded, "Keras' config does not say how wide the input is; pass --network") }
        do throws(DescriptionError) { return try network.checked() } catch { throw CheckpointError(.unsupported, "its model_config: \(error)") }
    }

    /// Itself with the width of the input taken from the first kernel where the config leaves it open; nil when it is no network that runs.
    func completed(with groups: [TensorGroup], _ index: CheckpointIndex) -> KerasModel? {
        guard refusal == nil else { return nil }
        var model = self
        if input == nil, case .dense? = layers.first(where: { if case .dense = $0 { true } else { false } }), let source = sources.first,
           let group = Self.group(of: source, in: groups), let kernel = group.parts[.kernel] ?? group.numbered.first {
            model.input = index.tensors[kernel].shape.sizes.first
        }
        return model.input == nil || (try? model.network.checked()) == nil ? nil : model
    }

    /// The groups of this model's layers, in their order; nil when one cannot be found by its name.
    func arrange(_ groups: [TensorGroup]) -> [TensorGroup]? {
        var found: [TensorGroup] = [], used: Set<Int> = []
        for (source, slot) in zip(sources, Slot.slots(of: network)) {
            guard let group = Self.group(of: source, in: groups.filter { $0.kind == slot.kind || $0.kind == .other }), used.insert(group.first).inserted else { return nil }
            found.append(group)
        }
        return found.count == sources.count && found.count == Slot.slots(of: network).count ? found : nil
    }

    /// Whether the layer of `parameter` was trained: frozen layers have no optimizer state.
    func isTrainable(_ parameter: String, in network: NetworkDescription) -> Bool {
        guard !parameter.hasSuffix(".moving_mean"), !parameter.hasSuffix(".moving_var") else { return false }
        let slots = Slot.slots(of: network)
        guard slots.count == sources.count, let place = slots.firstIndex(where: { $0.wanted.contains { $0.parameter == parameter } }) else { return true }
        return sources[place].trainable
    }

    private static func group(of source: Source, in groups: [TensorGroup]) -> TensorGroup? {
        let paths = [source.path, source.path.split(separator: "/", omittingEmptySubsequences: false).map { $0 == "layers" ? "_layer_checkpoint_dependencies" : $0 }.joined(separator: "/")]
        if let exact = groups.first(where: { paths.contains($0.name) }) { return exact }
        let under = groups.filter { group in paths.contains { group.name.hasSuffix("/" + $0) } }
        if under.count == 1 { return under[0] }
        // Legacy: model_weights/<layer>/<scopes>/<weight>; weights-only files lack the first.
        let components = groups.map { group in group.name.split(separator: "/").drop { $0 == "model_weights" } }
        let first = groups.indices.filter { components[$0].first.map(String.init) == source.outer }
        if first.count == 1 { return groups[first[0]] }
        let last = first.filter { components[$0].last.map(String.init) == source.name }
        return last.count == 1 ? groups[last[0]] : nil
    }
}

/// A layer that is not run, and why where its class alone does not tell: `Dense fc (activation "foo")`.
struct KerasRefusal: Error {
    let layer: String
}
