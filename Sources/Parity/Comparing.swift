import Tensors

/// Two arrays of numbers compared: the figures of a quantity.
struct ArrayComparison {
    private(set) var maxAbs = 0.0
    private(set) var scaled = 0.0
    private(set) var noise = 0.0
    /// The largest bound, scaled as the difference is.
    private(set) var tolerance = 0.0
    private(set) var isBitwise = true

    /// `bounds` is the allowed difference of each element; nil allows none. Numbers are equal where `==` says so or both are NaN; a number and
    /// a NaN, or different infinities, are infinitely far apart. Both arrays and the bounds have the same count.
    init(_ a: [Double], _ b: [Double], bounds: [Double]?) {
        var largest = 0.0, widest = 0.0
        for i in a.indices {
            let (x, y) = (a[i], b[i])
            if x.bitPattern != y.bitPattern { isBitwise = false }
            if y.isFinite { largest = max(largest, abs(y)) }
            let bound = bounds?[i] ?? 0
            if bound.isFinite { widest = max(widest, bound) }
            guard x != y, !(x.isNaN && y.isNaN) else { continue }
            let difference = abs(x - y)
            guard difference.isFinite else {
                (maxAbs, noise) = (.infinity, .infinity)
                continue
            }
            maxAbs = max(maxAbs, difference)
            noise = max(noise, bound > 0 && bound.isFinite ? difference / bound : .infinity)
        }
        scaled = maxAbs / max(1e-6, largest)
        tolerance = widest / max(1e-6, largest)
    }
}

extension DType {
    /// The unit roundoff of a float type in which values were stored; 0 for what is at least float64.
    var storageUnit: Double {
        switch self {
        case .float8_e5m2: 0x1p-3
        case .float8_e4m3fn: 0x1p-4
        case .bfloat16: 0x1p-8
        case .float16: 0x1p-11
        case .float32: 0x1p-24
        default: 0
        }
    }
}
