import Tensors

/// Distances in units in the last place: both sides rounded to the narrower float of the two, as positions on its number line.
struct ULPDistance {
    private let left: [Int64]?
    private let right: [Int64]?

    init(_ a: DType, _ b: DType, _ x: RawSpan, _ y: RawSpan, count: Int) {
        guard let line = Self.line(a, b) else {
            left = nil
            right = nil
            return
        }
        left = Self.positions(x, a, on: line, count: count)
        right = Self.positions(y, b, on: line, count: count)
    }

    /// The distance of the elements at `i`; for integers their `difference`.
    func distance(_ i: Int, _ difference: Double) -> UInt64 {
        if let left, let right, i < left.count, i < right.count {
            let (difference, overflow) = left[i].subtractingReportingOverflow(right[i])
            return overflow ? .max : difference.magnitude
        }
        return difference < 0x1p64 ? UInt64(difference.rounded(.up)) : .max
    }

    /// The float with fewer binary digits; nil for two integers.
    static func line(_ a: DType, _ b: DType) -> DType? {
        func digits(_ type: DType) -> (part: DType, count: Int)? {
            switch type {
            case .float8_e5m2: (type, 3)
            case .float8_e4m3fn: (type, 4)
            case .bfloat16: (type, 8)
            case .float16: (type, 11)
            case .float32, .complex64: (.float32, 24)
            case .float64, .complex128: (.float64, 53)
            default: nil
            }
        }
        let floats = [digits(a), digits(b)].compactMap { $0 }
        return floats.min { $0.count < $1.count }?.part
    }

    /// The elements on `line`, a complex number as two, ordered so that neighbours differ by one and both zeros are 0.
    private static func positions(_ bytes: RawSpan, _ type: DType, on line: DType, count: Int) -> [Int64]? {
        let (from, parts): (DType, Int) = switch type {
        case .complex64: (.float32, 2)
        case .complex128: (.float64, 2)
        default: (type, 1)
        }
        guard let cast = ElementCast(from: from, to: line) else { return nil }
        let size = line.byteCount
        var bits = [UInt8](repeating: 0, count: count * parts * size)
        var report = ElementCast.Report()
        do {
            var span = bits.mutableSpan
            var raw = unsafe span.mutableBytes
            cast.convert(bytes, into: &raw, count: count * parts, report: &report)
        }
        return (0..<count * parts).map { i in
            var value: UInt64 = 0
            for byte in (0..<size).reversed() { value = value << 8 | UInt64(bits[i * size + byte]) }
            let sign = UInt64(1) << UInt64(8 * size - 1)
            let magnitude = Int64(value & (sign - 1))
            return value & sign == 0 ? magnitude : -magnitude
        }
    }
}
