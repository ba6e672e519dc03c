import Tensors

/// Compares packed elements of two types as numbers, a block at a time, and remembers what held for all of them.
struct ElementComparison {
    let a: DType
    let b: DType
    let atol: Double
    let rtol: Double
    let ulps: UInt64

    /// Whether all numbers so far were equal, were within the tolerance, or were one the rounded other.
    private(set) var allEqual = true
    private(set) var allWithin: Bool
    private(set) var bIsRoundedA: Bool
    private(set) var aIsRoundedB: Bool
    private(set) var maxAbs = 0.0
    private(set) var maxRel = 0.0
    private(set) var maxULP: UInt64 = 0

    /// Nil where the two types have no numbers in common: void against anything but void.
    init?(_ a: DType, _ b: DType, atol: Double, rtol: Double, ulps: UInt64) {
        guard (a == .void16) == (b == .void16) else { return nil }
        self.a = a
        self.b = b
        self.atol = atol
        self.rtol = rtol
        self.ulps = ulps
        allWithin = atol > 0 || rtol > 0 || ulps > 0
        bIsRoundedA = a != b && Self.isRounding(a, b)
        aIsRoundedB = a != b && Self.isRounding(b, a)
    }

    /// Whether the values of `wide` are ever rounded to the float `narrow`.
    private static func isRounding(_ wide: DType, _ narrow: DType) -> Bool {
        guard let cast = ElementCast(from: wide, to: narrow) else { return false }
        return (narrow.isFloat || narrow.kind == .complex) && !cast.isLossless
    }

    /// The elements as float64 (complex numbers as two), and as integers where float64 does not hold them all.
    private struct Numbers {
        var values: [Double]
        var integers: [Int128]?
    }

    private static func numbers(_ bytes: RawSpan, _ type: DType, asComplex: Bool, count: Int) -> Numbers {
        let integers: [Int128]? = switch type {
        case .int64: (0..<count).map { Int128(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: $0 * 8, as: Int64.self)) }
        case .uint64: (0..<count).map { Int128(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
        default: nil
        }
        return Numbers(values: wide(bytes, type, asComplex: asComplex, count: count), integers: integers)
    }

    private static func wide(_ bytes: RawSpan, _ type: DType, asComplex: Bool, count: Int) -> [Double] {
        let target: DType = asComplex ? .complex128 : .float64
        var values = [Double](repeating: 0, count: asComplex ? 2 * count : count)
        guard let cast = ElementCast(from: type, to: target) else { return values }
        var report = ElementCast.Report()
        var span = values.mutableSpan
        var raw = unsafe span.mutableBytes
        cast.convert(bytes, into: &raw, count: count, report: &report)
        return values
    }

    /// Adds `count` elements of either side. Both spans hold at least that many.
    mutating func add(_ left: RawSpan, _ right: RawSpan, count: Int) {
        if a == b, Self.sameBytes(left, right, count * a.byteCount) { return }
        guard a != .void16 else {
            // Two bytes without a meaning are equal or not; there is no distance.
            allEqual = false
            allWithin = false
            return
        }
        let asComplex = a.kind == .complex || b.kind == .complex
        let x = Self.numbers(left, a, asComplex: asComplex, count: count), y = Self.numbers(right, b, asComplex: asComplex, count: count)
        var unequal: [Int] = []
        for i in x.values.indices where !Self.equal(x, y, i) { unequal.append(i) }
        if bIsRoundedA { bIsRoundedA = Self.rounds(left, a, to: b, gives: y.values, asComplex, count) }
        if aIsRoundedB { aIsRoundedB = Self.rounds(right, b, to: a, gives: x.values, asComplex, count) }
        guard !unequal.isEmpty else { return }
        allEqual = false
        let distances = ULPDistance(a, b, left, right, count: count)
        for i in unequal {
            let p = x.values[i], q = y.values[i]
            var difference = abs(p - q)
            if let m = x.integers, let n = y.integers, !asComplex { difference = Double((m[i] - n[i]).magnitude) }
            if difference.isNaN { difference = .infinity }
            let ulp = p.isNaN != q.isNaN ? UInt64.max : distances.distance(i, difference)
            maxAbs = max(maxAbs, difference)
            maxRel = max(maxRel, q == 0 || difference.isInfinite ? .infinity : difference / abs(q))
            maxULP = max(maxULP, ulp)
            if allWithin {
                let isNear = difference.isFinite && difference <= atol + rtol * abs(q)
                allWithin = isNear || ulps > 0 && ulp <= ulps
            }
        }
    }

    private static func equal(_ x: Numbers, _ y: Numbers, _ i: Int) -> Bool {
        let p = x.values[i], q = y.values[i]
        if x.integers == nil, y.integers == nil || p.isNaN { return p == q || p.isNaN && q.isNaN }
        // At least one side may be beyond what float64 holds exactly: compare as integers.
        guard let m = exact(x, i), let n = exact(y, i) else { return false }
        return m == n
    }

    private static func exact(_ side: Numbers, _ i: Int) -> Int128? {
        if let integers = side.integers { return i < integers.count ? integers[i] : nil }
        return Int128(exactly: side.values[i])
    }

    private static func rounds(_ bytes: RawSpan, _ from: DType, to: DType, gives wanted: [Double], _ asComplex: Bool, _ count: Int) -> Bool {
        guard let cast = ElementCast(from: from, to: to) else { return false }
        var rounded = [UInt8](repeating: 0, count: count * to.byteCount)
        var report = ElementCast.Report()
        do {
            var span = rounded.mutableSpan
            var raw = unsafe span.mutableBytes
            cast.convert(bytes, into: &raw, count: count, report: &report)
        }
        let got = unsafe wide(rounded.span.bytes, to, asComplex: asComplex, count: count)
        for (p, q) in zip(got, wanted) where p != q && !(p.isNaN && q.isNaN) { return false }
        return true
    }

    private static func sameBytes(_ left: RawSpan, _ right: RawSpan, _ count: Int) -> Bool {
        var offset = 0
        while offset + 8 <= count {
            let p = unsafe left.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let q = unsafe right.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
            if p != q { return false }
            offset += 8
        }
        while offset < count {
            if unsafe left.unsafeLoad(fromByteOffset: offset, as: UInt8.self) != right.unsafeLoad(fromByteOffset: offset, as: UInt8.self) { return false }
            offset += 1
        }
        return true
    }
}
