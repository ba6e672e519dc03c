import Architecture

/// A tensor on its way into a layer.
struct ONNXWeight: Hashable {
    /// The position in the index.
    var tensor: Int
    /// The sizes that the graph sees, after any Transpose or Reshape on the way.
    var sizes: [Int]
    /// The axes are turned round against the file's.
    var isTurned = false
    /// The graph multiplies it by this.
    var scale = 1.0
}

/// A layer and the weights it uses.
struct ONNXLayer: Hashable {
    var layer: Layer
    var weights: [Bound] = []

    struct Bound: Hashable {
        let part: Part
        var weight: ONNXWeight
    }
}

/// What a value of the graph is, in terms of the values before it. Equal expressions are one value, so that a pattern which uses a value twice is
/// seen; scales stand outermost, so that one spelling stands for all.
enum ONNXExpression: Hashable {
    case input(Int)
    case layer(Int, ONNXLayer)
    case scaled(Int, Double)
    case shifted(Int, Double)
    case power(Int, Double)
    case product(Int, Int)
    case quotient(Int, Int)
    case sum(Int, Int)
    case difference(Int, Int)
    case erf(Int)
    case abs(Int)
    case mean(Int)
    case root(Int)
    /// [1 - p, p]: both classes of a binary classifier.
    case pair(Int)
}

/// The values of a graph, each kept once.
struct ONNXExpressions {
    private(set) var list: [ONNXExpression] = []
    /// The node that first made each, for messages.
    private(set) var makers: [String] = []
    /// How wide the rows of each are, where that is known.
    private(set) var widths: [Int?] = []
    private var places: [ONNXExpression: Int] = [:]
    var maker = ""

    subscript(_ place: Int) -> ONNXExpression { list[place] }

    /// - Parameter width: of an input, which nothing else tells.
    mutating func add(_ expression: ONNXExpression, width: Int? = nil) -> Int {
        if let place = places[expression] { return place }
        places[expression] = list.count
        list.append(expression)
        makers.append(maker)
        let own: Int? = switch expression {
        case .input: width
        case .mean, .pair: nil
        case .layer(let before, let layer): if case .dense(let units, _, _) = layer.layer { units } else { widths[before] }
        case .scaled(let inner, _), .shifted(let inner, _), .power(let inner, _), .product(let inner, _), .quotient(let inner, _), .sum(let inner, _),
             .difference(let inner, _), .erf(let inner), .abs(let inner), .root(let inner): widths[inner]
        }
        widths.append(own)
        return list.count - 1
    }

    /// Numbers that exporters write as float32 or shorter.
    static func near(_ value: Double, _ wanted: Double) -> Bool { Swift.abs(value - wanted) <= 1e-3 * Swift.abs(wanted) }

    mutating func activation(_ place: Int, _ activation: Activation) -> Int { add(.layer(place, ONNXLayer(layer: .activation(activation)))) }

    /// The value before `place`, when that is the activation `wanted`.
    func argument(_ place: Int, of wanted: Activation) -> Int? {
        guard case .layer(let before, let layer) = list[place], layer.layer == .activation(wanted) else { return nil }
        return before
    }

    mutating func scaled(_ place: Int, _ factor: Double) -> Int {
        if case .scaled(let inner, let other) = list[place] { return scaled(inner, factor * other) }
        if factor == 1 { return place }
        if Self.near(factor, 0.5), let inner = gelu(place) { return inner }
        // relu6(x + 3) / 6
        if Self.near(factor, 1.0 / 6), let inner = argument(place, of: .relu6), case .shifted(let x, let shift) = list[inner], Self.near(shift, 3) {
            return activation(x, .hardSigmoid(alpha: 1.0 / 6, beta: 0.5))
        }
        return add(.scaled(place, factor))
    }

