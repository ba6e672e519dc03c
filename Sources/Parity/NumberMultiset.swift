import Tensors

/// What identifies numbers regardless of their order, gathered a block at a time in constant memory: two sums, mod 2^64, of their hashes.
/// Equal sums mean the same numbers but for a chance near 2^-128 that only somebody who tries can meet.
struct NumberMultiset: Hashable {
    private var first: UInt64 = 0
    private var second: UInt64 = 0

    mutating func add(_ bytes: RawSpan, as type: DType, count: Int) {
        switch type {
        case .void16:
            for i in 0..<count { add(UInt64(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 2 * i, as: UInt16.self))) }
        case .int64:
            for i in 0..<count { add(integer: Int128(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 8 * i, as: Int64.self))) }
        case .uint64:
            for i in 0..<count { add(integer: Int128(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 8 * i, as: UInt64.self))) }
        default:
            let isComplex = type.kind == .complex
            var values = [Double](repeating: 0, count: isComplex ? 2 * count : count)
            guard let cast = ElementCast(from: type, to: isComplex ? .complex128 : .float64) else { return }
            var report = ElementCast.Report()
            do {
                var span = values.mutableSpan
                var raw = unsafe span.mutableBytes
                cast.convert(bytes, into: &raw, count: count, report: &report)
            }
            if isComplex {
                for i in 0..<count { add(SeededStream.mix(Self.key(values[2 * i])) &+ Self.key(values[2 * i + 1])) }
            } else {
                for value in values { add(Self.key(value)) }
            }
        }
    }

    /// The bits of the number: one zero, one NaN.
    private static func key(_ value: Double) -> UInt64 {
        value == 0 ? 0 : value.isNaN ? Double.nan.bitPattern : value.bitPattern
    }

    /// An integer as the float64 that it is, where it is one, so that types can be compared.
    private mutating func add(integer: Int128) {
        add(Double(exactly: integer).map(Self.key) ?? SeededStream.mix(UInt64(truncatingIfNeeded: integer)))
    }

    private mutating func add(_ key: UInt64) {
        first &+= SeededStream.mix(key &+ 0x9E37_79B9_7F4A_7C15)
        second &+= SeededStream.mix(~key &+ 0xD1B5_4A32_D192_ED03)
    }
}
