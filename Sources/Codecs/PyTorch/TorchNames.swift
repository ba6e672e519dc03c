import Checkpoints
import StrictJSON

/// Walks what a pickle left and gives every tensor its name, every number and text its key (PT-15 to PT-20).
struct TorchNames {
    private let heap: PickleHeap
    private let limits: Limits
    /// In the order of the walk: names and numbers in the heap.
    private(set) var tensors: [(name: String, tensor: Int)] = []
    private(set) var metadata = Metadata()
    private(set) var unsupported: [CheckpointIndex.Unsupported] = []
    /// Paths of dicts that are an optimizer's state: `state` beside `param_groups`.
    private(set) var optimizers: [(path: String, value: PickleValue)] = []
    private var names: Set<[UInt8]> = []
    private var open: Set<Int> = []
    private var visits = 0
    private var textBytes = 0

    init(_ heap: PickleHeap, root: PickleValue, limits: Limits) throws(CheckpointError) {
        self.heap = heap
        self.limits = limits
        try walk(root, "", depth: 0, keepsText: true)
    }

    /// A key as a component of a path (CLI.md, "Names").
    static func component(_ key: String) -> String {
        key.isEmpty || key == "." || key == ".." || key.utf8.contains(UInt8(ascii: "/")) || key.utf8.first == UInt8(ascii: "\"") ? JSONValue.quoted(key) : key
    }

    private static func join(_ path: String, _ component: String) -> String { path.isEmpty ? component : path + "/" + component }

    private mutating func walk(_ value: PickleValue, _ path: String, depth: Int, keepsText: Bool) throws(CheckpointError) {
        visits += 1
        // PT-10: containers that are named from many places are visited from each, up to a bound.
        guard visits <= limits.tensors * 4, depth <= limits.depth else {
            throw CheckpointError(.limit, depth > limits.depth ? "the pickle nests its containers deeper than \(limits.depth)" : "the pickle's containers hold one another so often that they have more than \(grouped(limits.tensors * 4)) items")
        }
        switch value {
        case .tensor(let number): try name(number, path)
        case .storage(let number): note(path, "a \(heap.storages[number].className): elements without a shape, no tensor")
        case .bytes(let bytes): if keepsText { note(path, "\(grouped(bytes.count)) bytes, no tensor") }
        case .global(let number):
            let global = heap.globals[number]
            if global.known == nil { note(path, "the name \(global.shown), which is never imported") }
            else if keepsText { try keep(path, global.path) }
        case .node(let number):
            guard open.insert(number).inserted else { return note(path, "a container that holds itself") }
            try container(number, path, depth: depth, keepsText: keepsText)
            open.remove(number)
        default: if keepsText, let scalar = json(value) { try keep(path, scalar.string ?? scalar.text()) }
        }
    }

    private mutating func container(_ number: Int, _ path: String, depth: Int, keepsText: Bool) throws(CheckpointError) {
        let node = heap.nodes[number]
        switch node.kind {
        case .list, .tuple, .set:
            // A list of numbers is one text.
            if !node.items.isEmpty, node.items.count <= 4096, node.items.allSatisfy({ json($0) != nil }) {
                if keepsText { try keep(path, JSONValue.array(node.items.compactMap { json($0) }).text()) }
                return
            }
            for (place, item) in node.items.enumerated() { try walk(item, Self.join(path, String(place)), depth: depth + 1, keepsText: keepsText) }
        case .dict:
            if heap.member("state", of: .node(number)) != nil, heap.member("param_groups", of: .node(number)) != nil { optimizers.append((path, .node(number))) }
            for (key, value) in members(node) { try walk(value, Self.join(path, Self.component(key)), depth: depth + 1, keepsText: keepsText) }
        case .object:
            if isModule(node) {
                note(path, "a \(typeName(node)): a module whose class is not loaded; its parameters and buffers are read")
                return try module(number, path, prefix: "", depth: depth)
            }
            note(path, "a \(typeName(node)), which is never imported or called; tensors in it are read")
            // What it was called with holds no settings of the file, but may hold tensors.
            for (place, item) in node.items.enumerated() { try walk(item, Self.join(path, String(place)), depth: depth + 1, keepsText: false) }
            try walkState(node.state, path, depth: depth, keepsText: keepsText)
        }
    }

    /// An object's `__dict__`, or the pair (`__dict__`, slots): keys stand at the object's own path.
    private mutating func walkState(_ state: PickleValue, _ path: String, depth: Int, keepsText: Bool) throws(CheckpointError) {
        guard case .node(let number) = state else { return }
        guard depth <= limits.depth else { throw CheckpointError(.limit, "the pickle nests its containers deeper than \(limits.depth)") }
        let node = heap.nodes[number]
        if node.kind == .tuple {
            guard open.insert(number).inserted else { return }
            for item in node.items { try walkState(item, path, depth: depth + 1, keepsText: keepsText) }
            open.remove(number)
        } else {
            try walk(state, path, depth: depth + 1, keepsText: keepsText)
        }
    }

    /// The members of a dict, each key once: the place of its first mention, the value of its last.
    private func members(_ node: PickleNode) -> [(key: String, value: PickleValue)] {
        var members: [(key: String, value: PickleValue)] = [], places: [PickleValue: Int] = [:]
        for place in stride(from: 0, to: node.items.count - 1, by: 2) {
            let key = node.items[place], value = node.items[place + 1]
            // Python's True is 1. Texts are compared by their bytes: Swift takes two normal forms for one.
            let same: PickleValue
            switch key {
            case .bool(let flag): same = .int(flag ? 1 : 0)
            case .text(let text): same = .bytes([0] + Array(text.utf8))
            case .bytes(let bytes): same = .bytes([1] + bytes)
            default: same = key
            }
            if let known = places[same] {
                members[known].value = value
            } else {
                places[same] = members.count
                members.append((text(ofKey: key), value))
            }
        }
        return members
    }

