public import Architecture
import Checkpoints
public import StrictJSON

/// Which tensor is which parameter, said outright: in our metadata (`MetadataKey.network`, key `parameters`) or by `--map FILE`.
public struct ParameterMap: Sendable, Hashable {
    public struct Entry: Sendable, Hashable {
        public var parameter: String
        public var tensor: String
        /// Nil where nothing is said: the dialect's custom then holds.
        public var transposed: Bool?
        /// The parameter is the tensor times this.
        public var scale: Double
        public init(parameter: String, tensor: String, transposed: Bool?, scale: Double = 1) {
            self.parameter = parameter
            self.tensor = tensor
            self.transposed = transposed
            self.scale = scale
        }
    }

    public var entries: [Entry]

    public init(entries: [Entry]) { self.entries = entries }

    /// Reads `{"L0.kernel":{"tensor":"fc.weight","transposed":true},"L0.bias":"fc.bias"}`. Throws when it is of another form.
    public init(json: JSONValue) throws(DescriptionError) {
        guard let members = json.members else { throw DescriptionError("a map is an object: parameter -> {\"tensor\",\"transposed\"}") }
        entries = []
        for member in members {
            guard let tensor = member.value.string ?? member.value["tensor"]?.string else {
                throw DescriptionError("the parameter \(quoted(member.key)) needs a \"tensor\", the name of one in the file")
            }
            let scale = member.value["scale"]?.double ?? 1
            guard scale.isFinite, scale != 0 else { throw DescriptionError("the scale of \(quoted(member.key)) has to be a number other than 0") }
            entries.append(Entry(parameter: member.key, tensor: tensor, transposed: member.value["transposed"]?.bool, scale: scale))
        }
    }

    public var json: JSONValue {
        .object(entries.map { entry in
            var members: [JSONValue.Member] = [.init("tensor", .string(entry.tensor)), .init("transposed", .bool(entry.transposed ?? false))]
            if entry.scale != 1 { members.append(.init("scale", .real(entry.scale))) }
            return .init(entry.parameter, .object(members))
        })
    }
}

/// The text under `MetadataKey.network`: a description and its map.
public struct NetworkText: Sendable {
    public var network: NetworkDescription
    public var parameters: ParameterMap

    public init(network: NetworkDescription, parameters: ParameterMap) {
        self.network = network
        self.parameters = parameters
    }

    /// Throws when the text is not JSON or no description; a description without a map has an empty one.
    public init(_ text: String) throws(DescriptionError) {
        let json: JSONValue
        do { json = try JSONReader.read(text) } catch { throw DescriptionError("it is not JSON: \(error)") }
        network = try NetworkDescription(json: json)
        parameters = try json["parameters"].map { (value) throws(DescriptionError) in try ParameterMap(json: value) } ?? ParameterMap(entries: [])
    }

    public var text: String {
        guard case .object(var members) = network.json else { return "{}" }
        members.append(.init("parameters", parameters.json))
        return JSONValue.object(members).text()
    }
}
