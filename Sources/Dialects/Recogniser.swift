import Architecture
public import Checkpoints
import StrictJSON
import Tensors

extension Recognition {
    /// What `index` says of the network in it; never throws: why there is none stands in `failure`.
    ///
    /// The first that speaks decides: `hints`; our own metadata (`MetadataKey.network`); Keras' config; an ONNX graph; the conventions of the names.
    /// - Parameter format: the codec's name. It tells whether the order of the tensors means anything.
    public init(of index: CheckpointIndex, format: String, hints: RecognitionHints = RecognitionHints()) {
        var recogniser = Recogniser(index: index, format: format, hints: hints)
        self = recogniser.run()
    }

    /// As above, and the optimizer's step is read where a tensor of one number holds it.
    public init(of checkpoint: any Checkpoint, format: String, hints: RecognitionHints = RecognitionHints()) throws(CheckpointError) {
        self.init(of: checkpoint.index, format: format, hints: hints)
        try optimizer?.readStep(from: checkpoint)
    }
}

/// One pass over one index.
struct Recogniser {
    let index: CheckpointIndex
    let format: String
    let hints: RecognitionHints
    /// Tensors that are no optimizer state.
    private(set) var candidates: [Int] = []
    private var result = Recognition()
    private let table: NameTable

    init(index: CheckpointIndex, format: String, hints: RecognitionHints) {
        self.index = index
        self.format = format
        self.hints = hints
        result.format = format
        table = NameTable(index)
    }

    mutating func run() -> Recognition {
        let config = KerasModel(index.metadata)
        result.optimizer = index.optimizer ?? OptimizerNames.state(in: index, config: config)
        let slots = Set((result.optimizer?.slots ?? []).compactMap { table[$0.tensor] })
        candidates = index.tensors.indices.filter { !slots.contains($0) && !OptimizerNames.isState(index.tensors[$0].name) }
        result.dialect = dialect(config)
        do throws(CheckpointError) { try bind(config) } catch {
            result.failure = error
            result.network = nil
            result.bindings = []
        }
        let used = Set(result.bindings.map(\.tensor))
        result.leftovers = candidates.filter { !used.contains($0) }
        if let network = result.network, index.optimizer == nil { bindSlots(config, network) }
        return result
    }

    private mutating func bind(_ config: KerasModel?) throws(CheckpointError) {
        if let map = hints.map {
            var network = hints.network
            if network == nil { network = ownText()?.network }
            if network == nil, let config { network = try config.requireNetwork() }
            guard let network else { throw CheckpointError(.networkNeeded, "a map of the parameters needs the network too: pass --network") }
            result.bindings = try bind(map, network)
            result.network = network
            return
        }
        let own = ownText()
        if let own, hints.dialect == nil {
            do throws(CheckpointError) {
                result.bindings = try bind(own.parameters, hints.network ?? own.network)
                settle(own.network)
                return
            } catch {
                // Names were changed since, or another network is asked for: the names themselves may still tell.
                if hints.network == nil { result.notes.append("the file's own network text does not fit its tensors: \(error)") }
            }
        }
        if let config {
            try bindKeras(config, own: own?.network)
            return
        }
        if let graph = ONNXGraph(index.metadata), hints.dialect == nil || hints.dialect == .onnx {
            let found = ONNXNetwork(graph, index)
            if let failure = found.failure, hints.network == nil { throw failure }
            if found.failure == nil, let bindings = found.bindings(for: hints.network) {
                result.bindings = bindings
                result.notes += found.notes
                settle(found.network)
                return
            }
        }
        try bindByName(own: own?.network ?? SklearnText.network(in: index))
    }

    private mutating func ownText() -> NetworkText? {
        guard let text = index.metadata[MetadataKey.network] else { return nil }
        do throws(DescriptionError) { return try NetworkText(text) } catch {
            result.notes.append("the metadata \(MetadataKey.network) is passed over: \(error)")
            return nil
        }
    }

    /// Takes the network that was asked for, else `own`; says so where they differ.
    private mutating func settle(_ own: NetworkDescription?) {
        guard let given = hints.network else {
            result.network = own
            return
        }
        if let own, own.input != given.input || own.layers != given.layers {
            result.notes.append("--network says \(brief(given)), the file itself \(brief(own)); --network is taken")
        }
        result.network = given
    }