    private func text(ofKey key: PickleValue) -> String {
        switch key {
        case .text(let text): text
        case .global(let number): heap.globals[number].path
        case .bytes(let bytes): ContentHash.hex(bytes)
        case .node(let number): JSONValue.array(heap.nodes[number].items.compactMap { json($0) }).text()
        case .tensor: "tensor"
        case .storage: "storage"
        default: json(key).map { $0.string ?? $0.text() } ?? ""
        }
    }

    /// A number, a truth value, a text or None; nil for anything else.
    private func json(_ value: PickleValue) -> JSONValue? {
        switch value {
        case .none: .null
        case .bool(let flag): .bool(flag)
        case .int(let number): .number(String(number))
        case .bigInt(let digits): digits.contains("x") ? .string(digits) : .number(digits)
        case .float(let number): .real(number)
        case .text(let text): .string(text)
        default: nil
        }
    }

    // MARK: - Modules

    private func isModule(_ node: PickleNode) -> Bool { isScripted(node) || heap.member("_parameters", of: node.state) != nil && heap.member("_modules", of: node.state) != nil }

    private func isScripted(_ node: PickleNode) -> Bool {
        guard let module = heap.global(node.type)?.module else { return false }
        return module == "__torch__" || module.hasPrefix("__torch__.")
    }

    /// The state_dict of a module (PT-17): its parameters, its buffers, then its modules, names joined with dots.
    private mutating func module(_ number: Int, _ path: String, prefix: String, depth: Int) throws(CheckpointError) {
        guard depth <= limits.depth else { throw CheckpointError(.limit, "the pickle nests its modules deeper than \(limits.depth)") }
        visits += 1
        let node = heap.nodes[number]
        var inner: [(key: String, value: PickleValue)] = []
        if isScripted(node) {
            guard let state = heap.node(node.state), state.kind == .dict else { return }
            for (key, value) in members(state) {
                switch value {
                case .tensor(let tensor): try self.name(tensor, Self.join(path, Self.component(prefix + key)))
                case .node(let child) where heap.nodes[child].kind == .object: inner.append((key, value))
                case .node: try walk(value, Self.join(path, Self.component(prefix + key)), depth: depth + 1, keepsText: false)
                default: break
                }
            }
        } else {
            let skipped = Set(heap.node(heap.member("_non_persistent_buffers_set", of: node.state) ?? .none)?.items ?? [])
            for list in ["_parameters", "_buffers"] {
                guard let held = heap.member(list, of: node.state).flatMap({ heap.node($0) }), held.kind == .dict else { continue }
                for (key, value) in members(held) where list == "_parameters" || !skipped.contains(.text(key)) {
                    if case .tensor(let tensor) = value { try self.name(tensor, Self.join(path, Self.component(prefix + key))) }
                    else if value != .none { try walk(value, Self.join(path, Self.component(prefix + key)), depth: depth + 1, keepsText: false) }
                }
            }
            if let held = heap.member("_modules", of: node.state).flatMap({ heap.node($0) }), held.kind == .dict { inner = members(held) }
        }
        for (key, value) in inner {
            guard case .node(let child) = value else { continue }
            guard open.insert(child).inserted else { continue }
            if heap.nodes[child].kind == .object, isModule(heap.nodes[child]) {
                try module(child, path, prefix: "\(prefix)\(key).", depth: depth + 1)
            } else {
                open.remove(child)
                try walk(value, Self.join(path, Self.component(prefix + key)), depth: depth + 1, keepsText: false)
            }
            open.remove(child)
        }
    }

    // MARK: - Findings

    private mutating func name(_ tensor: Int, _ path: String) throws(CheckpointError) {
        guard path.utf8.count <= limits.nameBytes else { throw CheckpointError(.limit, "a tensor's name has \(path.utf8.count) bytes, over the limit of \(limits.nameBytes)") }
        var path = path
        if names.contains(Array(path.utf8)) {
            // The keys 0 and "0" of one dict: the second is written as a JSON string.
            let cut = path.lastIndex(of: "/")
            let last = cut.map { path[path.index(after: $0)...] } ?? path[...]
            path = (cut.map { String(path[...$0]) } ?? "") + JSONValue.quoted(String(last))
        }
        guard names.insert(Array(path.utf8)).inserted else { return note(path, "another tensor has this name") }
        guard tensors.count < limits.tensors else { throw CheckpointError(.limit, "the pickle has more than \(grouped(limits.tensors)) tensors") }
        tensors.append((path, tensor))
    }

    private mutating func keep(_ key: String, _ text: String) throws(CheckpointError) {
        textBytes += key.utf8.count + text.utf8.count
        guard textBytes <= limits.headerBytes else { throw CheckpointError(.limit, "the pickle's texts have more than \(grouped(limits.headerBytes)) bytes") }
        if !key.hasPrefix("mlpconv."), metadata[key] == nil { metadata[key] = text }
    }

    private mutating func note(_ path: String, _ reason: String) { unsupported.append(.init(name: path, reason: reason)) }

    private func typeName(_ node: PickleNode) -> String { heap.global(node.type)?.shown ?? "an object of no named class" }
}

extension PickleGlobal {
    /// The path as it is listed: dangerous ones say so.
    var shown: String { isDangerous ? "\(path) (dangerous)" : path }
}
