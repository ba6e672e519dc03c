import Architecture
import Checkpoints
import Tensors

/// The network that a graph is, its weights bound node by node; or why it is none.
struct ONNXNetwork {
    private(set) var network = NetworkDescription(input: 0, layers: [])
    private(set) var bindings: [Binding] = []
    private(set) var notes: [String] = []
    private(set) var failure: CheckpointError?

    init(_ graph: ONNXGraph, _ index: CheckpointIndex) {
        let walk = ONNXWalk(graph, index)
        do throws(CheckpointError) { try build(walk) } catch { failure = error }
    }

    private mutating func build(_ walk: ONNXWalk) throws(CheckpointError) {
        let (input, chain) = try Self.chain(walk)
        // As `NetworkDescription.canonical` numbers them: an activation is its dense layer's.
        var steps: [ONNXLayer] = []
        for step in chain {
            if case .activation(let activation) = step.layer, case .dense(let units, let useBias, .linear)? = steps.last?.layer {
                steps[steps.count - 1].layer = .dense(units: units, useBias: useBias, activation: activation)
                steps[steps.count - 1].weights += step.weights
            } else {
                steps.append(step)
            }
        }
        let kernel = steps.first { if case .dense = $0.layer { true } else { false } }?.weights.first
        guard let width = kernel?.weight.sizes[0] ?? input else {
            throw CheckpointError(.networkNeeded, "the graph does not say how wide its input is; pass --network")
        }
        do throws(DescriptionError) { network = try NetworkDescription(input: width, layers: steps.map(\.layer)).checked() } catch {
            throw CheckpointError(.unsupported, "its graph: \(error)")
        }
        var found: [String: Binding] = [:]
        for (number, step) in steps.enumerated() {
            for bound in step.weights {
                let parameter = "L\(number).\(bound.part.canonicalName)"
                found[parameter] = Binding(parameter: parameter, tensor: bound.weight.tensor, transposed: bound.weight.isTurned, scale: bound.weight.scale)
            }
        }
        for parameter in network.parameters {
            guard let binding = found[parameter.name] else { throw CheckpointError(.mismatch, "nothing in the graph is \(parameter.name)") }
            let tensor = walk.index.tensors[binding.tensor]
            let isWeight = tensor.dtype.isFloat && tensor.shape.elementCount == parameter.shape.reduce(1, *)
            guard isWeight else {
                throw CheckpointError(.mismatch, "\(parameter.name) \(parameter.shape) would be of shape \(tensor.shape) and type \(tensor.dtype.rawValue)", tensor: tensor.name)
            }
            bindings.append(binding)
        }
        let scaled = bindings.filter { $0.scale != 1 }.map(\.parameter)
        if !scaled.isEmpty { notes.append("the graph multiplies \(scaled.joined(separator: ", ")) by a constant (a Gemm's alpha or beta), which is done on reading") }
    }

    /// The bindings for `given`, which may count layers that a graph leaves out (dropout) or has none for; nil where its parameters are others.
    func bindings(for given: NetworkDescription?) -> [Binding]? {
        guard let given else { return bindings }
        let (wanted, own) = (given.parameters, network.parameters)
        guard wanted.count == own.count else { return nil }
        var bindings = bindings
        for (place, (want, have)) in zip(wanted, own).enumerated() {
            guard want.shape == have.shape, want.name.split(separator: ".").last == have.name.split(separator: ".").last else { return nil }
            bindings[place].parameter = want.name
        }
        return bindings
    }

    /// The layers from the input to the output furthest from it. Other outputs lie on the way, or are labels made of it.
    private static func chain(_ walk: ONNXWalk) throws(CheckpointError) -> (input: Int?, layers: [ONNXLayer]) {
        var best: (port: Int, layers: [ONNXLayer], path: [Int])?, others: [[Int]] = [], unknown: String?
        guard walk.graph.outputs.count <= 64 else { throw CheckpointError(.unsupported, "its graph has \(walk.graph.outputs.count) outputs: it is no chain of layers") }
        for output in walk.graph.outputs {
            switch walk.value(output) {
            case .signal(let place)?:
                let found = try path(to: place, walk)
                if found.path.count > best?.path.count ?? -1 {
                    if let best { others.append(best.path) }
                    best = found
                } else {
                    others.append(found.path)
                }
            case .unknown(let node)?: unknown = unknown ?? node
            case .weight?: continue
            case nil: unknown = unknown ?? "nothing makes the output \(output)"
            }
        }
        guard let best, !best.layers.isEmpty else {
            throw CheckpointError(.unsupported, unknown.map { "first unsupported layer: \($0)" } ?? "its graph makes nothing of its input")
        }
        for other in others where !best.path.starts(with: other) {
            throw CheckpointError(.unsupported, "its graph has outputs that lie on different ways: it is no chain of layers")
        }
        return (walk.width(best.path[0]), best.layers)
    }

    private static func path(to place: Int, _ walk: ONNXWalk) throws(CheckpointError) -> (port: Int, layers: [ONNXLayer], path: [Int]) {
        var layers: [ONNXLayer] = [], path: [Int] = [], at = place
        if case .pair(let inner) = walk.expressions[at] { at = inner }
        while true {
            path.append(at)
            switch walk.expressions[at] {
            case .input(let port): return (port, layers.reversed(), path.reversed())
            case .layer(let before, let layer):
                layers.append(layer)
                at = before
            default: throw CheckpointError(.unsupported, "first unsupported layer: \(walk.expressions.makers[at])")
            }
        }
    }
}

extension Part {
    /// The last word of a parameter's canonical name.
    fileprivate var canonicalName: String {
        switch self {
        case .mean: "moving_mean"
        case .variance: "moving_var"
        default: rawValue
        }
    }
}
