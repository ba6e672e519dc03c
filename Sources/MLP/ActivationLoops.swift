import Architecture

/// a = f(z), elementwise.
@safe struct Forward<Scalar: NetworkScalar>: RuleVisitor {
    @unsafe let z: UnsafePointer<Scalar>
    @unsafe let a: UnsafeMutablePointer<Scalar>
    let count: Int
    /// From one element to the next: 1, or a row's width for a column.
    var stride = 1

    func visit<Rule: ActivationRule>(_ rule: Rule) where Rule.Scalar == Scalar {
        if stride == 1 {
            for i in 0..<count { unsafe a[i] = rule.value(z[i]) }
        } else {
            for i in 0..<count { unsafe a[i * stride] = rule.value(z[i * stride]) }
        }
    }
}

/// grad z = grad a * f'(z), elementwise.
@safe struct Backward<Scalar: NetworkScalar>: RuleVisitor {
    @unsafe let z: UnsafePointer<Scalar>
    @unsafe let a: UnsafePointer<Scalar>
    @unsafe let gradA: UnsafePointer<Scalar>
    @unsafe let gradZ: UnsafeMutablePointer<Scalar>
    let count: Int
    var stride = 1

    func visit<Rule: ActivationRule>(_ rule: Rule) where Rule.Scalar == Scalar {
        if stride == 1 {
            for i in 0..<count { unsafe gradZ[i] = gradA[i] * rule.derivative(z[i], a[i]) }
        } else {
            for j in 0..<count {
                let i = j * stride
                unsafe gradZ[i] = gradA[i] * rule.derivative(z[i], a[i])
            }
        }
    }
}

enum ActivationLoops<Scalar: NetworkScalar> {
    /// a = f(z) for z, a [rows, width]. `alpha` [width] is PReLU's.
    static func forward(
        _ activation: Activation, _ subgradient: Subgradient, z: UnsafePointer<Scalar>, alpha: UnsafePointer<Scalar>?,
        a: UnsafeMutablePointer<Scalar>, rows: Int, width: Int
    ) {
        switch activation {
        case .softmax:
            for r in 0..<rows { unsafe softmax(z + r * width, a + r * width, width) }
        case .logSoftmax:
            for r in 0..<rows { unsafe logSoftmax(z + r * width, a + r * width, width) }
        case .prelu:
            guard let alpha = unsafe alpha else { return }
            for j in 0..<width {
                unsafe Activation.prelu.rule(subgradient, alpha: alpha[j], Forward(z: z + j, a: a + j, count: rows, stride: width))
            }
        default:
            unsafe activation.rule(subgradient, Forward(z: z, a: a, count: rows * width))
        }
    }

    /// grad z from grad a, all [rows, width]; grad alpha [width] for PReLU: the sum over rows of grad a * min(z, 0).
    static func backward(
        _ activation: Activation, _ subgradient: Subgradient, z: UnsafePointer<Scalar>, a: UnsafePointer<Scalar>,
        alpha: UnsafePointer<Scalar>?, gradA: UnsafePointer<Scalar>, gradZ: UnsafeMutablePointer<Scalar>,
        gradAlpha: UnsafeMutablePointer<Scalar>?, rows: Int, width: Int
    ) {
        switch activation {
        case .softmax:
            for r in 0..<rows {
                let at = r * width
                var dot: Scalar = 0
                for j in at..<at + width { unsafe dot += a[j] * gradA[j] }
                for j in at..<at + width { unsafe gradZ[j] = a[j] * (gradA[j] - dot) }
            }
        case .logSoftmax:
            for r in 0..<rows {
                let at = r * width
                var sum: Scalar = 0
                for j in at..<at + width { unsafe sum += gradA[j] }
                for j in at..<at + width { unsafe gradZ[j] = gradA[j] - .exponential(a[j]) * sum }
            }
        case .prelu:
            guard let alpha = unsafe alpha, let gradAlpha = unsafe gradAlpha else { return }
            for j in 0..<width {
                unsafe Activation.prelu.rule(
                    subgradient, alpha: alpha[j],
                    Backward(z: z + j, a: a + j, gradA: gradA + j, gradZ: gradZ + j, count: rows, stride: width))
                var sum: Scalar = 0
                for r in 0..<rows where unsafe z[r * width + j] < 0 { unsafe sum += gradA[r * width + j] * z[r * width + j] }
                unsafe gradAlpha[j] = sum
            }
        default:
            unsafe activation.rule(subgradient, Backward(z: z, a: a, gradA: gradA, gradZ: gradZ, count: rows * width))
        }
    }

    /// exp(z_j) / sum exp(z_k), the largest z taken off first: no exp overflows.
    static func softmax(_ z: UnsafePointer<Scalar>, _ a: UnsafeMutablePointer<Scalar>, _ width: Int) {
        let top = unsafe z[largest(z, width)]
        var sum: Scalar = 0
        for j in 0..<width {
            let e = unsafe Scalar.exponential(z[j] - top)
            unsafe a[j] = e
            sum += e
        }
        for j in 0..<width { unsafe a[j] /= sum }
    }

    static func logSoftmax(_ z: UnsafePointer<Scalar>, _ a: UnsafeMutablePointer<Scalar>, _ width: Int) {
        let row = unsafe LogSumExp(z, width, exponentials: a)
        for j in 0..<width { unsafe a[j] = (z[j] - row.top) - row.logSum }
    }

    /// Where the largest value is, the first of equals.
    static func largest(_ z: UnsafePointer<Scalar>, _ width: Int) -> Int {
        var best = 0
        for j in 1..<max(width, 1) where unsafe z[j] > z[best] { best = j }
        return best
    }
}

/// log(sum exp(z_k)) of a row, kept in two parts so that no digits are lost: the largest z, and log(1 + the sum over the others of exp(z_k - top)).
struct LogSumExp<Scalar: NetworkScalar> {
    let top: Scalar
    let logSum: Scalar

    /// Leaves exp(z_k - top) in `exponentials` [width].
    init(_ z: UnsafePointer<Scalar>, _ width: Int, exponentials: UnsafeMutablePointer<Scalar>) {
        let best = unsafe ActivationLoops.largest(z, width)
        let top = unsafe z[best]
        for j in 0..<width { unsafe exponentials[j] = .exponential(z[j] - top) }
        var others: Scalar = 0
        for j in 0..<width where j != best { unsafe others += exponentials[j] }
        self.top = top
        logSum = .logOnePlus(others)
    }
}
