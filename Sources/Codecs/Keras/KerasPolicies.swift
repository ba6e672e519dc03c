import Checkpoints
import HDF5Container
import StrictJSON
import Tensors

/// The type of each layer's variables, as a model's config says it (KERAS-5): the only place that tells bfloat16 in a legacy file.
struct KerasPolicies {
    private struct Outer {
        var own: DType?
        /// Layers inside it, at any depth, by name.
        var inner: [[UInt8]: DType?] = [:]
    }

    private var layers: [[UInt8]: Outer] = [:]
    /// The type that all layers have; nil when they differ or none says.
    private(set) var common: DType?

    init(_ config: JSONConfig?) {
        guard let config else { return }
        var all: Set<DType?> = []
        var open: [(item: JSONValue, outer: [UInt8]?)] = Self.items(of: config.json).map { ($0, nil) }
        while let (item, outer) = open.popLast() {
            let name = Array((item["config"]?["name"]?.string ?? item["name"]?.string ?? "").utf8)
            let dtype = Self.variableType(item["config"]?["dtype"])
            let inner = Self.items(of: item)
            if let outer { layers[outer]?.inner[name] = dtype } else { layers[name] = Outer(own: dtype) }
            if inner.isEmpty, item["class_name"]?.string != "InputLayer" { all.insert(dtype) }
            open += inner.map { ($0, outer ?? name) }
        }
        if all.count == 1, let only = all.first { common = only }
    }

    /// The type of the variables of the layer `name`, or of the layer inside it that `parts`, the path of a variable under it, goes through.
    func dtype(ofLayer name: String, parts: [String] = []) -> DType? {
        guard let layer = layers[Array(name.utf8)] else { return nil }
        for part in parts.dropLast().reversed() {
            if let inner = layer.inner[Array(part.utf8)] { return inner }
        }
        if let own = layer.own { return own }
        let inner = Set(layer.inner.values)
        return inner.count == 1 ? inner.first ?? nil : nil
    }

    /// The layers that a model or a wrapper holds: Keras 1 and early 2 have the bare list as the config.
    private static func items(of model: JSONValue) -> [JSONValue] {
        let config = model["config"]
        if let list = config?.array ?? config?["layers"]?.array { return list }
        return ["layer", "forward_layer", "backward_layer"].compactMap { config?[$0] }.filter { $0.members != nil }
    }

    /// "bfloat16", or a policy as an object. Under `mixed_bfloat16` variables are float32; a quantized `int8_from_bfloat16` keeps its source's.
    static func variableType(_ json: JSONValue?) -> DType? {
        var json = json
        for _ in 0..<4 {
            guard let value = json, value.members != nil else { break }
            json = value["config"]?["name"] ?? value["config"]?["default_policy"]
        }
        guard var name = json?.string.map({ Substring($0) }) else { return nil }
        if let from = name.range(of: "_from_") { name = name[from.upperBound...] }
        return name.hasPrefix("mixed_") ? .float32 : DType(rawValue: String(name))
    }
}

extension Substring {
    /// Where `word` first stands.
    fileprivate func range(of word: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(word) { return start..<index(start, offsetBy: word.count) }
            formIndex(after: &start)
        }
        return nil
    }
}

/// What a legacy file's two-byte opaque datasets are (KERAS-5).
struct LegacyDTypes {
    private let layout: LegacyLayout
    private let policies: KerasPolicies
    /// Whether every such weight of the model is bfloat16: then the optimizer's are too, whose names say little.
    private let areAllBFloat16: Bool

    init(_ layout: LegacyLayout, _ policies: KerasPolicies, _ file: HDF5File) {
        self.layout = layout
        self.policies = policies
        let opaque = layout.order.filter { position in
            guard case .tensor(let tensor) = file.entries[position] else { return false }
            return tensor.info.dtype == .void16 && !layout.optimizer.contains(position)
        }
        areAllBFloat16 = !opaque.isEmpty && opaque.allSatisfy { position in
            layout.owners[position].map { policies.dtype(ofLayer: $0.layer, parts: $0.parts) == .bfloat16 } ?? false
        }
    }

    func dtype(ofDataset position: Int) -> DType? {
        let dtype = if let owner = layout.owners[position] {
            policies.dtype(ofLayer: owner.layer, parts: owner.parts)
        } else {
            layout.optimizer.contains(position) && areAllBFloat16 ? DType.bfloat16 : nil
        }
        return dtype == .bfloat16 ? dtype : nil
    }
}
