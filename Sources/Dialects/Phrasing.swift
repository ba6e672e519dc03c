public import Architecture
public import Checkpoints
import Tensors

/// Where a dialect keeps one parameter of a network.
public struct Placement: Sendable, Hashable {
    /// The canonical name, `L0.kernel`.
    public var parameter: String
    /// The dialect's name for it: `dense/kernel`, `0.weight`.
    public var name: String
    /// The dialect keeps it as [out, in].
    public var transposed: Bool

    public init(parameter: String, name: String, transposed: Bool) {
        self.parameter = parameter
        self.name = name
        self.transposed = transposed
    }
}

extension Dialect {
    /// The names and axes of every parameter of `network` in this dialect, in the order of `network.parameters`.
    ///
    /// `keras` numbers layers by class (`dense`, `dense_1`), `torch` as nn.Sequential does (a module for every layer and every activation),
    /// `flax` by class in its collections `params` and `batch_stats`. Throws `unsupported` where the dialect has no names for such a network.
    public func placements(of network: NetworkDescription) throws(CheckpointError) -> [Placement] {
        switch self {
        case .canonical: return network.parameters.map { Placement(parameter: $0.name, name: $0.name, transposed: false) }
        case .keras: return byClass(network, ["dense", "batch_normalization", "layer_normalization", "p_re_lu"], joined: { base, k in k == 0 ? base : "\(base)_\(k)" }) { "\($0)/\($1.kerasName)" }
        case .flax:
            return byClass(network, ["Dense", "BatchNorm", "LayerNorm", "PReLU"], joined: { "\($0)_\($1)" }) { layer, part in
                "\(part == .mean || part == .variance ? "batch_stats" : "params")/\(layer)/\(part.flaxName)"
            }
        case .torch: return Self.torchPlacements(network)
        case .sklearn:
            var placements: [Placement] = []
            for (i, layer) in network.layers.enumerated() {
                guard case .dense(_, true, let activation) = layer, activation != .prelu else {
                    throw CheckpointError(.unsupported, "scikit-learn's MLP has dense layers with biases and nothing else; L\(i) of \(brief(network)) is none")
                }
                placements += [Placement(parameter: "L\(i).kernel", name: "coefs_\(i)", transposed: false), Placement(parameter: "L\(i).bias", name: "intercepts_\(i)", transposed: false)]
            }
            return placements
        case .onnx, .keep: throw CheckpointError(.unsupported, "\(rawValue) has no names of its own for the tensors of a network; the dialects that have are keras, torch, sklearn, flax, canonical")
        }
    }

    private func byClass(
        _ network: NetworkDescription, _ classes: [String], joined: (String, Int) -> String, name: (String, Part) -> String
    ) -> [Placement] {
        let kinds: [TensorGroup.Kind] = [.dense, .batchNorm, .layerNorm, .prelu]
        var counts = [Int](repeating: 0, count: kinds.count), placements: [Placement] = []
        for slot in Slot.slots(of: network) {
            guard let kind = kinds.firstIndex(of: slot.kind) else { continue }
            let layer = joined(classes[kind], counts[kind])
            counts[kind] += 1
            placements += slot.wanted.map { Placement(parameter: $0.parameter, name: name(layer, $0.part), transposed: false) }
        }
        return placements.inOrder(of: network)
    }

    private static func torchPlacements(_ network: NetworkDescription) -> [Placement] {
        var module = 0, numbers: [Int: Int] = [:], slopes: [Int: Int] = [:]
        for (i, layer) in network.layers.enumerated() {
            numbers[i] = module
            module += 1
            guard case .dense(_, _, let activation) = layer, activation != .linear else { continue }
            slopes[i] = module
            module += 1
        }
        return Slot.slots(of: network).flatMap { slot in
            let number = (slot.kind == .prelu ? slopes[slot.layer] : nil) ?? numbers[slot.layer] ?? 0
            return slot.wanted.map { Placement(parameter: $0.parameter, name: "\(number).\($0.part.torchName)", transposed: $0.part == .kernel) }
        }.inOrder(of: network)
    }
}

