import Architecture
import StrictJSON

/// Goes through a Keras config in the order of execution and collects what runs.
struct KerasWalk {
    private(set) var layers: [Layer] = []
    private(set) var sources: [KerasModel.Source] = []
    private(set) var input: Int?
    private(set) var notes: [String] = []
    /// Keras 2's hard_sigmoid is another function than Keras 3's.
    private let isKeras2: Bool
    /// The sizes of a row before it is flat; nil once it is, or when nothing is known.
    private var rowRank: Int?

    init(version: String?, config: JSONValue) {
        if let major = version?.prefix(while: { $0 != "." }), let number = Int(major) { isKeras2 = number < 3 } else {
            // Without a version: Keras 3 alone writes "batch_shape".
            isKeras2 = !config.text().contains("\"batch_shape\"")
        }
    }

    /// The activation of the output.
    var head: Activation {
        switch NetworkDescription(input: 1, layers: layers).canonical.layers.last {
        case .dense(_, _, let activation), .activation(let activation): activation
        default: .linear
        }
    }

    /// Walks a whole model.
    mutating func model(_ config: JSONValue) throws(KerasRefusal) {
        try container(config, prefix: "", outer: nil, depth: 0)
        if input == nil { noteInput(config["build_config"]?["input_shape"]) }
    }

    /// A Sequential or Functional model, on top or as a layer. JSON's bounded nesting bounds the recursion.
    private mutating func container(_ model: JSONValue, prefix: String, outer: String?, depth: Int) throws(KerasRefusal) {
        let kind = Self.className(model)
        let name = Self.name(model)
        guard depth < 16 else { throw KerasRefusal(layer: "\(kind) \(name) (nested too deep)") }
        let body = model["config"]
        let items: [JSONValue]
        switch kind {
        case "Sequential":
            // Keras 1 and early 2: the config is the bare list.
            guard let list = body?.array ?? body?["layers"]?.array else { throw KerasRefusal(layer: "Sequential \(name) (its config has no layers)") }
            items = list
        case "Functional", "Model":
            guard let list = body?["layers"]?.array else { throw KerasRefusal(layer: "\(kind) \(name) (its config has no layers)") }
            items = try KerasChain.order(list, body?["output_layers"])
        default: throw KerasRefusal(layer: "\(kind) \(name) (a model of its own class: its config does not say what it computes)")
        }
        var counts: [String: Int] = [:], paths: [Int: String] = [:]
        // Paths are numbered in the order of the config, whatever the order of execution.
        let listed = kind == "Sequential" ? items : body?["layers"]?.array ?? items
        for (place, item) in listed.enumerated() {
            let snake = Self.snakeCase(Self.className(item))
            let count = counts[snake, default: 0]
            counts[snake] = count + 1
            paths[place] = "\(prefix)layers/\(snake)\(count == 0 ? "" : "_\(count)")"
        }
        var placeOfName: [[UInt8]: Int] = [:]
        for (place, item) in listed.enumerated() { placeOfName[Array(Self.name(item).utf8)] = place }
        if input == nil { noteInput(body?["batch_input_shape"]) }
        for item in items {
            let name = Self.name(item)
            let path = placeOfName[Array(name.utf8)].flatMap { paths[$0] } ?? ""
            if ["Sequential", "Functional", "Model"].contains(Self.className(item)) {
                try container(item, prefix: path + "/", outer: outer ?? name, depth: depth + 1)
            } else {
                try layer(item, KerasModel.Source(name: name, outer: outer ?? name, path: path, trainable: item["config"]?["trainable"]?.bool ?? true))
            }
        }
        if input == nil { noteInput(body?["build_input_shape"] ?? model["build_config"]?["input_shape"]) }
    }

