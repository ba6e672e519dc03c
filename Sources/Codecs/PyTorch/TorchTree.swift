import Checkpoints
import StrictJSON
import Tensors

/// Names with `/` taken apart into the containers that they come from, so that what is written is read under the same names (PT-26).
struct TorchTree {
    struct Node {
        var leaf: Leaf?
        /// Keys in order, and the nodes they lead to.
        var keys: [String] = []
        var children: [[UInt8]: Int] = [:]
        /// Whether a tensor is directly in it.
        var holdsTensors = false
    }

    enum Leaf { case tensor(Int), value(JSONValue) }

    private(set) var nodes = [Node()]
    /// Names that no containers spell: as they will be read -> as they are.
    private(set) var renamed: [(read: String, original: String)] = []

    init(_ index: CheckpointIndex) {
        for (position, tensor) in index.tensors.enumerated() {
            if index.tensors.count == 1, tensor.name.isEmpty {
                nodes[0].leaf = .tensor(position)
                return
            }
            let path = Self.components(tensor.name)
            if let path, insert(path, .tensor(position)) { continue }
            // A name like `a//b`, or `a` beside `a/b`: one key, which is read back as a JSON string.
            var key = tensor.name
            while !insert([key], .tensor(position)) { key += "'" }
            let read = TorchNames.component(key)
            if !read.utf8.elementsEqual(tensor.name.utf8) { renamed.append((read, tensor.name)) }
        }
        addTexts(index.metadata)
    }

    /// Numbers and texts of a checkpoint go back to their places: at its root and in `param_groups`, never into a state_dict.
    private mutating func addTexts(_ metadata: Metadata) {
        guard !nodes[0].holdsTensors, nodes[0].keys.count > 0 else { return }
        for entry in metadata.entries where !entry.key.hasPrefix("mlpconv.") && !entry.key.hasPrefix("pickle.") && !entry.key.contains("@") {
            guard let path = Self.components(entry.key), path.count == 1 || path.contains("param_groups") else { continue }
            let value = (try? JSONReader.read(entry.text)) ?? .string(entry.text)
            let isPlain = switch value {
            case .array(let items): items.allSatisfy { $0.array == nil && $0.members == nil }
            case .object: false
            default: true
            }
            _ = insert(path, .value(isPlain ? value : .string(entry.text)))
        }
    }

    /// The components of a name, as `TorchNames` would join them; nil when it would not.
    static func components(_ name: String) -> [String]? {
        var components: [String] = [], rest = Substring(name)
        while true {
            if rest.utf8.first == UInt8(ascii: "\"") {
                // A JSON string up to its closing quote.
                var end: Substring.Index?, escaped = false
                for place in rest.indices.dropFirst() {
                    if escaped { escaped = false } else if rest[place] == "\\" { escaped = true } else if rest[place] == "\"" { end = place; break }
                }
                guard let end, let key = (try? JSONReader.read(String(rest[...end])))?.string, TorchNames.component(key).utf8.elementsEqual(rest[...end].utf8) else { return nil }
                components.append(key)
                rest = rest[rest.index(after: end)...]
                if rest.isEmpty { return components }
                guard rest.utf8.first == UInt8(ascii: "/") else { return nil }
                rest = Substring(rest.utf8.dropFirst())
                continue
            }
            let cut = rest.utf8.firstIndex(of: UInt8(ascii: "/"))
            let key = String(Substring(cut.map { rest.utf8[..<$0] } ?? rest.utf8[...]))
            guard TorchNames.component(key).utf8.elementsEqual(key.utf8) else { return nil }
            components.append(key)
            guard let cut else { return components }
            rest = Substring(rest.utf8[rest.utf8.index(after: cut)...])
        }
    }

    /// Whether there was a free place at the end of `path`.
    private mutating func insert(_ path: [String], _ leaf: Leaf) -> Bool {
        guard path.count < 100 else { return false }
        // First look, then make: nothing is left behind where there is no place.
        var at = 0
        for key in path {
            guard nodes[at].leaf == nil else { return false }
            guard let next = nodes[at].children[Array(key.utf8)] else { at = -1; break }
            at = next
        }
        guard at < 0 else { return false }
        at = 0
        for (depth, key) in path.enumerated() {
            if let next = nodes[at].children[Array(key.utf8)] { at = next; continue }
            nodes.append(Node())
            nodes[at].keys.append(key)
            nodes[at].children[Array(key.utf8)] = nodes.count - 1
            if depth == path.count - 1, case .tensor = leaf { nodes[at].holdsTensors = true }
            at = nodes.count - 1
        }
        nodes[at].leaf = leaf
        return true
    }

    /// Writes the tree as a pickle of OrderedDicts and lists; storages are named by `storage(of:)`.
    func write(to pickle: inout PickleWriter, _ index: CheckpointIndex, storage: (Int) -> String) {
        write(0, "", to: &pickle, index, storage)
        pickle.opcode(".")
    }

    // The depth is bounded by `insert`.
    private func write(_ number: Int, _ key: String, to pickle: inout PickleWriter, _ index: CheckpointIndex, _ storage: (Int) -> String) {
        let node = nodes[number]
        switch node.leaf {
        case .tensor(let position)?: return pickle.tensor(index.tensors[position], storage: storage(position))
        case .value(let value)?: return write(value, to: &pickle)
        case nil: break
        }
        let isCounted = !node.keys.isEmpty && node.keys.enumerated().allSatisfy { $0.element == String($0.offset) }
        // An optimizer's `state` has numbers for keys; other counted containers were lists.
        let hasNumbers = key == "state" && node.keys.allSatisfy { Int($0).map { $0 >= 0 } == true && $0 == String(Int($0) ?? 0) }
        if isCounted, !hasNumbers { pickle.opcode("]") } else { pickle.orderedDict() }
        pickle.opcode("(")
        for child in node.keys {
            if hasNumbers { pickle.integer(Int(child) ?? 0) } else if !isCounted { pickle.text(child) }
            if let next = node.children[Array(child.utf8)] { write(next, child, to: &pickle, index, storage) }
        }
        pickle.opcode(isCounted && !hasNumbers ? "e" : "u")
    }

    private func write(_ value: JSONValue, to pickle: inout PickleWriter) {
        switch value {
        case .null: pickle.opcode("N")
        case .bool(let flag): pickle.bool(flag)
        case .number(let digits): if let number = Int(digits) { pickle.integer(number) } else { pickle.real(Double(digits) ?? .nan) }
        case .string(let text): pickle.text(text)
        case .array(let items):
            pickle.opcode("]")
            pickle.opcode("(")
            for item in items { write(item, to: &pickle) }
            pickle.opcode("e")
        case .object: pickle.text(value.text())
        }
    }
}
