import Checkpoints
import HDF5Container

// HDF5 keeps an attribute of at most 64 KiB beside its object, so Keras cuts a longer list into `layer_names0`, `layer_names1` … (KERAS-12).

extension HDF5Group {
    /// The texts of the list `name`, whole or in numbered pieces; nil when there is none. Throws `malformed` when it is no list of texts.
    func list(_ name: String) throws(CheckpointError) -> [String]? { try pieces(of: name)?.texts }

    /// The texts, and in how many pieces they are; 0 when they are whole.
    fileprivate func pieces(of name: String) throws(CheckpointError) -> (texts: [String], count: Int)? {
        let table = Dictionary(attributes.map { (Array($0.name.utf8), $0) }, uniquingKeysWith: { first, _ in first })
        if let whole = table[Array(name.utf8)] { return (try texts(of: whole), 0) }
        var all: [String] = [], pieces = 0
        while let piece = table[Array("\(name)\(pieces)".utf8)] {
            all += try texts(of: piece)
            pieces += 1
        }
        return pieces == 0 ? nil : (all, pieces)
    }

    /// Whether there is a list `name`: what has axes. A lone text is another program's.
    func hasList(_ name: String) -> Bool {
        attributes.contains { ($0.name == name || $0.name == name + "0") && !$0.shape.isEmpty }
    }

    private func texts(of attribute: HDF5Attribute) throws(CheckpointError) -> [String] {
        switch attribute.value {
        case .text(let texts) where attribute.shape.count == 1: return texts
        // An empty list has numpy's default type: a layer without weights.
        case .text([]), .integers([]), .floats([]), .empty: return []
        case .unsupported(let reason):
            throw CheckpointError(.malformed, "the attribute \(quoted(attribute.name)) of \(quoted("/" + path)) should be a list of names, and holds \(reason)")
        default:
            throw CheckpointError(.malformed, "the attribute \(quoted(attribute.name)) of \(quoted("/" + path)) should be a list of names, and is \(quoted(String(HDF5Attributes.text(attribute).prefix(40))))")
        }
    }
}

extension HDF5Description {
    /// The same with every list in one piece.
    func withJoinedLists() throws(CheckpointError) -> HDF5Description {
        var joined = self
        for (position, group) in groups.enumerated() {
            for name in ["layer_names", "weight_names"] where group.attributes.contains(where: { $0.name == name + "0" }) {
                guard let all = try group.pieces(of: name), all.count > 0 else { continue }
                let pieces = Set((0..<all.count).map { "\(name)\($0)" })
                joined.groups[position].attributes.removeAll { pieces.contains($0.name) }
                joined.groups[position].attributes.append(HDF5Attribute(name: name, shape: [all.texts.count], value: .text(all.texts)))
            }
        }
        return joined
    }
}

/// Paths in a file, compared as bytes: Swift takes two normal forms of a text for one.
struct PathTable {
    private var positions: [[UInt8]: Int] = [:]

    init(_ paths: some Sequence<String>) {
        for (position, path) in paths.enumerated() { positions[Array(path.utf8)] = position }
    }

    subscript(path: String) -> Int? { positions[Array(path.utf8)] }
}
