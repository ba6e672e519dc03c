import Architecture

/// Where a named quantity lies in a workspace.
struct QuantityPlace: Sendable {
    enum Shape: Sendable {
        /// [rows, width]
        case rows(width: Int)
        case fixed([Int])
    }

    var name: String
    var shape: Shape
    var offset: Int

    func shape(rows: Int) -> [Int] {
        switch shape {
        case .rows(let width): [rows, width]
        case .fixed(let shape): shape
        }
    }

    func count(rows: Int) -> Int {
        switch shape {
        case .rows(let width): rows * width
        case .fixed(let shape): shape.reduce(1, *)
        }
    }
}

extension Plan {
    /// What a forward pass computes, in the order of execution: `L0.pre L0.act … logits output`, and `loss` where there is one.
    func forwardQuantities(hasLoss: Bool) -> [QuantityPlace] {
        var list: [QuantityPlace] = []
        for (i, node) in nodes.enumerated() {
            if case .dense = node.kind { list.append(QuantityPlace(name: "L\(i).pre", shape: .rows(width: node.outWidth), offset: node.pre)) }
            list.append(QuantityPlace(name: "L\(i).act", shape: .rows(width: node.outWidth), offset: node.act))
        }
        list.append(QuantityPlace(name: "logits", shape: .rows(width: outputWidth), offset: logits))
        list.append(QuantityPlace(name: "output", shape: .rows(width: outputWidth), offset: output))
        if hasLoss { list.append(QuantityPlace(name: "loss", shape: .fixed([]), offset: loss)) }
        return list
    }

    /// What the way back computes, in the order of execution: `grad.logits … grad.L1.act grad.L1.pre grad.L1.kernel grad.L1.bias … grad.x`.
    /// A head fused with the loss has no `grad.L<i>.act`: it is never formed.
    func backwardQuantities(_ layout: ParameterLayout) -> [QuantityPlace] {
        var list: [QuantityPlace] = []
        let gradLogits = QuantityPlace(name: "grad.logits", shape: .rows(width: outputWidth), offset: gradLogits)
        if head.isFused { list.append(gradLogits) }
        for (i, node) in nodes.enumerated().reversed() where i <= lastBackward {
            if !(i == lastBackward && skipsActivation) {
                list.append(QuantityPlace(name: "grad.L\(i).act", shape: .rows(width: node.outWidth), offset: node.gradAct))
            }
            if i == head.index && !head.isFused { list.append(gradLogits) }
            if case .dense = node.kind {
                list.append(QuantityPlace(name: "grad.L\(i).pre", shape: .rows(width: node.outWidth), offset: node.gradPre))
            }
            for part in ["kernel", "bias", "alpha", "gamma", "beta"] {
                guard let entry = layout["L\(i).\(part)"] else { continue }
                list.append(QuantityPlace(name: "grad.\(entry.name)", shape: .fixed(entry.shape), offset: gradParameters + entry.offset))
            }
        }
        list.append(QuantityPlace(name: "grad.x", shape: .rows(width: nodes.first?.inWidth ?? outputWidth), offset: gradX))
        return list
    }
}
