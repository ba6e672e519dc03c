public import StrictJSON

/// The JSON form: what `inspect --json` prints, and what `--network FILE` and the metadata key `mlpconv.network` hold.
extension NetworkDescription {
    /// Reads an object of which only the keys `input`, `layers`, `loss` and `subgradient` matter. The layers come out canonical.
    public init(json: JSONValue) throws(DescriptionError) {
        guard json.members != nil else { throw DescriptionError("a network description is an object with the keys \"input\" and \"layers\"") }
        guard let input = json["input"]?.int else { throw DescriptionError("\"input\" has to be the width of the input, a whole number") }
        guard let list = json["layers"]?.array else { throw DescriptionError("\"layers\" has to be a list") }
        var layers: [Layer] = []
        for (index, item) in list.enumerated() {
            do throws(DescriptionError) { layers.append(try Layer(json: item)) } catch { throw error.within("layers[\(index)]") }
        }
        var subgradient: Subgradient?
        if let value = json["subgradient"], !value.isNull {
            guard let known = value.string.flatMap(Subgradient.init(rawValue:)) else {
                throw DescriptionError("\"subgradient\" has to be one of \(Subgradient.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            subgradient = known
        }
        let loss = try json["loss"].flatMap { (value) throws(DescriptionError) in value.isNull ? nil : try Loss(json: value) }
        self = try NetworkDescription(input: input, layers: layers, loss: loss, subgradient: subgradient).canonical.checked()
    }

    /// `{"input","layers","loss"}`, and `"subgradient"` where one is named; `init(json:)` reads it back the same.
    public var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("input", .integer(input)), .init("layers", .array(layers.map(\.json))), .init("loss", .optional(loss?.json)),
        ]
        if let subgradient { members.append(.init("subgradient", .string(subgradient.rawValue))) }
        return .object(members)
    }
}

extension Layer {
    static let types = ["dense", "activation", "batchnorm", "layernorm", "dropout", "flatten"]

    /// Reads `{"type":"dense","units":128,"use_bias":true,"activation":{"name":"relu"}}` and its like; keys that no layer has are passed over.
    public init(json: JSONValue) throws(DescriptionError) {
        guard let type = json["type"]?.string else { throw DescriptionError("a layer is an object with a \"type\", one of \(Self.types.joined(separator: ", "))") }
        func flag(_ key: String) throws(DescriptionError) -> Bool {
            guard let value = json[key], !value.isNull else { return true }
            guard let flag = value.bool else { throw DescriptionError("\(quoted(key)) has to be true or false") }
            return flag
        }
        func real(_ key: String) throws(DescriptionError) -> Double? {
            guard let value = json[key], !value.isNull else { return nil }
            guard let real = value.double, real.isFinite else { throw DescriptionError("\(quoted(key)) has to be a number") }
            return real
        }
        switch type {
        case "dense":
            guard let units = json["units"]?.int else { throw DescriptionError("a dense layer needs \"units\", a whole number") }
            self = .dense(units: units, useBias: try flag("use_bias"), activation: try Activation(json: json["activation"] ?? .null))
        case "activation":
            guard let activation = json["activation"] else { throw DescriptionError("an activation layer needs \"activation\"") }
            self = .activation(try Activation(json: activation))
        case "batchnorm": self = .batchNorm(eps: try real("eps") ?? 1e-3, scale: try flag("scale"), center: try flag("center"))
        case "layernorm": self = .layerNorm(eps: try real("eps") ?? 1e-3, scale: try flag("scale"), center: try flag("center"))
        case "dropout":
            guard let rate = try real("rate") else { throw DescriptionError("a dropout layer needs \"rate\"") }
            self = .dropout(rate: rate)
        case "flatten": self = .flatten
        default: throw DescriptionError("there is no layer type \(quoted(type))\(suggestion(for: type, among: Self.types))")
        }
    }

    public var json: JSONValue {
        func norm(_ type: String, _ eps: Double, _ scale: Bool, _ center: Bool) -> JSONValue {
            var members: [JSONValue.Member] = [.init("type", .string(type)), .init("eps", .real(eps))]
            if !scale { members.append(.init("scale", false)) }
            if !center { members.append(.init("center", false)) }
            return .object(members)
        }
        switch self {
        case .dense(let units, let useBias, let activation):
            return ["type": "dense", "units": .integer(units), "use_bias": .bool(useBias), "activation": activation.json]
        case .activation(let activation): return ["type": "activation", "activation": activation.json]
        case .batchNorm(let eps, let scale, let center): return norm("batchnorm", eps, scale, center)
        case .layerNorm(let eps, let scale, let center): return norm("layernorm", eps, scale, center)
        case .dropout(let rate): return ["type": "dropout", "rate": .real(rate)]
        case .flatten: return ["type": "flatten"]
        }
    }
}

extension Activation {
    /// Reads `{"name":"leaky_relu","slope":0.2}`, or a string as in the short form; null is linear.
    public init(json: JSONValue) throws(DescriptionError) {
        if json.isNull {
            self = .linear
            return
        }
        if let text = json.string {
            self = try Activation(parsing: text)
            return
        }
        guard let members = json.members, let name = json["name"]?.string else {
            throw DescriptionError("an activation is a name or an object with a \"name\"")
        }
        let form = try ActivationForm.named(name)
        let names = form.parameters.map(\.name)
        var values = [Double?](repeating: nil, count: names.count)
        for member in members where member.key != "name" {
            // A misspelled parameter would else leave a default in its place, unseen.
            guard let position = names.firstIndex(of: member.key) else {
                throw DescriptionError("\(name) has no parameter \(quoted(member.key)); its parameters: \(names.isEmpty ? "none" : names.joined(separator: ", "))")
            }
            guard let value = member.value.double else { throw DescriptionError("the \(member.key) of \(name) has to be a number") }
            values[position] = value
        }
        self = try form.activation(values)
    }

    public var json: JSONValue {
        .object([.init("name", .string(name))] + parameters.map { .init($0.name, .real($0.value)) })
    }
}

extension Loss {
    /// Reads `{"kind":"softmax_ce","reduction":"mean"}` or the kind alone as a string.
    public init(json: JSONValue) throws(DescriptionError) {
        guard let text = json.string ?? json["kind"]?.string else { throw DescriptionError("\"loss\" is an object with a \"kind\"") }
        guard let kind = Kind(rawValue: text) else {
            throw DescriptionError("there is no loss \(quoted(text))\(suggestion(for: text, among: Kind.allCases.map(\.rawValue)))")
        }
        var reduction = Reduction.mean
        if let value = json["reduction"], !value.isNull {
            guard let known = value.string.flatMap(Reduction.init(rawValue:)) else {
                throw DescriptionError("the \"reduction\" of a loss is one of \(Reduction.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            reduction = known
        }
        self.init(kind, reduction: reduction)
    }

    public var json: JSONValue { ["kind": .string(kind.rawValue), "reduction": .string(reduction.rawValue)] }
}
