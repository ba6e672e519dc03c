import Checkpoints
import Tensors

/// What a tensor is in its layer.
enum Part: String, Hashable {
    case kernel, bias, gamma, beta, mean, variance, alpha
    /// torch's `weight`: a kernel, a norm's scale or a slope, as its shape and neighbours tell.
    case weight
    /// torch's `num_batches_tracked`: no parameter.
    case counter

    init?(word: some StringProtocol) {
        switch word {
        case "kernel", "W", "w", "weights", "coefs", "coef": self = .kernel
        case "weight": self = .weight
        case "bias", "b", "biases", "intercepts", "intercept": self = .bias
        case "gamma", "scale": self = .gamma
        case "beta": self = .beta
        case "moving_mean", "running_mean", "mean": self = .mean
        case "moving_variance", "moving_var", "running_var", "running_variance", "var", "variance": self = .variance
        case "alpha", "negative_slope": self = .alpha
        case "num_batches_tracked": self = .counter
        default: return nil
        }
    }
}

/// A tensor's name taken apart.
struct ParsedName {
    /// The layer's: `net.fc1`, `dense_1`, `model_weights/dense/sequential/dense`.
    let group: String
    let part: Place

    enum Place: Hashable {
        case named(Part)
        /// `vars/<i>`.
        case numbered(Int)
    }

    /// Nil when the name says nothing of a layer.
    init?(_ name: String) {
        var text = Substring(name)
        if text.hasSuffix("/.ATTRIBUTES/VARIABLE_VALUE") { text = text.dropLast(27) }
        // TensorFlow's output number: kernel:0.
        if let colon = text.lastIndex(of: ":"), colon != text.indices.last, text[text.index(after: colon)...].allSatisfy(isDigit) { text = text[..<colon] }
        let cut = text.lastIndex { $0 == "/" || $0 == "." }
        let head = cut.map { text[..<$0] } ?? ""
        let tail = cut.map { text[text.index(after: $0)...] } ?? text
        if let part = Part(word: tail) {
            group = String(head)
            self.part = .named(part)
        } else if let index = Int(tail), index >= 0, head == "vars" || head.hasSuffix("/vars") {
            group = String(head.dropLast(head == "vars" ? 4 : 5))
            part = .numbered(index)
        } else if let index = Int(tail), index >= 0, let found = Part(word: head[Self.lastComponent(head)...]) {
            // weights.0, biases/0
            group = "\(head[..<Self.lastComponent(head)])\(index)"
            part = .named(found)
        } else if let line = tail.lastIndex(of: "_"), let found = Part(word: tail[tail.index(after: line)...]) {
            // dense_1_W, fc1_weight
            group = String(text[..<line])
            part = .named(found)
        } else {
            // W1, b1, coefs_0
            let number = tail.reversed().prefix { isDigit($0) }.count
            let word = tail.dropLast(number)
            guard number > 0, let found = Part(word: word.hasSuffix("_") ? word.dropLast() : word) else { return nil }
            group = "\(text[..<tail.startIndex])\(tail.suffix(number))"
            part = .named(found)
        }
    }

    private static func lastComponent(_ text: Substring) -> Substring.Index {
        text.lastIndex { $0 == "/" || $0 == "." }.map { text.index(after: $0) } ?? text.startIndex
    }
}

private func isDigit(_ character: Character) -> Bool { character.isASCII && character.isWholeNumber }

/// The tensors of one layer, as a file names them.
struct TensorGroup {
    enum Kind: String { case dense, batchNorm = "batchnorm", layerNorm = "layernorm", prelu, lone = "a lone vector", other }

    var name: String
    /// Positions in the index.
    var parts: [Part: Int] = [:]
    /// Positions of `vars/0`, `vars/1` …; `parts` is then empty.
    var numbered: [Int] = []
    var kind = Kind.other
    /// The first of its tensors in the file.
    var first: Int
}

