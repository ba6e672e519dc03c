// Narrow floats as bits. Every conversion here goes through integers: right in every bit on every machine, whatever the CPU's modes.

/// A binary floating-point layout narrower than float32, and the rounding into it: to nearest, ties to even, from float64 bits, once.
struct NarrowFloat: Sendable {
    /// Bits of the exponent and of the fraction.
    let exponentBits: Int
    let fractionBits: Int
    /// Whether the all-ones exponent means infinity and NaN (IEEE 754). Where it does not (float8_e4m3fn), only all ones is NaN.
    let isIEEE: Bool

    static let float16 = NarrowFloat(exponentBits: 5, fractionBits: 10, isIEEE: true)
    static let bfloat16 = NarrowFloat(exponentBits: 8, fractionBits: 7, isIEEE: true)
    static let float8e5m2 = NarrowFloat(exponentBits: 5, fractionBits: 2, isIEEE: true)
    static let float8e4m3fn = NarrowFloat(exponentBits: 4, fractionBits: 3, isIEEE: false)

    private var bias: Int { (1 << (exponentBits - 1)) - 1 }
    private var signBit: UInt16 { 1 << UInt16(exponentBits + fractionBits) }
    private var exponentMask: UInt16 { ((1 << UInt16(exponentBits)) - 1) << UInt16(fractionBits) }
    private var fractionMask: UInt16 { (1 << UInt16(fractionBits)) - 1 }
    /// The bits of the largest finite magnitude.
    private var largest: UInt16 { isIEEE ? exponentMask - 1 : exponentMask | fractionMask - 1 }

    /// The value of `bits`; exact, as every narrow float is a float32. A NaN keeps its sign, its quiet bit and its payload at the top.
    func float32Bits(_ bits: UInt16) -> UInt32 {
        let sign = UInt32(bits & signBit) << UInt32(31 - exponentBits - fractionBits)
        let exponent = Int((bits & exponentMask) >> UInt16(fractionBits))
        let fraction = UInt32(bits & fractionMask)
        let shift = UInt32(23 - fractionBits)
        if isIEEE, exponent == (1 << exponentBits) - 1 { return sign | 0x7F80_0000 | fraction << shift }
        if !isIEEE, bits & ~signBit == exponentMask | fractionMask { return sign | 0x7FC0_0000 }
        if exponent == 0 {
            guard fraction != 0 else { return sign }
            // Subnormal: fraction * 2^(1 - bias - fractionBits); normalise where float32 can.
            let top = 31 - fraction.leadingZeroBitCount
            let unbiased = top + 1 - bias - fractionBits
            guard unbiased >= -126 else { return sign | fraction << (shift + UInt32(1 - bias + 126)) }
            return sign | UInt32(unbiased + 127) << 23 | (fraction << UInt32(23 - top)) & 0x7F_FFFF
        }
        return sign | UInt32(exponent - bias + 127) << 23 | fraction << shift
    }

    /// The nearest narrow float to the float64 `value`: its bits, and whether a finite value became infinite (or, without infinities, NaN).
    func bits(rounding value: UInt64) -> (bits: UInt16, overflowed: Bool) {
        let sign = UInt16(truncatingIfNeeded: value >> 63) << UInt16(exponentBits + fractionBits)
        let exponent = Int(value >> 52 & 0x7FF)
        let fraction = value & 0xF_FFFF_FFFF_FFFF
        if exponent == 0x7FF {
            guard fraction != 0 else { return isIEEE ? (sign | exponentMask, false) : (sign | exponentMask | fractionMask, false) }
            guard isIEEE else { return (sign | exponentMask | fractionMask, false) }
            // The payload's top bits stay; a NaN whose top bits are all zero must not turn into infinity.
            let payload = UInt16(fraction >> UInt64(52 - fractionBits))
            return (sign | exponentMask | (payload == 0 ? 1 << UInt16(fractionBits - 1) : payload), false)
        }
        // A float64 subnormal is far below half of the smallest narrow subnormal.
        guard exponent > 0 else { return (sign, false) }
        let significand = fraction | 1 << 52
        let unbiased = exponent - 1023
        // The number of low bits of the significand that the result has no room for.
        let drop = unbiased >= 1 - bias ? 52 - fractionBits : 52 - fractionBits + (1 - bias - unbiased)
        guard drop <= 54 else { return (sign, false) }
        let kept = drop >= 53 ? 0 : significand >> UInt64(drop)
        let rest = drop >= 64 ? significand : significand & (1 << UInt64(drop) - 1)
        let half: UInt64 = 1 << UInt64(drop - 1)
        let up = rest > half || rest == half && kept & 1 == 1
        // With the exponent added above the kept bits, a carry out of the fraction moves into the exponent as it should.
        let base = unbiased >= 1 - bias ? UInt64(unbiased + bias - 1) << UInt64(fractionBits) : 0
        let magnitude = base + kept + (up ? 1 : 0)
        guard magnitude <= UInt64(largest) else {
            return (sign | (isIEEE ? exponentMask : exponentMask | fractionMask), true)
        }
        return (sign | UInt16(magnitude), false)
    }
}

/// The float64 bits of float32 bits, exactly; a NaN keeps its payload at the top and is not made quiet.
func float64Bits(ofFloat32 bits: UInt32) -> UInt64 {
    if bits & 0x7F80_0000 == 0x7F80_0000, bits & 0x7F_FFFF != 0 {
        return UInt64(bits & 0x8000_0000) << 32 | 0x7FF0_0000_0000_0000 | UInt64(bits & 0x7F_FFFF) << 29
    }
    return Double(Float(bitPattern: bits)).bitPattern
}

/// The nearest float32 to float64 bits; a NaN keeps the top of its payload.
func float32Bits(rounding bits: UInt64) -> (bits: UInt32, overflowed: Bool) {
    if bits & 0x7FF0_0000_0000_0000 == 0x7FF0_0000_0000_0000, bits & 0xF_FFFF_FFFF_FFFF != 0 {
        let payload = UInt32(truncatingIfNeeded: bits >> 29) & 0x7F_FFFF
        return (UInt32(truncatingIfNeeded: bits >> 32) & 0x8000_0000 | 0x7F80_0000 | (payload == 0 ? 0x40_0000 : payload), false)
    }
    let value = Double(bitPattern: bits)
    let narrow = Float(value)
    return (narrow.bitPattern, narrow.isInfinite && value.isFinite)
}