    private mutating func layer(_ item: JSONValue, _ source: KerasModel.Source) throws(KerasRefusal) {
        let kind = Self.className(item), config = item["config"] ?? .null
        func refuse(_ why: String? = nil) -> KerasRefusal { KerasRefusal(layer: "\(kind) \(source.name)\(why.map { " (\($0))" } ?? "")") }
        if input == nil, layers.isEmpty {
            for shape in [config["batch_shape"], config["batch_input_shape"], item["build_config"]?["input_shape"]] where input == nil { noteInput(shape) }
            if input == nil, let shape = config["input_shape"]?.array { noteInput(.array([.null] + shape)) }
            if input == nil, let width = config["input_dim"]?.int, width > 0 { input = width }
        }
        if kind == "InputLayer" { return }
        if let rank = rowRank, rank > 1, kind != "Flatten", kind != "Dropout" { throw refuse("its input has \(rank) axes; only rows of numbers are run") }
        let isKeras2 = isKeras2
        func known<R>(_ body: () throws(KerasActivation.Unknown) -> R) throws(KerasRefusal) -> R {
            do throws(KerasActivation.Unknown) { return try body() } catch { throw refuse(error.why) }
        }
        switch kind {
        case "Dense":
            guard let units = config["units"]?.int ?? config["output_dim"]?.int, units > 0 else { throw refuse("no units") }
            if let quantized = config["quantization_config"], !quantized.isNull { throw refuse("quantized") }
            let useBias = config["use_bias"]?.bool ?? config["bias"]?.bool ?? true
            let activation = try known { () throws(KerasActivation.Unknown) in try KerasActivation.activation(config["activation"] ?? .null, isKeras2: isKeras2) }
            if activation == .prelu { throw refuse("a PReLU inside it") }
            layers.append(.dense(units: units, useBias: useBias, activation: activation))
            sources.append(source)
        case "BatchNormalization", "LayerNormalization", "BatchNormalizationV1", "BatchNormalizationV2":
            guard Self.isLastAxis(config["axis"]) else { throw refuse("over an axis that is not the last") }
            if config["rms_scaling"]?.bool == true { throw refuse("RMS scaling") }
            if config["renorm"]?.bool == true { throw refuse("renorm") }
            if config["mode"]?.int ?? 0 != 0 { throw refuse("mode \(config["mode"]?.int ?? 0)") }
            let eps = config["epsilon"]?.double ?? 1e-3
            let scale = config["scale"]?.bool ?? true, center = config["center"]?.bool ?? true
            let isBatch = kind != "LayerNormalization"
            layers.append(isBatch ? .batchNorm(eps: eps, scale: scale, center: center) : .layerNorm(eps: eps, scale: scale, center: center))
            if isBatch || scale || center { sources.append(source) }
        case "PReLU":
            if let shared = config["shared_axes"]?.array, !shared.isEmpty { throw refuse("one slope for all units") }
            layers.append(.activation(.prelu))
            sources.append(source)
        case "Dropout":
            let rate = config["rate"]?.double ?? config["p"]?.double ?? 0
            layers.append(.dropout(rate: rate))
        case "AlphaDropout", "GaussianDropout":
            notes.append("\(kind) \(source.name) is run as the identity, which it is outside of training")
            layers.append(.dropout(rate: 0))
        case "Flatten":
            if config["data_format"]?.string == "channels_first", (rowRank ?? 1) > 1 { throw refuse("channels_first") }
            layers.append(.flatten)
            rowRank = 1
        default:
            let activation = try known { () throws(KerasActivation.Unknown) in try KerasActivation.layer(kind, config, isKeras2: isKeras2) }
            guard let activation, activation != .prelu else { throw refuse() }
            layers.append(.activation(activation))
        }
    }

    /// Takes `[null, 28, 28]` as the shape of the input, where nothing is known yet and every size is.
    private mutating func noteInput(_ shape: JSONValue?) {
        guard var sizes = shape?.array, sizes.count > 1 else { return }
        sizes.removeFirst()
        rowRank = sizes.count
        var width = 1
        for size in sizes {
            guard let size = size.int, size > 0 else { return }
            let (product, overflow) = width.multipliedReportingOverflow(by: size)
            guard !overflow else { return }
            width = product
        }
        input = width
    }

    private static func isLastAxis(_ axis: JSONValue?) -> Bool {
        guard let axis, !axis.isNull else { return true }
        let list = axis.array?.map(\.int) ?? [axis.int]
        return list == [-1] || list == [1]
    }

    static func className(_ item: JSONValue) -> String {
        let name = item["class_name"]?.string ?? ""
        // A registered class is package>Name.
        return name.split(separator: ">").last.map(String.init) ?? name
    }

    static func name(_ item: JSONValue) -> String { item["name"]?.string ?? item["config"]?["name"]?.string ?? "" }

    /// Keras' to_snake_case: PReLU is p_re_lu.
    static func snakeCase(_ name: String) -> String {
        let word = Array(name.unicodeScalars.filter { $0.properties.isAlphabetic || $0.properties.numericType != nil || $0 == "_" })
        func upper(_ i: Int) -> Bool { i < word.count && ("A"..."Z").contains(word[i]) }
        func lower(_ i: Int) -> Bool { i < word.count && ("a"..."z").contains(word[i]) }
        var out = "", i = 0
        while i < word.count {
            // (.)([A-Z][a-z]+), then ([a-z])([A-Z])
            if i > 0, upper(i), lower(i + 1) || lower(i - 1) { out += "_" }
            out.unicodeScalars.append(word[i])
            i += 1
        }
        return out.lowercased()
    }
}