    private func bind(_ map: ParameterMap, _ network: NetworkDescription) throws(CheckpointError) -> [Binding] {
        let custom = (result.dialect ?? .keep).storesKernelsTransposed
        var binder = Binder(index: index, transposed: false)
        let entries = Dictionary(map.entries.map { ($0.parameter, $0) }, uniquingKeysWith: { first, _ in first })
        var bindings: [Binding] = []
        for parameter in network.parameters {
            guard let entry = entries[parameter.name], let position = table[entry.tensor] else {
                throw CheckpointError(.mismatch, "the map names no tensor of the file for \(parameter.name)")
            }
            let transposed = (entry.transposed ?? custom) && parameter.shape.count == 2
            let binding = try binder.bind(parameter.name, position, transposed ? parameter.shape.reversed() : parameter.shape, turned: false)
            guard !binding.transposed else {
                throw CheckpointError(.mismatch, "the map says that it \(transposed ? "lies" : "does not lie") as [out, in], its shape \(index.tensors[position].shape) says otherwise", tensor: entry.tensor)
            }
            bindings.append(Binding(parameter: parameter.name, tensor: position, transposed: transposed, scale: entry.scale))
        }
        return bindings
    }

    // MARK: Keras' config

    private mutating func bindKeras(_ config: KerasModel, own: NetworkDescription?) throws(CheckpointError) {
        let groups = TensorGroup.groups(in: index, of: candidates, dialect: .keras).groups
        var binder = Binder(index: index, transposed: hints.dialect?.storesKernelsTransposed ?? false)
        defer { result.notes += config.notes + binder.notes }
        if let model = config.completed(with: groups, index), let listed = model.arrange(groups) {
            // The config's layers are found by name: their order is certain.
            let network = hints.network ?? model.network
            if hints.network == nil {
                result.bindings = try binder.bind(zip(Slot.slots(of: network), listed).map { ($0, $1) }, network)
            } else {
                result.bindings = try binder.bind(listed, to: network, file: .authoritative)
            }
            settle(model.network)
            return
        }
        if let given = hints.network ?? own {
            result.bindings = try binder.bind(groups, to: given, file: fileOrder)
            settle(own)
            if result.network == nil { result.network = given }
            return
        }
        let network = try config.requireNetwork()
        result.bindings = try binder.bind(groups, to: network, file: fileOrder)
        settle(network)
    }

    private mutating func bindSlots(_ config: KerasModel?, _ network: NetworkDescription) {
        guard var state = result.optimizer else { return }
        let frozen = config?.frozen(in: network) ?? []
        let names = result.bindings.filter {
            !$0.parameter.hasSuffix(".moving_mean") && !$0.parameter.hasSuffix(".moving_var") && !frozen.contains($0.parameter)
        }.map { index.tensors[$0.tensor].name }
        OptimizerNames.bindNumbered(&state, to: names, index, table)
        result.optimizer = state
    }

    // MARK: names

    private mutating func bindByName(own: NetworkDescription?) throws(CheckpointError) {
        let network = hints.network ?? own
        let (groups, others) = TensorGroup.groups(in: index, of: candidates, dialect: result.dialect)
        var binder = Binder(index: index, transposed: (result.dialect ?? .keep).storesKernelsTransposed)
        defer { result.notes += binder.notes }
        if let network {
            if result.dialect == .canonical, let map = canonicalMap(network) {
                result.bindings = try bind(map, network)
            } else if let positional = positional(network, groups, others) {
                result.bindings = try binder.bind(positional, network)
            } else {
                result.bindings = try binder.bind(groups, to: network, file: fileOrder)
            }
            let left = others.filter { index.tensors[$0].shape.rank >= 2 && index.tensors[$0].dtype.isFloat }
            if let first = left.first {
                result.notes.append("\(left.count) more tensors are no part of the network: \(quoted(index.tensors[first].name))\(left.count > 1 ? " …" : "")")
            }
            settle(own)
            return
        }
        let inference = Inference(index: index, groups: groups, others: others, transposed: (result.dialect ?? .keep).storesKernelsTransposed, file: fileOrder)
        if result.dialect != nil { result.outline = inference.outline }
        throw inference.reason
    }

