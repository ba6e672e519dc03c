import Architecture
import Checkpoints
import Tensors

/// What a name of the graph stands for.
enum ONNXValue {
    case signal(Int)
    case weight(ONNXWeight)
    /// The outcome of a node that is not followed; the first such node.
    case unknown(String)
}

/// One pass over the nodes of a graph, in their order: every name is given its meaning.
struct ONNXWalk {
    let graph: ONNXGraph
    let index: CheckpointIndex
    var expressions = ONNXExpressions()
    private(set) var values: [[UInt8]: ONNXValue] = [:]
    private(set) var notes: [String] = []

    init(_ graph: ONNXGraph, _ index: CheckpointIndex) {
        self.graph = graph
        self.index = index
        for (position, tensor) in index.tensors.enumerated() {
            values[Array(tensor.name.utf8)] = .weight(ONNXWeight(tensor: position, sizes: tensor.shape.sizes))
        }
        for (place, port) in graph.inputs.enumerated() where values[Array(port.name.utf8)] == nil {
            expressions.maker = "the input \(port.name)"
            values[Array(port.name.utf8)] = .signal(expressions.add(.input(place), width: Self.width(port)))
        }
        for node in graph.nodes where node.op != "Constant" {
            expressions.maker = node.text
            let value = outcome(of: node) ?? .unknown(node.text)
            if let output = node.outputs.first, !output.isEmpty { values[Array(output.utf8)] = value }
            for output in node.outputs.dropFirst() where !output.isEmpty { values[Array(output.utf8)] = .unknown(node.text) }
        }
    }

    func value(_ name: String?) -> ONNXValue? { name.flatMap { values[Array($0.utf8)] } }

    func signal(_ name: String?) -> Int? {
        guard case .signal(let place)? = value(name) else { return nil }
        return place
    }

    func weight(_ name: String?) -> ONNXWeight? {
        guard case .weight(let weight)? = value(name) else { return nil }
        return weight
    }

    /// The number that `name` always is.
    func number(_ name: String?) -> Double? {
        guard let weight = weight(name), let values = numbers(weight), values.count == 1 else { return nil }
        return values[0] * weight.scale
    }

    func numbers(_ weight: ONNXWeight) -> [Double]? { graph.constants[Array(index.tensors[weight.tensor].name.utf8)] }

    // MARK: nodes

    /// Nil where the node is not followed; what comes of an unknown value is unknown, by the first such node.
    private mutating func outcome(of node: ONNXGraph.Node) -> ONNXValue? {
        for name in node.inputs { if case .unknown(let first)? = value(name) { return .unknown(first) } }
        if let place = wire(node) { return place }
        guard node.domain.isEmpty || node.domain == "com.microsoft" else { return nil }
        if let place = arithmetic(node) ?? layer(node) { return .signal(place) }
        if let x = signal(node.input(0)), let activation = ONNXActivation.activation(node, width: width(x)) { return .signal(expressions.activation(x, activation)) }
        return nil
    }

    /// Nodes that hand on what they are given, and those that lay out a weight anew.
    private mutating func wire(_ node: ONNXGraph.Node) -> ONNXValue? {
        let first = value(node.input(0))
        switch node.op {
        case "Identity", "ZipMap": return first
        case "Cast", "CastLike":
            // From a float to a float; labels are whole numbers.
            if node.op == "Cast", let to = node.int("to"), ![1, 10, 11, 16].contains(to), case .signal? = first { return nil }
            return first
        case "Transpose":
            guard var weight = weight(node.input(0)), weight.sizes.count == 2 else { return nil }
            let permutation = node.ints("perm") ?? [1, 0]
            if permutation == [0, 1] { return first }
            weight.sizes.reverse()
            weight.isTurned.toggle()
            return .weight(weight)
        case "Reshape", "Squeeze", "Unsqueeze", "Flatten":
            if let weight = weight(node.input(0)) { return reshaped(weight, node).map { .weight($0) } }
            return signal(node.input(0)).flatMap { flattened($0, node) }.map { .signal($0) }
        default: return nil
        }
    }

    /// A vector is one however many axes of size 1 it has; a matrix keeps its axes.
    private func reshaped(_ weight: ONNXWeight, _ node: ONNXGraph.Node) -> ONNXWeight? {
        var weight = weight
        let long = weight.sizes.filter { $0 != 1 }
        guard long.count <= 1 else {
            guard node.op == "Reshape", let target = self.weight(node.input(1)).flatMap(numbers), target == weight.sizes.map(Double.init) else { return nil }
            return weight
        }
        weight.sizes = long.isEmpty ? [1] : long
        return weight
    }