    /// x (1 + erf(x / sqrt 2)), or with tanh(sqrt(2 / pi) (x + 0.044715 x^3)) in its place.
    private mutating func gelu(_ place: Int) -> Int? {
        guard case .product(let a, let b) = list[place] else { return nil }
        for (x, factor) in [(a, b), (b, a)] {
            guard case .shifted(let curve, let one) = list[factor], Self.near(one, 1) else { continue }
            if case .erf(let inner) = list[curve], case .scaled(x, let scale) = list[inner], Self.near(scale, 0.5.squareRoot()) { return activation(x, .gelu) }
            guard let inner = argument(curve, of: .tanh), case .scaled(let cubic, let scale) = list[inner] else { continue }
            // x + c x^3, or x (1 + c x^2), whose c has then come out.
            if case .sum(let p, let q) = list[cubic], p == x || q == x, case .scaled(let cube, let c) = list[p == x ? q : p], list[cube] == .power(x, 3),
               Self.near(c, 0.044715), Self.near(scale, (2 / Double.pi).squareRoot()) {
                return activation(x, .geluTanh)
            }
            if case .product(let p, let q) = list[cubic], p == x || q == x, case .shifted(let square, let shift) = list[p == x ? q : p],
               list[square] == .power(x, 2), Self.near(1 / shift, 0.044715), Self.near(scale * shift, (2 / Double.pi).squareRoot()) {
                return activation(x, .geluTanh)
            }
        }
        return nil
    }

    mutating func shifted(_ place: Int, _ shift: Double) -> Int {
        if shift == 0 { return place }
        if case .scaled(let inner, let factor) = list[place], factor != 0 { return scaled(shifted(inner, shift / factor), factor) }
        if case .shifted(let inner, let other) = list[place] { return shifted(inner, shift + other) }
        return add(.shifted(place, shift))
    }

    mutating func power(_ place: Int, _ exponent: Double) -> Int {
        if exponent == 1 { return place }
        if exponent == 0.5 { return add(.root(place)) }
        return add(.power(place, exponent))
    }

    mutating func product(_ a: Int, _ b: Int) -> Int {
        if case .scaled(let inner, let factor) = list[a] { return scaled(product(inner, b), factor) }
        if case .scaled(let inner, let factor) = list[b] { return scaled(product(a, inner), factor) }
        if a == b { return power(a, 2) }
        for (x, y) in [(a, b), (b, a)] {
            if case .power(x, let exponent) = list[y] { return power(x, exponent + 1) }
            if argument(y, of: .sigmoid) == x { return activation(x, .silu) }
            if let inner = argument(y, of: .tanh), argument(inner, of: .softplus) == x { return activation(x, .mish) }
        }
        return add(.product(min(a, b), max(a, b)))
    }

    mutating func quotient(_ a: Int, _ b: Int) -> Int {
        if case .scaled(let inner, let factor) = list[a] { return scaled(quotient(inner, b), factor) }
        if case .shifted(let inner, let one) = list[b], Self.near(one, 1), list[inner] == .abs(a) { return activation(a, .softsign) }
        // (x - mean) / sqrt(mean of its square + eps)
        if case .difference(let x, let mean) = list[a], list[mean] == .mean(x), case .root(let inner) = list[b], case .shifted(let variance, let eps) = list[inner],
           case .mean(let square) = list[variance], list[square] == .power(a, 2) {
            return add(.layer(x, ONNXLayer(layer: .layerNorm(eps: unrounded(eps), scale: false, center: false))))
        }
        return add(.quotient(a, b))
    }

    mutating func sum(_ a: Int, _ b: Int) -> Int { add(.sum(min(a, b), max(a, b))) }

    mutating func logarithm(_ place: Int) -> Int? {
        if let x = argument(place, of: .softmax) { return activation(x, .logSoftmax) }
        if case .shifted(let inner, let one) = list[place], Self.near(one, 1), let x = argument(inner, of: .exp) { return activation(x, .softplus) }
        return nil
    }

    /// min(max(x, low), high)
    mutating func clipped(_ place: Int, _ low: Double?, _ high: Double?) -> Int? {
        let low = low.flatMap { $0 > -3e38 ? $0 : nil }, high = high.flatMap { $0 < 3e38 ? $0 : nil }
        switch (low, high) {
        case (nil, nil): return place
        case (let low?, nil): return activation(place, low == 0 ? .relu : .reluFloor(e: unrounded(low)))
        case (0?, 6?): return activation(place, .relu6)
        case (nil, 6?): if let x = argument(place, of: .relu) { return activation(x, .relu6) } else { return nil }
        case (0?, 1?):
            var x = place, alpha = 1.0, beta = 0.0
            if case .scaled(let inner, let factor) = list[x] { (x, alpha) = (inner, factor) }
            if case .shifted(let inner, let shift) = list[x] { (x, beta) = (inner, shift * alpha) }
            return activation(x, .hardSigmoid(alpha: unrounded(alpha), beta: unrounded(beta)))
        default: return nil
        }
    }
}
