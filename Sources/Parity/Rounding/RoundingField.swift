/// The precision that a side of a comparison computed in.
public enum Precision: String, Sendable, CaseIterable {
    case float64, float32

    /// The unit roundoff: the largest relative error of one rounding.
    public var unit: Double { self == .float64 ? 0x1p-53 : 0x1p-24 }
    /// Below this a number may have lost its digits or become 0. (For float64 far above its real value, so that its square is a number.)
    var floor: Double { self == .float64 ? 0x1p-500 : 0x1p-126 }
    /// The prefix of REF.npz.
    var prefix: String { self == .float64 ? "f64" : "f32" }
}

/// What one rounding adds to the variance of a value, both sides of a comparison taken together (PARITY-21).
struct RoundingUnit {
    /// The sum of the squared unit roundoffs.
    let squared: Double
    /// The sum of the squared floors.
    let floor: Double
    /// Whether a side works in float32, so that inputs which are not exact in it are rounded on the way in.
    let narrows: Bool
    /// Where it is there, values are stirred by what their rounding may do to them.
    var noise: RoundingNoise?

    init(_ a: Precision, _ b: Precision) {
        squared = a.unit * a.unit + b.unit * b.unit
        floor = a.floor * a.floor + b.floor * b.floor
        narrows = a == .float32 || b == .float32
    }

    /// A unit so small that the network is linear in it, and so large that float64's own rounding does not show.
    init(stirredBy noise: RoundingNoise?, narrows: Bool) {
        squared = 0x1p-64
        floor = 0x1p-1000
        self.narrows = narrows
        self.noise = noise
    }

    /// `value` with an error of that variance, where values are stirred; else as it is.
    func stirred(_ value: Double, _ variance: Double) -> Double {
        guard let noise, variance > 0 else { return value }
        return value + noise.next() * variance.squareRoot()
    }

    /// The squared error of an input.
    func input(_ value: Double) -> Double {
        guard narrows else { return 0 }
        let error = value - Double(Float(value))
        return error.isFinite ? error * error : 0
    }

    /// The variance of one rounding of `value`: its error is uniform in ±u|value|.
    func rounding(_ value: Double) -> Double { squared / 3 * value * value + floor }

    /// The variance of an elementary function whose error is `RoundingModel.elementary` units of a value of that magnitude.
    func function(_ magnitude: Double) -> Double {
        let error = RoundingModel.elementary * magnitude
        return squared * error * error + floor
    }
}

/// Values in float64 and the variances of their rounding errors, element by element.
struct RoundingField {
    var values: [Double]
    var variances: [Double]

    init(values: [Double], variances: [Double]) {
        self.values = values
        self.variances = variances
    }

    init(inputs: [Double], _ unit: RoundingUnit) {
        let variances = inputs.map(unit.input)
        self.init(values: unit.noise == nil ? inputs : zip(inputs, variances).map(unit.stirred), variances: variances)
    }

    /// c [m, n] = the sum over k of left · right, where left(i, k) lies at `i * leftRow + k * leftColumn` and right [k, n] is row-major.
    ///
    /// The variance of a sum's own roundings is that of its products and partial sums: in index order, or, where that is more, what a random
    /// order would give (PARITY-22). The variances of the factors come through as those of independent errors do (PARITY-23).
    static func product(
        _ left: RoundingField, leftRow: Int, leftColumn: Int, _ right: RoundingField, m: Int, k: Int, n: Int, _ unit: RoundingUnit
    ) -> RoundingField {
        var result = RoundingField(values: [Double](repeating: 0, count: m * n), variances: [Double](repeating: 0, count: m * n))
        var sums = [Double](repeating: 0, count: n), partials = sums, squares = sums, through = sums
        for i in 0..<m {
            for j in 0..<n { (sums[j], partials[j], squares[j], through[j]) = (0, 0, 0, 0) }
            unsafe right.values.withUnsafeBufferPointer { values in
                unsafe right.variances.withUnsafeBufferPointer { variances in
                    for p in 0..<k {
                        let at = i * leftRow + p * leftColumn
                        let (x, spread) = (left.values[at], left.variances[at])
                        let squared = x * x, row = p * n
                        for j in 0..<n {
                            let w = unsafe values[row + j]
                            let term = x * w
                            sums[j] += term
                            partials[j] += sums[j] * sums[j]
                            squares[j] += term * term
                            unsafe through[j] += squared * variances[row + j] + spread * (w * w)
                        }
                    }
                }
            }
            for j in 0..<n {
                let own = unit.accumulation(terms: k, sum: sums[j], squares: squares[j], partials: partials[j])
                result.values[i * n + j] = unit.stirred(sums[j], own)
                result.variances[i * n + j] = own + through[j]
            }
        }
        return result
    }

    /// The sums of the columns of a [rows, width].
    func columnSums(rows: Int, width: Int, _ unit: RoundingUnit) -> RoundingField {
        Self.product(RoundingField(values: [Double](repeating: 1, count: rows), variances: [Double](repeating: 0, count: rows)),
                     leftRow: 0, leftColumn: 1, self, m: 1, k: rows, n: width, unit)
    }

    /// A [rows, columns] turned round.
    func transposed(rows: Int, columns: Int) -> RoundingField {
        var turned = self
        for r in 0..<rows {
            for c in 0..<columns {
                turned.values[c * rows + r] = values[r * columns + c]
                turned.variances[c * rows + r] = variances[r * columns + c]
            }
        }
        return turned
    }
}

extension RoundingUnit {
    /// The variance that adding up `terms` rounded products leaves in their `sum`; `squares` is the sum of the products' squares, `partials` that of
    /// the squared partial sums in index order. A random order's partial sums have, on average, the squares (n + 1)(S²/3 + Q/6).
    func accumulation(terms: Int, sum: Double, squares: Double, partials: Double) -> Double {
        let shuffled = Double(terms + 1) * (sum * sum / 3 + squares / 6)
        return squared / 3 * (squares + max(partials, shuffled)) + Double(terms) * floor
    }
}

/// Random errors of mean 0 and variance 1, the same at every run: uniform in ±sqrt 3, as the error of one rounding is.
final class RoundingNoise {
    private let stream: SeededStream
    private var index = 0

    init(probe: Int) { stream = SeededStream(seed: UInt64(truncatingIfNeeded: probe), .probe) }

    func next() -> Double {
        index += 1
        return stream.unit(at: index) * 1.7320508075688772
    }
}
