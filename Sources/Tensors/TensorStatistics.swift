/// Figures of a tensor's elements, gathered a piece at a time. Minimum, maximum, mean and standard deviation are over the finite elements;
/// a complex number counts as two elements, its parts.
public struct TensorStatistics: Sendable {
    public private(set) var finite = 0
    public private(set) var zeros = 0
    public private(set) var nan = 0
    public private(set) var inf = 0
    /// Nonzero elements below the smallest normal magnitude of their type.
    public private(set) var subnormal = 0
    public private(set) var min = Double.infinity
    public private(set) var max = -Double.infinity
    private var runningMean = 0.0
    private var squares = 0.0

    public init() {}

    /// The mean of the finite elements; NaN when there are none.
    public var mean: Double { finite == 0 ? .nan : runningMean }
    /// The population standard deviation of the finite elements; NaN when there are none.
    public var std: Double { finite == 0 ? .nan : (squares / Double(finite)).squareRoot() }

    /// Adds whole packed little-endian elements of `dtype`. `void16` has no numbers: nothing is added.
    public mutating func add(_ bytes: RawSpan, as dtype: DType) {
        guard dtype.kind != .void else { return }
        let part: DType = switch dtype {
        case .complex64: .float32
        case .complex128: .float64
        default: dtype
        }
        let smallestNormal = part.smallestNormal
        let count = bytes.byteCount / part.byteCount
        guard let widen = ElementCast(from: part, to: .float64), count > 0 else { return }
        // In blocks that stay in the first cache: widened, then summed with Chan's pairwise update of mean and squares.
        let block = 512
        var wide = [Double](repeating: 0, count: block)
        var report = ElementCast.Report()
        var start = 0
        while start < count {
            let size = Swift.min(block, count - start)
            do {
                var span = wide.mutableSpan
                var raw = unsafe span.mutableBytes
                widen.convert(bytes, at: start * part.byteCount, into: &raw, count: size, report: &report)
            }
            add(wide[..<size], smallestNormal: smallestNormal)
            start += size
        }
    }

    private mutating func add(_ values: ArraySlice<Double>, smallestNormal: Double) {
        var count = 0, sum = 0.0
        for value in values {
            guard value.isFinite else {
                if value.isNaN { nan += 1 } else { inf += 1 }
                continue
            }
            count += 1
            sum += value
            if value < min { min = value }
            if value > max { max = value }
            if value == 0 { zeros += 1 } else if abs(value) < smallestNormal { subnormal += 1 }
        }
        guard count > 0 else { return }
        let blockMean = sum / Double(count)
        var blockSquares = 0.0
        for value in values where value.isFinite {
            let distance = value - blockMean
            blockSquares += distance * distance
        }
        let total = Double(finite + count), delta = blockMean - runningMean
        squares += blockSquares + delta * delta * Double(finite) * Double(count) / total
        runningMean += delta * Double(count) / total
        finite += count
    }
}

extension DType {
    /// The smallest positive normal value of a float; 0 for what has no subnormals.
    public var smallestNormal: Double {
        switch self {
        case .float16, .float8_e5m2: 0x1p-14
        case .float8_e4m3fn: 0x1p-6
        case .bfloat16, .float32, .complex64: 0x1p-126
        case .float64, .complex128: 0x1p-1022
        default: 0
        }
    }
}
