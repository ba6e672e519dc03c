import Architecture

extension ONNXWalk {
    /// The layers that hold weights, and dropout.
    mutating func layer(_ node: ONNXGraph.Node) -> Int? {
        guard let x = signal(node.input(0)) else { return nil }
        switch node.op {
        case "MatMul":
            guard let kernel = weight(node.input(1)) else { return nil }
            return dense(x, kernel)
        case "Gemm":
            guard node.int("transA") ?? 0 == 0, var kernel = weight(node.input(1)), kernel.sizes.count == 2 else { return nil }
            if node.int("transB") ?? 0 != 0 {
                kernel.sizes.reverse()
                kernel.isTurned.toggle()
            }
            kernel.scale *= unrounded(node.float("alpha") ?? 1)
            guard kernel.scale.isFinite, kernel.scale != 0 else { return nil }
            guard let place = dense(x, kernel) else { return nil }
            let beta = unrounded(node.float("beta") ?? 1)
            guard beta.isFinite else { return nil }
            guard node.input(2) != nil, beta != 0 else { return place }
            return biased(place, weight(node.input(2)), beta)
        case "BatchNormalization":
            guard node.int("training_mode") ?? 0 == 0, node.int("spatial") ?? 1 == 1 else { return nil }
            let parts: [Part] = [.gamma, .beta, .mean, .variance]
            var bound: [ONNXLayer.Bound] = []
            for (place, part) in parts.enumerated() {
                guard let weight = weight(node.input(place + 1)), isRow(weight, x) else { return nil }
                bound.append(.init(part: part, weight: weight))
            }
            return expressions.add(.layer(x, ONNXLayer(layer: .batchNorm(eps: eps(node), scale: true, center: true), weights: bound)))
        case "LayerNormalization":
            guard [-1, 1].contains(node.int("axis") ?? -1), let gamma = weight(node.input(1)), isRow(gamma, x) else { return nil }
            var bound = [ONNXLayer.Bound(part: .gamma, weight: gamma)]
            if node.input(2) != nil {
                guard let beta = weight(node.input(2)), isRow(beta, x) else { return nil }
                bound.append(.init(part: .beta, weight: beta))
            }
            return expressions.add(.layer(x, ONNXLayer(layer: .layerNorm(eps: eps(node), scale: true, center: bound.count == 2), weights: bound)))
        case "PRelu":
            if let slope = number(node.input(1)), width(x) != 1 { return expressions.activation(x, .leakyReLU(slope: unrounded(slope))) }
            guard let slope = weight(node.input(1)), isRow(slope, x) else { return nil }
            return expressions.add(.layer(x, ONNXLayer(layer: .activation(.prelu), weights: [.init(part: .alpha, weight: slope)])))
        case "Dropout":
            // Nothing is dropped outside of training; the rate is told for whoever trains on.
            let rate = unrounded(node.float("ratio") ?? number(node.input(1)) ?? 0.5)
            return expressions.add(.layer(x, ONNXLayer(layer: .dropout(rate: (0..<1).contains(rate) ? rate : 0))))
        default: return nil
        }
    }

    private func eps(_ node: ONNXGraph.Node) -> Double { unrounded(node.float("epsilon") ?? 1e-5) }

    private mutating func dense(_ x: Int, _ kernel: ONNXWeight) -> Int? {
        guard kernel.sizes.count == 2, kernel.sizes[1] > 0, width(x) == nil || width(x) == kernel.sizes[0] else { return nil }
        let layer = Layer.dense(units: kernel.sizes[1], useBias: false, activation: .linear)
        return expressions.add(.layer(x, ONNXLayer(layer: layer, weights: [.init(part: .kernel, weight: kernel)])))
    }

    /// The dense layer or the norm at `place` with `weight`, times `sign`, added to its rows; nil where that is no bias of a layer without one.
    mutating func biased(_ place: Int, _ weight: ONNXWeight?, _ sign: Double) -> Int? {
        guard var weight, case .layer(let before, var layer) = expressions[place] else { return nil }
        weight.scale *= sign
        guard case .dense(let units, false, .linear) = layer.layer else { return normed(place, .beta, weight) }
        guard isRow(weight, place) else { return nil }
        layer.layer = .dense(units: units, useBias: true, activation: .linear)
        layer.weights.append(.init(part: .bias, weight: weight))
        return expressions.add(.layer(before, layer))
    }

    /// A layer norm spelled as nodes, with its scale or its shift.
    mutating func normed(_ place: Int, _ part: Part, _ weight: ONNXWeight) -> Int? {
        guard case .layer(let before, var layer) = expressions[place], case .layerNorm(let eps, let scale, false) = layer.layer, isRow(weight, place),
              part == .beta || !scale else { return nil }
        layer.layer = .layerNorm(eps: eps, scale: scale || part == .gamma, center: part == .beta)
        layer.weights.append(.init(part: part, weight: weight))
        return expressions.add(.layer(before, layer))
    }

    /// Whether `weight` has one number for each unit of the signal at `place`, in one row.
    private func isRow(_ weight: ONNXWeight, _ place: Int) -> Bool {
        let long = weight.sizes.filter { $0 != 1 }
        guard long.count <= 1, weight.sizes.count <= 2, weight.sizes.count < 2 || weight.sizes[0] == 1 else { return false }
        let count = long.first ?? 1
        return width(place).map { $0 == count } ?? true
    }
}

/// Operators that are one activation.
enum ONNXActivation {
    /// Nil for an operator that is none, or is one with settings that are not run here.
    static func activation(_ node: ONNXGraph.Node, width: Int?) -> Activation? {
        func setting(_ name: String, _ value: Double) -> Double {
            let found = node.float(name) ?? value
            // A third and its like have no short spelling as float32.
            return abs(found - 1.0 / 6) < 1e-8 ? 1.0 / 6 : unrounded(found)
        }
        switch node.op {
        case "Relu": return .relu
        case "LeakyRelu": return .leakyReLU(slope: setting("alpha", 0.01))
        case "Elu": return .elu(alpha: setting("alpha", 1))
        case "Celu": return setting("alpha", 1) == 1 ? .elu(alpha: 1) : nil
        case "Selu":
            return abs(setting("alpha", 1.67326319217681884765625) - 1.6732632) < 1e-4 && abs(setting("gamma", 1.05070102214813232421875) - 1.050701) < 1e-4 ? .selu : nil
        case "Gelu": return node.domain.isEmpty ? (node.string("approximate") == "tanh" ? .geluTanh : .gelu) : .gelu
        case "FastGelu": return node.inputs.count == 1 ? .geluTanh : nil
        case "Swish": return setting("alpha", 1) == 1 ? .silu : nil
        case "Mish": return .mish
        case "Softplus": return .softplus
        case "Softsign": return .softsign
        case "Sigmoid": return .sigmoid
        case "Tanh": return .tanh
        case "Exp": return .exp
        case "HardSigmoid": return .hardSigmoid(alpha: setting("alpha", 0.2), beta: setting("beta", 0.5))
        case "Softmax", "LogSoftmax":
            guard [-1, 1].contains(node.int("axis") ?? -1) else { return nil }
            return node.op == "Softmax" ? .softmax : .logSoftmax
        default: return nil
        }
    }
}