extension TensorGroup {
    /// The groups among the tensors at `positions`, in the file's order, and what belongs to none.
    static func groups(in index: CheckpointIndex, of positions: [Int], dialect: Dialect?) -> (groups: [TensorGroup], others: [Int]) {
        var groups: [TensorGroup] = [], places: [[UInt8]: Int] = [:], others: [Int] = []
        var numbers: [Int: [(Int, Int)]] = [:]
        for position in positions {
            guard let parsed = ParsedName(index.tensors[position].name) else {
                others.append(position)
                continue
            }
            let name = dialect == .flax ? withoutCollection(parsed.group) : parsed.group
            let key = Array(name.utf8)
            let place = places[key] ?? groups.count
            if place == groups.count {
                places[key] = place
                groups.append(TensorGroup(name: name, first: position))
            }
            switch parsed.part {
            case .named(let part) where groups[place].parts[part] == nil: groups[place].parts[part] = position
            case .named: others.append(position)
            case .numbered(let number): numbers[place, default: []].append((number, position))
            }
        }
        for (place, list) in numbers {
            if groups[place].parts.isEmpty { groups[place].numbered = list.sorted { $0.0 < $1.0 }.map(\.1) } else { others += list.map(\.1) }
        }
        var settled: [TensorGroup] = []
        for var group in groups {
            others += group.settle(index)
            // An alpha beside a kernel is the slope of that layer's activation: a layer of its own in most dialects.
            if group.parts[.kernel] != nil, let alpha = group.parts.removeValue(forKey: .alpha) {
                settled += [group, TensorGroup(name: group.name, parts: [.alpha: alpha], kind: .prelu, first: alpha)]
            } else if group.kind == .other {
                others += group.parts.values
                others += group.numbered
            } else {
                settled.append(group)
            }
        }
        return (settled, others.sorted())
    }

    /// flax keeps a layer's statistics in another collection than its parameters.
    private static func withoutCollection(_ group: String) -> String {
        for collection in ["params", "batch_stats"] {
            for separator in ["/", "."] where group.hasPrefix(collection + separator) { return String(group.dropFirst(collection.count + 1)) }
        }
        return group
    }

    /// Tells what kind of layer this is and what torch's `weight` and flax's `bias` are in it; returns positions that turn out to be no part.
    private mutating func settle(_ index: CheckpointIndex) -> [Int] {
        var dropped: [Int] = []
        if let counter = parts.removeValue(forKey: .counter) { dropped.append(counter) }
        func rank(_ part: Part) -> Int? { parts[part].map { index.tensors[$0].shape.rank } }
        if let weight = parts[.weight] {
            let isNorm = parts[.mean] != nil || parts[.variance] != nil || parts[.bias] != nil
            if (rank(.weight) ?? 0) >= 2, parts[.kernel] == nil {
                parts[.kernel] = weight
                parts[.weight] = nil
            } else if isNorm, parts[.gamma] == nil {
                parts[.gamma] = weight
                parts[.weight] = nil
            }
        }
        if parts[.kernel] == nil, parts[.beta] == nil, let bias = parts[.bias], parts[.gamma] != nil || parts[.mean] != nil || parts.count == 1 {
            parts[.beta] = bias
            parts[.bias] = nil
        }
        if !numbered.isEmpty { kind = Self.kind(ofClass: name, ranks: numbered.map { index.tensors[$0].shape.rank }) }
        else if parts[.kernel] != nil { kind = .dense }
        else if parts[.mean] != nil || parts[.variance] != nil { kind = .batchNorm }
        else if parts[.gamma] != nil || parts[.beta] != nil { kind = .layerNorm }
        else if parts[.alpha] != nil { kind = .prelu }
        else if parts[.weight] != nil { kind = .lone }
        return dropped
    }

    /// Keras 3 numbers a layer's variables; the class is in the path, `layers/batch_normalization_1`.
    private static func kind(ofClass path: String, ranks: [Int]) -> Kind {
        switch NumberedName(path.split(separator: "/").last.map(String.init) ?? path).skeleton {
        case "dense": .dense
        case "batch_normalization": .batchNorm
        case "layer_normalization": .layerNorm
        case "p_re_lu": .prelu
        default: (ranks.first ?? 0) >= 2 ? .dense : .other
        }
    }
}
