import Tensors

/// What a pickle holds, as data. Containers live in a heap and name one another by number, so that nothing nests, however deep a pickle does.
enum PickleValue: Sendable, Hashable {
    case none
    case bool(Bool)
    case int(Int)
    /// An integer beyond 64 bits, in decimal digits (in hexadecimal ones when there are very many).
    case bigInt(String)
    case float(Double)
    case text(String)
    case bytes([UInt8])
    /// A name that the pickle asks to import: `PickleHeap.globals`. Nothing is ever imported.
    case global(Int)
    case node(Int)
    case storage(Int)
    case tensor(Int)
}

/// A container, or an object of a class that is not loaded.
struct PickleNode: Sendable {
    enum Kind: Sendable { case tuple, list, dict, set, object }

    var kind: Kind
    /// The items of a tuple, list or set; keys and values in turn of a dict; the arguments of an object.
    var items: [PickleValue]
    /// What BUILD gave to it: an object's `__dict__`.
    var state = PickleValue.none
    /// An object's class or the function that would have made it.
    var type = PickleValue.none
    /// Whether Python would take it as a dict's key.
    var isHashable = false
}

/// A storage as the pickle names it (PT-6).
struct TorchStorage: Sendable, Hashable {
    let key: String
    /// `torch.FloatStorage`.
    let className: String
    /// The type of its elements; nil for a storage of bytes, and for one that we have no type for.
    let dtype: DType?
    let isUntyped: Bool
    /// In elements; in bytes when it is untyped.
    let count: Int
    /// A storage that is a part of another (legacy files): its first element there and its size in elements.
    let part: Part?

    struct Part: Sendable, Hashable { let offset, count: Int }
}

/// A tensor as the pickle describes it, not yet checked against its storage.
struct TorchTensor: Sendable {
    let storage: Int
    /// In elements.
    let offset: Int
    let sizes: [Int]
    let strides: [Int]
    /// The type it is given explicitly, where the storage has none.
    var dtype: DType?
    /// Why it cannot be read, where its type or storage has no equal here.
    var objection: String?
    var isConjugated = false
    var isNegated = false
}

/// All that one file's pickles hold.
struct PickleHeap: Sendable {
    var nodes: [PickleNode] = []
    var globals: [PickleGlobal] = []
    var storages: [TorchStorage] = []
    var tensors: [TorchTensor] = []
    private var globalNumbers: [String: Int] = [:]
    private var storageNumbers: [[UInt8]: [Int]] = [:]

    mutating func add(_ kind: PickleNode.Kind, _ items: [PickleValue] = [], type: PickleValue = .none) -> PickleValue {
        var node = PickleNode(kind: kind, items: items, type: type)
        node.isHashable = kind == .object || kind == .tuple && items.allSatisfy { isHashable($0) }
        nodes.append(node)
        return .node(nodes.count - 1)
    }

    mutating func global(_ module: String, _ name: String) -> PickleValue {
        let key = "\(module)\n\(name)"
        if let number = globalNumbers[key] { return .global(number) }
        globals.append(PickleGlobal(module, name))
        globalNumbers[key] = globals.count - 1
        return .global(globals.count - 1)
    }

    /// The number of a storage; nil when another of the same key has another class or size.
    mutating func add(_ storage: TorchStorage) -> PickleValue? {
        let key = Array(storage.key.utf8)
        for number in storageNumbers[key] ?? [] {
            let known = storages[number]
            if known == storage { return .storage(number) }
            guard known.className == storage.className, known.count == storage.count else { return nil }
        }
        storages.append(storage)
        storageNumbers[key, default: []].append(storages.count - 1)
        return .storage(storages.count - 1)
    }

    func isHashable(_ value: PickleValue) -> Bool {
        if case .node(let number) = value { nodes[number].isHashable } else { true }
    }

    func node(_ value: PickleValue) -> PickleNode? {
        if case .node(let number) = value { nodes[number] } else { nil }
    }

    func global(_ value: PickleValue) -> PickleGlobal? {
        if case .global(let number) = value { globals[number] } else { nil }
    }

    /// The value of a dict's text key, the last where it stands twice.
    func member(_ key: String, of value: PickleValue) -> PickleValue? {
        guard let node = node(value), node.kind == .dict else { return nil }
        for place in stride(from: node.items.count - 2, through: 0, by: -2) {
            if case .text(let text) = node.items[place], text.utf8.elementsEqual(key.utf8) { return node.items[place + 1] }
        }
        return nil
    }
}
