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
           let group = Finder(groups).group(of: source, nil), let kernel = group.parts[.kernel] ?? group.numbered.first {
            model.input = index.tensors[kernel].shape.sizes.first
        }
        return model.input == nil || (try? model.network.checked()) == nil ? nil : model
    }

    /// The groups of this model's layers, in their order; nil when one cannot be found by its name.
    func arrange(_ groups: [TensorGroup]) -> [TensorGroup]? {
        let slots = Slot.slots(of: network), finder = Finder(groups)
        var found: [TensorGroup] = [], used: Set<Int> = []
        for (source, slot) in zip(sources, slots) {
            guard let group = finder.group(of: source, slot.kind), used.insert(group.first).inserted else { return nil }
            found.append(group)
        }
        return found.count == sources.count && found.count == slots.count ? found : nil
    }

    /// The parameters of layers that were frozen: they have no optimizer state.
    func frozen(in network: NetworkDescription) -> Set<String> {
        let slots = Slot.slots(of: network)
        guard slots.count == sources.count else { return [] }
        return Set(zip(slots, sources).filter { !$1.trainable }.flatMap { $0.0.wanted.map(\.parameter) })
    }

    /// Finds a layer's group by the paths that Keras gives it.
    private struct Finder {
        private let groups: [TensorGroup]
        private var byName: [String: [Int]] = [:]
        /// By the last two components, `layers/dense_1`.
        private var byEnd: [String: [Int]] = [:]
        /// Legacy: by the layer's group, the first component.
        private var byLayer: [String: [Int]] = [:]

        init(_ groups: [TensorGroup]) {
            self.groups = groups
            for (place, group) in groups.enumerated() {
                byName[group.name, default: []].append(place)
                let components = group.name.split(separator: "/")
                byEnd[components.suffix(2).joined(separator: "/"), default: []].append(place)
                if let layer = components.drop(while: { $0 == "model_weights" }).first { byLayer[String(layer), default: []].append(place) }
            }
        }

        /// The group of `source` among those of `kind`; nil when there is none or more than one.
        func group(of source: Source, _ kind: TensorGroup.Kind?) -> TensorGroup? {
            func fits(_ place: Int) -> Bool { kind == nil || groups[place].kind == kind || groups[place].kind == .other }
            let components = source.path.split(separator: "/").map(String.init)
            let older = components.map { $0 == "layers" ? "_layer_checkpoint_dependencies" : $0 }
            for path in [components, older] {
                if let exact = byName[path.joined(separator: "/")]?.first(where: fits) { return groups[exact] }
            }
            for path in [components, older] {
                let end = "/" + path.joined(separator: "/")
                let under = (byEnd[path.suffix(2).joined(separator: "/")] ?? []).filter { fits($0) && groups[$0].name.hasSuffix(end) }
                if under.count == 1 { return groups[under[0]] }
            }
            // Legacy: model_weights/<layer>/<scopes>/<weight>; weights-only files lack the first.
            let layer = (byLayer[source.outer] ?? []).filter(fits)
            if layer.count == 1 { return groups[layer[0]] }
            let named = layer.filter { groups[$0].name.split(separator: "/").last.map(String.init) == source.name }
            return named.count == 1 ? groups[named[0]] : nil
        }
    }
}

/// A layer that is not run, and why where its class alone does not tell: `Dense fc (activation "foo")`.
struct KerasRefusal: Error {
    let layer: String
}
