public import Checkpoints
import StrictJSON
import Tensors

/// HDF5-16. Attributes as text metadata: the root's under their own names, another object's as `<path>@<attribute>`.
public enum HDF5Attributes {
    /// All attributes of a file as text, and which of them hold what is no text of ours.
    public static func metadata(of description: HDF5Description) -> (metadata: Metadata, unread: [CheckpointIndex.Unsupported]) {
        var metadata = Metadata(), unread: [CheckpointIndex.Unsupported] = []
        func take(_ attribute: HDF5Attribute, _ path: String) {
            let key = path.isEmpty ? attribute.name : "\(path)@\(attribute.name)"
            if case .unsupported(let reason) = attribute.value {
                unread.append(.init(name: key, reason: "an attribute that holds \(reason)"))
            } else {
                metadata[key] = text(attribute)
            }
        }
        for group in description.groups { for attribute in group.attributes { take(attribute, group.path) } }
        for dataset in description.datasets {
            for attribute in dataset.attributes where !(attribute.name == "dtype" && namesType(dataset)) { take(attribute, dataset.path) }
        }
        return (metadata, unread)
    }

    /// Whether the dataset's attribute `dtype` is a part of its type: then it is no metadata.
    private static func namesType(_ dataset: HDF5Dataset) -> Bool {
        guard case .array(let array) = dataset.content, let named = dataset.text("dtype"),
            let element = try? array.type.element(named: named) else { return false }
        return element.dtype.rawValue == named
    }

    /// One text as it is; everything else as JSON, arrays nested as their shape says.
    public static func text(_ attribute: HDF5Attribute) -> String {
        let items: [JSONValue]
        switch attribute.value {
        case .text(let texts):
            if attribute.shape.isEmpty, texts.count == 1 { return texts[0] }
            items = texts.map { .string($0) }
        case .integers(let values): items = values.map { .number(String($0)) }
        case .unsigned(let values): items = values.map { .number(String($0)) }
        case .floats(let values): items = values.map { .real($0) }
        case .booleans(let values): items = values.map { .bool($0) }
        case .empty, .unsupported: return "null"
        }
        if attribute.shape.isEmpty { return (items.first ?? .null).text() }
        var nested = items
        for size in attribute.shape.dropFirst().reversed() where size > 0 {
            nested = stride(from: 0, to: nested.count, by: size).map { .array(Array(nested[$0..<min($0 + size, nested.count)])) }
        }
        return JSONValue.array(nested).text()
    }
}
