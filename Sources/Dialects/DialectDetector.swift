import Architecture
import Checkpoints
import Tensors

/// Tells dialects by their names alone.
enum DialectDetector {
    static func dialect(of names: [String]) -> Dialect? {
        var kernels = false, weights = false
        for name in names {
            let components = name.split { $0 == "/" || $0 == "." }
            guard let last = components.last else { continue }
            // A torch module may be called L1 too: only a kernel proves the convention.
            if CanonicalName.parameter(name)?.hasSuffix(".kernel") == true { return .canonical }
            if last.hasPrefix("coefs_") || last.hasPrefix("intercepts_") { return .sklearn }
            if components.count > 1, let module = components.dropLast().last, isFlax(components[0], module, last) { return .flax }
            if components.count > 1, last == "weight" || last.hasPrefix("running_") || last == "num_batches_tracked" { weights = true }
            if case .named(let part)? = ParsedName(name)?.part, [.kernel, .gamma, .beta, .alpha, .mean].contains(part), components.count > 1,
               ["kernel", "gamma", "beta", "alpha", "moving_mean"].contains(last.prefix { $0 != ":" }) { kernels = true }
            if components.count > 2, components.dropLast().last == "vars" { kernels = true }
        }
        return weights ? .torch : kernels ? .keras : nil
    }

    /// `params/Dense_0/kernel`, `batch_stats.BatchNorm_0.mean`, `Dense_0.kernel`.
    private static func isFlax(_ first: Substring, _ module: Substring, _ last: Substring) -> Bool {
        guard ["kernel", "bias", "scale", "mean", "var", "negative_slope"].contains(last) else { return false }
        if first == "params" || first == "batch_stats" { return true }
        guard let head = module.first, head.isUppercase, let line = module.lastIndex(of: "_") else { return false }
        return module[module.index(after: line)...].allSatisfy { $0.isASCII && $0.isWholeNumber }
    }
}

/// `L0.kernel`, also at the end of a path: `layers/L0/kernel`.
enum CanonicalName {
    private static let parts: [Substring: String] = [
        "kernel": "kernel", "bias": "bias", "gamma": "gamma", "beta": "beta", "alpha": "alpha",
        "moving_mean": "moving_mean", "moving_var": "moving_var", "moving_variance": "moving_var",
    ]

    /// The canonical name in `name`; nil when it has none.
    static func parameter(_ name: String) -> String? {
        let components = name.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == "." }
        guard components.count > 1, let last = components.last, let part = parts[last] else { return nil }
        let layer = components[components.count - 2]
        let digits = layer.dropFirst()
        guard layer.first == "L", !digits.isEmpty, digits.count < 10, digits.allSatisfy({ $0.isASCII && $0.isWholeNumber }), let number = Int(digits) else { return nil }
        return "L\(number).\(part)"
    }
}

/// scikit-learn writes its activations as strings; a codec may deliver lone strings as metadata.
enum SklearnText {
    /// The network that `activation` and `out_activation_` complete, where `coefs_i` and `intercepts_i` are all there.
    static func network(in index: CheckpointIndex) -> NetworkDescription? {
        guard let hidden = index.metadata["activation"].flatMap(activation), let output = index.metadata["out_activation_"].flatMap(activation) else { return nil }
        let table = NameTable(index)
        var layers: [Layer] = [], input: Int?
        while let kernel = table["coefs_\(layers.count)"] {
            let sizes = index.tensors[kernel].shape.sizes
            guard sizes.count == 2 else { return nil }
            input = input ?? sizes[0]
            layers.append(.dense(units: sizes[1], useBias: table["intercepts_\(layers.count)"] != nil, activation: hidden))
        }
        guard let input, case .dense(let units, let useBias, _)? = layers.popLast() else { return nil }
        layers.append(.dense(units: units, useBias: useBias, activation: output))
        return try? NetworkDescription(input: input, layers: layers).checked()
    }

    private static func activation(_ text: String) -> Activation? {
        switch text {
        case "identity": .linear
        case "logistic": .sigmoid
        case "tanh": .tanh
        case "relu": .relu
        case "softmax": .softmax
        default: nil
        }
    }
}
