import Checkpoints
import StrictJSON

/// The graph of an ONNX model, as its codec tells it in the metadata (`onnx.graph`, Specs/ONNX.md).
struct ONNXGraph {
    static let key = "onnx.graph"

    struct Node {
        let op: String
        let domain: String
        let name: String
        let inputs: [String]
        let outputs: [String]
        let attributes: [String: JSONValue]

        /// For messages: `Conv conv1`.
        var text: String { name.isEmpty ? "\(op) \(outputs.first ?? "")" : "\(op) \(name)" }

        func float(_ name: String) -> Double? { attributes[name]?["f"]?.double }
        func int(_ name: String) -> Int? { attributes[name]?["i"]?.int }
        func string(_ name: String) -> String? { attributes[name]?["s"]?.string }
        func ints(_ name: String) -> [Int]? { attributes[name]?["ints"]?.array?.compactMap(\.int) }
        /// The input at `place`; nil where it is left out.
        func input(_ place: Int) -> String? { inputs.indices.contains(place) && !inputs[place].isEmpty ? inputs[place] : nil }
    }

    struct Port {
        let name: String
        /// A size for each axis, nil where it is open; nil where nothing is said.
        let shape: [Int?]?
    }

    let nodes: [Node]
    let inputs: [Port]
    let outputs: [String]
    /// The values of small tensors.
    let constants: [[UInt8]: [Double]]
    /// The version of the standard operators.
    let opset: Int

    /// Nil when there is no such text, or one of another form.
    init?(_ metadata: Metadata) {
        guard let text = metadata[Self.key], let json = try? JSONReader.read(text), let list = json["nodes"]?.array else { return nil }
        nodes = list.map { node in
            Node(op: node["op"]?.string ?? "", domain: node["domain"]?.string ?? "", name: node["name"]?.string ?? "",
                 inputs: node["inputs"]?.array?.map { $0.string ?? "" } ?? [], outputs: node["outputs"]?.array?.map { $0.string ?? "" } ?? [],
                 attributes: Dictionary((node["attributes"]?.members ?? []).map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first }))
        }
        inputs = (json["inputs"]?.array ?? []).map { port in
            Port(name: port["name"]?.string ?? "", shape: port["shape"]?.array?.map { $0.int.flatMap { $0 > 0 ? $0 : nil } })
        }
        outputs = (json["outputs"]?.array ?? []).compactMap { $0["name"]?.string }
        var values: [[UInt8]: [Double]] = [:]
        for member in json["constants"]?.members ?? [] { values[Array(member.key.utf8)] = member.value.array?.compactMap(\.double) }
        constants = values
        opset = json["opset"]?[""]?.int ?? json["opset"]?["ai.onnx"]?.int ?? 1
    }
}
