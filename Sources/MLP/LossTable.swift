public import Architecture

/// How a loss meets the last activation (the head).
///
/// Where they match, the loss is taken from the logits z, stable for any z, and the head's own derivative is never formed: its product with
/// the loss' is the short gradient in the table. Everywhere else the loss is taken of the head's values, which cross-entropies then read as
/// logits, as `torch.nn.CrossEntropyLoss` and `BCEWithLogitsLoss` do with whatever a module returns.
extension Loss.Kind {
    /// The heads whose logits the loss is taken from.
    public func isFused(with head: Activation) -> Bool {
        switch (self, head) {
        case (_, .linear), (.softmaxCE, .softmax), (.softmaxCE, .logSoftmax), (.softmaxCESoft, .softmax), (.softmaxCESoft, .logSoftmax),
            (.bce, .sigmoid):
            true
        default: false
        }
    }

    /// What completes a network that ends in logits: the head that the loss implies. nil for mse, which takes values as they are.
    public var impliedHead: Activation? {
        switch self {
        case .softmaxCE, .softmaxCESoft: .softmax
        case .bce: .sigmoid
        case .mse: nil
        }
    }

    /// The loss of one row (softmax) or element, and its gradient at the logits (mse: at the output), before division by the divisor.
    public var formula: (loss: String, gradient: String) {
        switch self {
        case .softmaxCE: ("log(sum_k exp(z_k)) - z_y", "softmax(z)_k - [k = y]")
        case .softmaxCESoft: ("sum_k t_k (log(sum_j exp(z_j)) - z_k)", "softmax(z)_k sum_j t_j - t_k")
        case .bce: ("max(z, 0) - z t + log(1 + exp(-|z|))", "sigmoid(z) - t")
        case .mse: ("(a - t)^2", "2 (a - t)")
        }
    }
}

extension Loss {
    /// What the sum over rows (softmax) or elements is divided by, for a batch of `rows` and an output of `width` columns.
    public func divisor(rows: Int, width: Int) -> Double {
        switch (reduction, kind) {
        case (.sum, _): 1
        case (.batch, _), (.mean, .softmaxCE), (.mean, .softmaxCESoft): Double(rows)
        case (.mean, .bce), (.mean, .mse): Double(rows) * Double(width)
        }
    }
}

/// The losses over rows: each returns the undivided sum, kept in float64 whatever the precision, and writes the divided gradient.
enum LossLoops<Scalar: NetworkScalar> {
    /// v, gradient [rows, width].
    static func run(
        _ loss: Loss, v: UnsafePointer<Scalar>, targets: Batch<Scalar>.Targets, gradient: UnsafeMutablePointer<Scalar>, rows: Int, width: Int
    ) -> Double {
        let divisor = Scalar(loss.divisor(rows: rows, width: width))
        switch (targets, loss.kind) {
        case (.classes(let classes), _):
            return unsafe softmaxCE(v, classes, gradient, divisor, rows, width)
        case (.dense(let t), .softmaxCE), (.dense(let t), .softmaxCESoft):
            return unsafe t.withUnsafeBufferPointer { unsafe softmaxCESoft(v, $0, gradient, divisor, rows, width) }
        case (.dense(let t), .bce):
            return unsafe t.withUnsafeBufferPointer { unsafe bce(v, $0, gradient, divisor, rows * width) }
        case (.dense(let t), .mse):
            return unsafe t.withUnsafeBufferPointer { unsafe mse(v, $0, gradient, divisor, rows * width) }
        }
    }

    private static func softmaxCE(
        _ z: UnsafePointer<Scalar>, _ classes: [Int], _ gradient: UnsafeMutablePointer<Scalar>, _ divisor: Scalar, _ rows: Int, _ width: Int
    ) -> Double {
        var sum = 0.0
        for r in 0..<rows {
            let (z, gradient) = unsafe (z + r * width, gradient + r * width)
            let label = classes[r]
            let row = unsafe LogSumExp(z, width, exponentials: gradient)
            unsafe sum += Double((row.top - z[label]) + row.logSum)
            // The label's gradient is p - 1 = -(the others' share): summed directly, so that a sure prediction keeps its digits.
            var others: Scalar = 0
            for k in 0..<width where k != label { unsafe others += gradient[k] }
            let total = unsafe others + gradient[label]
            for k in 0..<width { unsafe gradient[k] = gradient[k] / total / divisor }
            unsafe gradient[label] = -(others / total) / divisor
        }
        return sum
    }

    private static func softmaxCESoft(
        _ z: UnsafePointer<Scalar>, _ targets: UnsafeBufferPointer<Scalar>, _ gradient: UnsafeMutablePointer<Scalar>, _ divisor: Scalar,
        _ rows: Int, _ width: Int
    ) -> Double {
        var sum = 0.0
        for r in 0..<rows {
            let (z, gradient) = unsafe (z + r * width, gradient + r * width)
            let row = unsafe LogSumExp(z, width, exponentials: gradient)
            var weight: Scalar = 0
            var total: Scalar = 0
            for k in 0..<width {
                let t = unsafe targets[r * width + k]
                weight += t
                // A target of 0 asks nothing, even where its logit is infinitely far away.
                if t != 0 { unsafe sum += Double(t * ((row.top - z[k]) + row.logSum)) }
                unsafe total += gradient[k]
            }
            for k in 0..<width { unsafe gradient[k] = (gradient[k] / total * weight - targets[r * width + k]) / divisor }
        }
        return sum
    }

    private static func bce(
        _ z: UnsafePointer<Scalar>, _ targets: UnsafeBufferPointer<Scalar>, _ gradient: UnsafeMutablePointer<Scalar>, _ divisor: Scalar,
        _ count: Int
    ) -> Double {
        var sum = 0.0
        for i in 0..<count {
            let (z, t) = unsafe (z[i], targets[i])
            let distance = z.magnitude
            // max(z, 0) - z t, written as two products of one sign where t is in 0...1: it cannot cancel.
            let linear = z > 0 ? z * (1 - t) : -z * t
            sum += Double(linear + .logOnePlus(.exponential(-distance)))
            // sigmoid(z) - t = (1 - t) sigmoid(z) - t sigmoid(-z): a sure prediction keeps its digits.
            unsafe gradient[i] = ((1 - t) * SigmoidRule.sigmoid(z) - t * SigmoidRule.sigmoid(-z)) / divisor
        }
        return sum
    }

    private static func mse(
        _ a: UnsafePointer<Scalar>, _ targets: UnsafeBufferPointer<Scalar>, _ gradient: UnsafeMutablePointer<Scalar>, _ divisor: Scalar,
        _ count: Int
    ) -> Double {
        var sum = 0.0
        for i in 0..<count {
            let difference = unsafe a[i] - targets[i]
            sum += Double(difference) * Double(difference)
            unsafe gradient[i] = 2 * difference / divisor
        }
        return sum
    }
}
