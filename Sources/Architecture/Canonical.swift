extension NetworkDescription {
    /// The same network, numbered as CLI.md asks: an activation, PReLU included, that directly follows a dense layer whose own is linear is that
    /// layer's activation and has no number of its own. Every other layer counts.
    public var canonical: NetworkDescription {
        var folded: [Layer] = []
        folded.reserveCapacity(layers.count)
        for layer in layers {
            if case .activation(let activation) = layer, case .dense(let units, let useBias, .linear)? = folded.last {
                folded[folded.count - 1] = .dense(units: units, useBias: useBias, activation: activation)
            } else {
                folded.append(layer)
            }
        }
        var copy = self
        copy.layers = folded
        return copy
    }

    /// The widest layer that is taken: the size of any kernel then fits an `Int`.
    public static let maxWidth = Int(Int32.max)

    /// Itself, or the error that says which size or rate makes no sense.
    public func checked() throws(DescriptionError) -> NetworkDescription {
        func width(_ value: Int, _ what: String) throws(DescriptionError) {
            guard (1...Self.maxWidth).contains(value) else { throw DescriptionError("\(what) is \(value); it has to be 1 to \(Self.maxWidth)") }
        }
        try width(input, "the width of the input")
        guard !layers.isEmpty else { throw DescriptionError("it has no layers; write them after the input, as in 784-128:relu-10:softmax") }
        for (index, layer) in layers.enumerated() {
            switch layer {
            case .dense(let units, _, _): try width(units, "the number of units of L\(index)")
            case .batchNorm(let eps, _, _), .layerNorm(let eps, _, _):
                guard eps.isFinite, eps >= 0 else { throw DescriptionError("the eps of L\(index) is \(eps); it has to be 0 or more") }
            case .dropout(let rate):
                guard (0..<1).contains(rate) else { throw DescriptionError("the dropout rate of L\(index) is \(rate); it has to be at least 0 and below 1") }
            case .activation, .flatten: break
            }
        }
        return self
    }
}
