import Architecture

/// The short string, cut where it is too long for a message.
func brief(_ network: NetworkDescription) -> String {
    guard network.layers.count > 40 else { return network.shortText }
    var start = network
    start.layers = Array(network.layers.prefix(40))
    return "\(start.shortText)-… (\(network.layers.count) layers)"
}

/// One layer's worth of parameters that a description asks for.
struct Slot {
    /// The number of the layer in the description.
    let layer: Int
    let kind: TensorGroup.Kind
    /// In the order in which Keras numbers them.
    let wanted: [(part: Part, parameter: String, shape: [Int])]

    var width: Int { wanted.first?.shape.last ?? 0 }

    /// For messages: `L0 (a dense layer, [784, 128] and a bias)`.
    var text: String {
        switch kind {
        case .dense: "L\(layer) (dense, \(wanted.first.map { "\($0.shape)" } ?? "")\(wanted.count > 1 ? " with" : " without") a bias)"
        default: "L\(layer) (\(kind.rawValue), \(width) wide)"
        }
    }

    /// Every slot of `network`, in layer order; a layer without parameters has none.
    static func slots(of network: NetworkDescription) -> [Slot] {
        var slots: [Slot] = []
        var width = network.input
        for (i, layer) in network.layers.enumerated() {
            func norm(_ kind: TensorGroup.Kind, _ scale: Bool, _ center: Bool, statistics: Bool) {
                var wanted: [(Part, String, [Int])] = []
                if scale { wanted.append((.gamma, "L\(i).gamma", [width])) }
                if center { wanted.append((.beta, "L\(i).beta", [width])) }
                if statistics { wanted += [(.mean, "L\(i).moving_mean", [width]), (.variance, "L\(i).moving_var", [width])] }
                if !wanted.isEmpty { slots.append(Slot(layer: i, kind: kind, wanted: wanted)) }
            }
            func slope() { slots.append(Slot(layer: i, kind: .prelu, wanted: [(.alpha, "L\(i).alpha", [width])])) }
            switch layer {
            case .dense(let units, let useBias, let activation):
                var wanted: [(Part, String, [Int])] = [(.kernel, "L\(i).kernel", [width, units])]
                if useBias { wanted.append((.bias, "L\(i).bias", [units])) }
                slots.append(Slot(layer: i, kind: .dense, wanted: wanted))
                width = units
                if activation == .prelu { slope() }
            case .activation(.prelu): slope()
            case .batchNorm(_, let scale, let center): norm(.batchNorm, scale, center, statistics: true)
            case .layerNorm(_, let scale, let center): norm(.layerNorm, scale, center, statistics: false)
            case .activation, .dropout, .flatten: break
            }
        }
        return slots
    }
}