    /// The rows of a signal laid out flat: nothing for rows of one axis, a layer for an input of more.
    private mutating func flattened(_ place: Int, _ node: ONNXGraph.Node) -> Int? {
        let rank: Int
        if case .input(let port) = expressions[place] { rank = graph.inputs[port].shape?.count ?? 2 } else { rank = 2 }
        switch node.op {
        case "Flatten": guard node.int("axis") ?? 1 == 1 else { return nil }
        case "Reshape":
            guard let target = (weight(node.input(1)).flatMap(numbers) ?? node.ints("shape")?.map(Double.init)), target.count == 2 else { return nil }
            let size = width(place)
            guard target[0] <= 0, target[1] == -1 && target[0] == 0 || target[1] == size.map(Double.init) || rank == 2 && target[1] == 0 && target[0] == -1 else { return nil }
        default: return nil
        }
        return rank > 2 ? expressions.add(.layer(place, ONNXLayer(layer: .flatten))) : place
    }

    /// How wide the rows of a signal are, where that is known.
    func width(_ place: Int) -> Int? { expressions.widths[place] }

    private static func width(_ port: ONNXGraph.Port) -> Int? {
        guard let shape = port.shape, shape.count > 1 else { return nil }
        var width = 1
        for size in shape.dropFirst() {
            guard let size else { return nil }
            let (product, overflow) = width.multipliedReportingOverflow(by: size)
            guard !overflow else { return nil }
            width = product
        }
        return width
    }

    // MARK: numbers and signals

    private mutating func arithmetic(_ node: ONNXGraph.Node) -> Int? {
        let (a, b) = (signal(node.input(0)), signal(node.input(1)))
        switch node.op {
        case "Add":
            if let a, let b { return expressions.sum(a, b) }
            guard let x = a ?? b else { return nil }
            let other = a == nil ? node.input(0) : node.input(1)
            if let place = biased(x, weight(other), 1) { return place }
            return number(other).map { expressions.shifted(x, $0) }
        case "Sub":
            if let a, let b { return expressions.add(.difference(a, b)) }
            if let a {
                if let place = biased(a, weight(node.input(1)), -1) { return place }
                return number(node.input(1)).map { expressions.shifted(a, -$0) }
            }
            guard let b, let number = number(node.input(0)) else { return nil }
            return expressions.shifted(expressions.scaled(b, -1), number)
        case "Mul":
            if let a, let b { return expressions.product(a, b) }
            guard let x = a ?? b else { return nil }
            let other = a == nil ? node.input(0) : node.input(1)
            if let number = number(other) { return expressions.scaled(x, number) }
            return weight(other).flatMap { normed(x, .gamma, $0) }
        case "Div":
            if let a, let b { return expressions.quotient(a, b) }
            guard let a, let number = number(node.input(1)), number != 0 else { return nil }
            return expressions.scaled(a, 1 / number)
        case "Pow":
            guard let a, let exponent = number(node.input(1)) else { return nil }
            return expressions.power(a, exponent)
        case "Neg": return a.map { expressions.scaled($0, -1) }
        case "Sqrt": return a.map { expressions.add(.root($0)) }
        case "Erf": return a.map { expressions.add(.erf($0)) }
        case "Abs": return a.map { expressions.add(.abs($0)) }
        case "Log": return a.flatMap { expressions.logarithm($0) }
        case "Max":
            guard node.inputs.count == 2, let x = a ?? b, let low = number(a == nil ? node.input(0) : node.input(1)) else { return nil }
            return expressions.clipped(x, low, nil)
        case "Min":
            guard node.inputs.count == 2, let x = a ?? b, let high = number(a == nil ? node.input(0) : node.input(1)) else { return nil }
            return expressions.clipped(x, nil, high)
        case "Clip":
            guard let a else { return nil }
            if node.input(1) != nil, number(node.input(1)) == nil { return nil }
            if node.input(2) != nil, number(node.input(2)) == nil { return nil }
            return expressions.clipped(a, node.float("min") ?? number(node.input(1)), node.float("max") ?? number(node.input(2)))
        case "ReduceMean":
            guard let a, node.int("keepdims") ?? 1 == 1, let axes = node.ints("axes") ?? weight(node.input(1)).flatMap(numbers)?.map({ Int(exactly: $0) ?? 0 }),
                  axes == [-1] || axes == [1] else { return nil }
            return expressions.add(.mean(a))
        case "Concat":
            guard node.inputs.count == 2, let a, let b, node.int("axis") == 1 || node.int("axis") == -1,
                  case .scaled(let inner, -1) = expressions[a], case .shifted(b, -1) = expressions[inner] else { return nil }
            return expressions.add(.pair(b))
        default: return nil
        }
    }
}