    /// `layers/L0/kernel` by its own numbers, where every parameter of `network` has its name in the file.
    private func canonicalMap(_ network: NetworkDescription) -> ParameterMap? {
        var names: [String: String] = [:]
        for position in candidates {
            let name = index.tensors[position].name
            if let parameter = CanonicalName.parameter(name) {
                guard names.updateValue(name, forKey: parameter) == nil else { return nil }
            }
        }
        var entries: [ParameterMap.Entry] = []
        for parameter in network.parameters {
            guard let tensor = names[parameter.name] else { return nil }
            entries.append(.init(parameter: parameter.name, tensor: tensor, transposed: false))
        }
        return names.count == entries.count ? ParameterMap(entries: entries) : nil
    }

    /// `arr_0` …, and other tensors whose names say nothing of layers: as many as there are parameters, in their order; or first all matrices and
    /// then all vectors, each in their order.
    private func positional(_ network: NetworkDescription, _ groups: [TensorGroup], _ others: [Int]) -> [(Slot, TensorGroup)]? {
        func rank(_ position: Int) -> Int { index.tensors[position].shape.rank }
        guard groups.isEmpty || others.contains(where: { rank($0) > 0 && index.tensors[$0].dtype.isFloat }) else { return nil }
        let tensors = candidates.filter { rank($0) > 0 }
        let names = tensors.map { index.tensors[$0].name }
        guard Set(names.map { NumberedName($0).skeleton }).count == 1 || fileOrder != .lost else { return nil }
        let wanted = Slot.slots(of: network).flatMap(\.wanted)
        guard tensors.count == wanted.count else { return nil }
        var order = layerOrder(of: names, file: .kept).map { tensors[$0] }
        if order.map(rank) != wanted.map(\.shape.count), order.map(rank).sorted() == wanted.map(\.shape.count).sorted() {
            var matrices = order.filter { rank($0) == 2 }[...], vectors = order.filter { rank($0) == 1 }[...]
            order = wanted.compactMap { $0.shape.count == 2 ? matrices.popFirst() : vectors.popFirst() }
        }
        var rest = order[...]
        return Slot.slots(of: network).map { slot in
            let taken = Array(rest.prefix(slot.wanted.count))
            rest = rest.dropFirst(slot.wanted.count)
            return (slot, TensorGroup(name: "", numbered: taken, kind: slot.kind, first: taken.first ?? 0))
        }
    }

    /// How far the file's order can be trusted. What sorts by name says nothing; what keeps each layer's tensors together in another order
    /// was restored from our metadata, or says what its writer said.
    private var fileOrder: FileOrder {
        switch format {
        case "keras-h5": return .authoritative
        case "safetensors", "hdf5": return isSorted || !isGathered ? .lost : .kept
        default: return .kept
        }
    }

    /// Whether tensors of one type stand in the order of their names.
    private var isSorted: Bool {
        var last: [DType: (bytes: [UInt8], path: [[UInt8]])] = [:], byBytes = true, byPath = true
        for position in candidates {
            let tensor = index.tensors[position]
            let next = (bytes: Array(tensor.name.utf8), path: tensor.name.utf8.split(separator: UInt8(ascii: "/")).map(Array.init))
            if let last = last[tensor.dtype] {
                byBytes = byBytes && last.bytes.lexicographicallyPrecedes(next.bytes)
                byPath = byPath && last.path.lexicographicallyPrecedes(next.path) { $0.lexicographicallyPrecedes($1) }
            }
            last[tensor.dtype] = next
        }
        return byBytes || byPath
    }

    /// Whether the tensors of each layer stand together.
    private var isGathered: Bool {
        var seen: Set<String> = [], last: String?
        for position in candidates {
            guard let group = ParsedName(index.tensors[position].name)?.group, group != last else { continue }
            guard seen.insert(group).inserted else { return false }
            last = group
        }
        return true
    }

    private func dialect(_ config: KerasModel?) -> Dialect? {
        if let dialect = hints.dialect { return dialect == .keep ? nil : dialect }
        if let text = index.metadata[MetadataKey.dialect], let dialect = Dialect(rawValue: text), dialect != .keep { return dialect }
        if config != nil || format.hasPrefix("keras") { return .keras }
        if format == "onnx" || index.metadata[ONNXGraph.key] != nil { return .onnx }
        return DialectDetector.dialect(of: candidates.map { index.tensors[$0].name })
    }
}

/// Positions by name, names compared as bytes.
struct NameTable {
    private var positions: [[UInt8]: Int] = [:]

    init(_ index: CheckpointIndex) {
        for (position, tensor) in index.tensors.enumerated() { positions[Array(tensor.name.utf8)] = position }
    }

    subscript(name: String) -> Int? { positions[Array(name.utf8)] }
}
