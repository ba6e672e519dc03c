import StrictJSON

/// A Functional model's layers in the order of execution.
enum KerasChain {
    /// Throws, naming the first in the config's order, where a layer has not exactly one input and one use, or is used twice.
    static func order(_ items: [JSONValue], _ outputs: JSONValue?) throws(KerasRefusal) -> [JSONValue] {
        var place: [[UInt8]: Int] = [:]
        for (index, item) in items.enumerated() { place[Array(KerasWalk.name(item).utf8)] = index }
        var next = [Int?](repeating: nil, count: items.count), start: Int?
        func refuse(_ index: Int, _ why: String) -> KerasRefusal {
            KerasRefusal(layer: "\(KerasWalk.className(items[index])) \(KerasWalk.name(items[index])) (\(why))")
        }
        for (index, item) in items.enumerated() {
            let nodes = item["inbound_nodes"]?.array ?? []
            guard nodes.count <= 1 else { throw refuse(index, "it is used \(nodes.count) times") }
            let inputs = nodes.first.map(predecessors) ?? []
            if inputs.isEmpty {
                guard start == nil else { throw refuse(index, "a second input") }
                start = index
                continue
            }
            guard inputs.count == 1 else { throw KerasRefusal(layer: "\(KerasWalk.className(item)) \(KerasWalk.name(item))") }
            guard let before = place[Array(inputs[0].utf8)] else { throw refuse(index, "its input \(inputs[0]) is no layer") }
            guard next[before] == nil else { throw refuse(index, "\(inputs[0]) feeds more than one layer") }
            next[before] = index
        }
        guard let start else { throw KerasRefusal(layer: "no layer takes the input") }
        var order: [JSONValue] = [], at: Int? = start
        while let index = at, order.count <= items.count {
            order.append(items[index])
            at = next[index]
        }
        guard order.count == items.count else { throw KerasRefusal(layer: "the layers are no chain") }
        // An output in mid-chain would leave layers after it unused.
        if let last = order.last, let name = outputName(outputs), name != KerasWalk.name(last) {
            throw KerasRefusal(layer: "\(KerasWalk.className(last)) \(KerasWalk.name(last)) (it comes after the output \(name))")
        }
        return order
    }

    /// The layers that feed one node: Keras 3's `keras_history`, Keras 2's `["features", 0, 0, {}]`.
    private static func predecessors(_ node: JSONValue) -> [String] {
        var found: [String] = [], open = [node]
        while let value = open.popLast() {
            switch value {
            case .array(let items):
                if items.count >= 3, let name = items[0].string, items[1].int != nil, items[2].int != nil { found.append(name) } else { open += items }
            case .object(let members):
                if let history = value["keras_history"]?.array, let name = history.first?.string { found.append(name) } else { open += members.map(\.value) }
            default: break
            }
        }
        return found
    }

    /// `["dense", 0, 0]` or `[["dense", 0, 0]]`; nil for several.
    private static func outputName(_ outputs: JSONValue?) -> String? {
        guard let list = outputs?.array else { return nil }
        if let name = list.first?.string { return name }
        return list.count == 1 ? list[0].array?.first?.string : nil
    }
}
