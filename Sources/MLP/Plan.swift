import Architecture

/// A network laid out for execution: where every value and gradient lies in a workspace of a given number of rows. Values that are another's
/// (a linear activation, a dropout in inference) share its place. Everything here follows from the description, the rows and the loss.
struct Plan: Sendable {
    struct Node: Sendable {
        enum Kind: Sendable {
            case dense(Activation)
            case activation(Activation)
            case batchNorm(eps: Double)
            case layerNorm(eps: Double)
            /// Dropout in inference, and flatten of a row.
            case identity
        }

        var kind: Kind
        var inWidth, outWidth: Int
        /// Offsets of [rows, inWidth], [rows, outWidth], [rows, outWidth]; `pre` is a dense layer's z, elsewhere `act`.
        var input, pre, act: Int
        var gradInput, gradPre, gradAct: Int
        /// Offsets in the parameters' layout.
        var kernel, bias, alpha, gamma, beta, mean, variance: Int?
        /// Offset of [rows, outWidth] and [max(rows, outWidth)] that norms keep for the way back.
        var normalised = 0, inverse = 0
    }

    let nodes: [Node]
    let rows: Int
    /// Offset of [rows, input], and of its gradient.
    let x, gradX: Int
    let logits, gradLogits, output: Int
    let outputWidth: Int
    /// Whether the output is the logits completed by this head.
    let completion: Activation?
    /// Where the loss reads and writes its gradient: the logits where it is fused with the head, else the head's values.
    let lossInput, lossGradient: Int
    /// The last node that the way back goes through, and whether its activation is already accounted for.
    let lastBackward: Int
    let skipsActivation: Bool
    let loss: Int
    /// Offset of the gradients of the parameters, in their layout; of the kernels' scratch; and the size of it all.
    let gradParameters, scratch, count: Int
    let head: Head

    init(_ description: NetworkDescription, layout: ParameterLayout, rows: Int, loss: Loss.Kind?, alignment: Int, scratch scratchOf: (Int) -> Int)
        throws(NetworkError)
    {
        guard rows >= 1 else { throw NetworkError(.batchShape, "a workspace needs at least 1 row, \(rows) were asked for") }
        var space = Space(rows: rows, alignment: alignment)
        x = try space.take(width: description.input)
        gradX = try space.take(width: description.input)

        var nodes: [Node] = []
        var (width, value, gradient, depth) = (description.input, x, gradX, rows)
        for (i, layer) in description.layers.enumerated() {
            func at(_ part: String) -> Int? { layout["L\(i).\(part)"]?.offset }
            var node = Node(
                kind: .identity, inWidth: width, outWidth: width, input: value, pre: value, act: value, gradInput: gradient, gradPre: gradient,
                gradAct: gradient)
            switch layer {
            case .dropout, .flatten: break
            case .dense(let units, _, let activation):
                node.kind = .dense(activation)
                node.outWidth = units
                node.pre = try space.take(width: units)
                node.gradPre = try space.take(width: units)
                node.act = activation == .linear ? node.pre : try space.take(width: units)
                node.gradAct = activation == .linear ? node.gradPre : try space.take(width: units)
                (node.kernel, node.bias, node.alpha) = (at("kernel"), at("bias"), at("alpha"))
                depth = max(depth, width, units)
            case .activation(let activation):
                node.kind = .activation(activation)
                node.act = try space.take(width: width)
                node.gradAct = try space.take(width: width)
                node.alpha = at("alpha")
            case .batchNorm(let eps, _, _), .layerNorm(let eps, _, _):
                if case .batchNorm = layer { node.kind = .batchNorm(eps: eps) } else { node.kind = .layerNorm(eps: eps) }
                node.act = try space.take(width: width)
                node.gradAct = try space.take(width: width)
                node.normalised = try space.take(width: width)
                node.inverse = try space.take(count: max(rows, width))
                (node.gamma, node.beta, node.mean, node.variance) = (at("gamma"), at("beta"), at("moving_mean"), at("moving_var"))
            }
            nodes.append(node)
            (width, value, gradient) = (node.outWidth, node.act, node.gradAct)
        }

        let head = Head(nodes, value: value, gradient: gradient, loss: loss)
        (logits, gradLogits) = (head.z, head.gradZ)
        (lossInput, lossGradient) = head.isFused ? (head.z, head.gradZ) : (value, gradient)
        (lastBackward, skipsActivation) = (head.lastBackward, head.skipsActivation)
        outputWidth = width
        completion = head.activation == .linear ? loss?.impliedHead : nil
        output = completion == nil ? value : try space.take(width: width)
        self.loss = try space.take(count: 1)
        gradParameters = try space.take(count: layout.count)
        scratch = try space.take(count: scratchOf(depth))
        count = space.end
        self.rows = rows
        self.nodes = nodes
        self.head = head
    }
}

/// The last layer that computes anything, and how the loss meets it.
struct Head: Sendable {
    /// nil where no layer computes anything.
    let index: Int?
    let activation: Activation
    /// Offsets of the logits: what the head's activation is taken of.
    let z, gradZ: Int
    /// Whether the loss is taken from the logits; without a loss, false.
    let isFused: Bool
    let lastBackward: Int
    let skipsActivation: Bool

    init(_ nodes: [Plan.Node], value: Int, gradient: Int, loss: Loss.Kind?) {
        index = nodes.lastIndex { if case .identity = $0.kind { false } else { true } }
        switch index.map({ nodes[$0] }) {
        case .some(let node):
            switch node.kind {
            case .dense(let own): (activation, z, gradZ) = (own, node.pre, node.gradPre)
            case .activation(let own): (activation, z, gradZ) = (own, node.input, node.gradInput)
            case .batchNorm, .layerNorm, .identity: (activation, z, gradZ) = (.linear, value, gradient)
            }
            isFused = loss?.isFused(with: activation) ?? false
            switch node.kind {
            case .dense: (lastBackward, skipsActivation) = ((index ?? 0), isFused)
            case .activation: (lastBackward, skipsActivation) = ((index ?? 0) - (isFused ? 1 : 0), false)
            case .batchNorm, .layerNorm, .identity: (lastBackward, skipsActivation) = ((index ?? 0), false)
            }
        case nil:
            (activation, z, gradZ, isFused) = (.linear, value, gradient, loss != nil)
            (lastBackward, skipsActivation) = (-1, false)
        }
    }
}

/// Hands out places in a workspace, aligned.
private struct Space {
    let rows, alignment: Int
    var end = 0

    mutating func take(width: Int) throws(NetworkError) -> Int {
        let (count, overflow) = rows.multipliedReportingOverflow(by: width)
        guard !overflow else { throw tooLarge }
        return try take(count: count)
    }

    mutating func take(count: Int) throws(NetworkError) -> Int {
        guard let next = roundedUp(end, adding: count, to: alignment) else { throw tooLarge }
        defer { end = next }
        return end
    }

    private var tooLarge: NetworkError { NetworkError(.memory, "\(rows) rows of this network are more than this machine can address; use fewer rows") }
}