extension [Placement] {
    fileprivate func inOrder(of network: NetworkDescription) -> [Placement] {
        let byParameter = Dictionary(map { ($0.parameter, $0) }, uniquingKeysWith: { first, _ in first })
        return network.parameters.compactMap { byParameter[$0.name] }
    }
}

extension Part {
    var kerasName: String {
        switch self {
        case .mean: "moving_mean"
        case .variance: "moving_variance"
        default: rawValue
        }
    }

    fileprivate var flaxName: String {
        switch self {
        case .gamma: "scale"
        case .beta: "bias"
        case .variance: "var"
        case .alpha: "negative_slope"
        default: rawValue
        }
    }

    fileprivate var torchName: String {
        switch self {
        case .kernel, .gamma, .alpha: "weight"
        case .beta: "bias"
        case .mean: "running_mean"
        case .variance: "running_var"
        default: rawValue
        }
    }
}

extension Recognition {
    /// What has to be done to the tensors of `index` to say the network in `dialect`: parameters renamed, and kernels turned where its axes are
    /// other; an optimizer's slots turned with their parameter; all else as it is. Start from `adaptations` where something is done already.
    ///
    /// Throws `networkNeeded` and its like without a network, `unsupported` where the dialect cannot name it, `mismatch` where a new name
    /// is one of a tensor that stays.
    public func adaptations(of index: CheckpointIndex, to dialect: Dialect, from adaptations: [TensorAdaptation]? = nil) throws(CheckpointError) -> [TensorAdaptation] {
        guard dialect != .keep else { return adaptations ?? TensorAdaptation.all(of: index) }
        return self.adaptations(of: index, at: try dialect.placements(of: requireNetwork()), from: adaptations)
    }

    /// As above, to the names and axes of `placements`.
    func adaptations(of index: CheckpointIndex, at placements: [Placement], from adaptations: [TensorAdaptation]? = nil) -> [TensorAdaptation] {
        let start = adaptations ?? TensorAdaptation.all(of: index)
        var changes: [Int: (name: String, turned: Bool, scale: Double)] = [:], turned: Set<[UInt8]> = []
        let bound = Dictionary(bindings.map { ($0.parameter, $0) }, uniquingKeysWith: { first, _ in first })
        for placement in placements {
            guard let binding = bound[placement.parameter] else { continue }
            let turns = binding.transposed != placement.transposed
            changes[binding.tensor] = (placement.name, turns, binding.scale)
            if turns { turned.insert(Array(index.tensors[binding.tensor].name.utf8)) }
        }
        var slots: Set<[UInt8]> = []
        for slot in optimizer?.slots ?? [] {
            if let parameter = slot.parameter, turned.contains(Array(parameter.utf8)) { slots.insert(Array(slot.tensor.utf8)) }
        }
        return start.map { old in
            var new = old
            if let change = changes[old.source] {
                new.name = change.name
                new.transposed = old.transposed != change.turned
                new.scale = change.scale
            } else if slots.contains(Array(index.tensors[old.source].name.utf8)), index.tensors[old.source].shape.rank == 2 {
                new.transposed.toggle()
            }
            return new
        }
    }

    /// The text to keep under `MetadataKey.network`: the network, and where its parameters lie after `adaptations`. Nil without a network.
    public func networkText(of index: CheckpointIndex, after adaptations: [TensorAdaptation]? = nil) -> String? {
        guard let network else { return nil }
        let adapted = Dictionary((adaptations ?? TensorAdaptation.all(of: index)).map { ($0.source, $0) }, uniquingKeysWith: { first, _ in first })
        let entries = bindings.compactMap { binding in
            adapted[binding.tensor].map { ParameterMap.Entry(parameter: binding.parameter, tensor: $0.name, transposed: binding.transposed != $0.transposed, scale: binding.scale / $0.scale) }
        }
        return NetworkText(network: network, parameters: ParameterMap(entries: entries)).text
    }
}
