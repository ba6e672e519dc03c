import Tensors
import Testing

/// The oracle is made of arithmetic alone: every finite value of a narrow type, worked out from its definition, and a search for the nearest.
private struct Oracle {
    let dtype: DType
    /// (value, bits) of every finite non-negative value, ascending.
    let values: [(value: Double, bits: UInt16)]
    let signBit: UInt16

    init(_ dtype: DType) {
        self.dtype = dtype
        let (exponentBits, fractionBits): (Int, Int) = switch dtype {
        case .float16: (5, 10)
        case .bfloat16: (8, 7)
        case .float8_e5m2: (5, 2)
        default: (4, 3)
        }
        let bias = (1 << (exponentBits - 1)) - 1
        var list: [(Double, UInt16)] = []
        for bits in 0..<(1 << (exponentBits + fractionBits)) {
            let exponent = bits >> fractionBits, fraction = bits & ((1 << fractionBits) - 1)
            if dtype == .float8_e4m3fn ? bits == 0x7F : exponent == (1 << exponentBits) - 1 { continue }
            let scale = Double(sign: .plus, exponent: (exponent == 0 ? 1 : exponent) - bias - fractionBits, significand: 1)
            list.append((Double(exponent == 0 ? fraction : fraction + (1 << fractionBits)) * scale, UInt16(bits)))
        }
        values = list
        signBit = 1 << UInt16(exponentBits + fractionBits)
    }

    var isByte: Bool { dtype.byteCount == 1 }
    func bytes(_ bits: UInt16) -> [UInt8] { isByte ? [UInt8(bits)] : [UInt8(bits & 0xFF), UInt8(bits >> 8)] }
    func bits(_ bytes: [UInt8]) -> UInt16 { isByte ? UInt16(bytes[0]) : UInt16(bytes[0]) | UInt16(bytes[1]) << 8 }
}

private func bytes(_ value: Double) -> [UInt8] { unsafe withUnsafeBytes(of: value.bitPattern.littleEndian) { unsafe Array($0) } }
private func bytes(_ bits: UInt64) -> [UInt8] { unsafe withUnsafeBytes(of: bits.littleEndian) { unsafe Array($0) } }
private func bytes(_ bits: UInt32) -> [UInt8] { unsafe withUnsafeBytes(of: bits.littleEndian) { unsafe Array($0) } }
private func double(_ bytes: [UInt8]) -> Double { Double(bitPattern: bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }) }

private func cast(_ source: DType, _ target: DType, _ input: [UInt8]) throws -> (bytes: [UInt8], report: ElementCast.Report) {
    try #require(ElementCast(from: source, to: target)).convert(input)
}

private let narrowTypes: [DType] = [.float16, .bfloat16, .float8_e5m2, .float8_e4m3fn]

@Suite("Casts are right in every bit")
struct ElementCastTests {
    @Test("every value of a narrow float widens exactly, and comes back with the same bits, through float32 and float64", arguments: narrowTypes)
    func roundTrip(dtype: DType) throws {
        let oracle = Oracle(dtype)
        for (value, magnitude) in oracle.values {
            for bits in [magnitude, magnitude | oracle.signBit] {
                let expected = bits == magnitude ? value : -value
                for wide in [DType.float32, .float64] {
                    let up = try cast(dtype, wide, oracle.bytes(bits))
                    let seen = wide == .float64 ? double(up.bytes) : double(try cast(.float32, .float64, up.bytes).bytes)
                    #expect(seen == expected && seen.sign == expected.sign)
                    #expect(up.report == ElementCast.Report())
                    let back = try cast(wide, dtype, up.bytes)
                    #expect(oracle.bits(back.bytes) == bits)
                }
            }
        }
    }

    @Test("infinities and NaN payloads of float16 and bfloat16 survive a round trip through float32 and float64, all bits of them", arguments: [DType.float16, .bfloat16])
    func specials(dtype: DType) throws {
        let oracle = Oracle(dtype)
        let finite = Set(oracle.values.map(\.bits))
        var seen = 0
        for bits in UInt16.min...UInt16.max where !finite.contains(bits & ~oracle.signBit) {
            seen += 1
            for wide in [DType.float32, .float64] {
                let up = try cast(dtype, wide, oracle.bytes(bits))
                #expect(oracle.bits(try cast(wide, dtype, up.bytes).bytes) == bits)
                #expect(up.report.overflowed == 0)
            }
        }
        #expect(seen == 65_536 - 2 * finite.count)
    }

    @Test("float64 rounds to the nearest value once, ties to even: at, just below and just above every halfway point", arguments: narrowTypes)
    func halfway(dtype: DType) throws {
        let oracle = Oracle(dtype)
        let list = oracle.values
        for index in 0..<list.count - 1 {
            let (low, high) = (list[index], list[index + 1])
            let middle = (low.value + high.value) / 2
            let even = low.bits & 1 == 0 ? low.bits : high.bits
            for (value, expected) in [(middle.nextDown, low.bits), (middle, even), (middle.nextUp, high.bits)] {
                let down = try cast(.float64, dtype, bytes(value))
                #expect(oracle.bits(down.bytes) == expected, "\(value)")
                let negative = try cast(.float64, dtype, bytes(-value))
                #expect(oracle.bits(negative.bytes) == expected | oracle.signBit, "\(-value)")
                #expect(down.report.overflowed == 0)
            }
        }
    }

    @Test("float64 never goes to a narrow float by way of float32: a value just above a halfway point that float32 would round onto it")
    func notTwiceRounded() throws {
        // 1 + 2^-11 is halfway between two float16; 2^-40 more is lost in float32, and must not be.
        let value = 1 + Double(sign: .plus, exponent: -11, significand: 1) + Double(sign: .plus, exponent: -40, significand: 1)
        #expect(Double(Float(value)) != value)
        #expect(Oracle(.float16).bits(try cast(.float64, .float16, bytes(value)).bytes) == 0x3C01)
    }

    @Test("what is too large becomes infinite, or NaN where there is no infinity, and is counted", arguments: narrowTypes)
    func overflow(dtype: DType) throws {
        let oracle = Oracle(dtype)
        let last = oracle.values[oracle.values.count - 1].value, before = oracle.values[oracle.values.count - 2].value
        let edge = last + (last - before) / 2
        let beyond = try cast(.float64, dtype, bytes(edge.nextUp))
        #expect(beyond.report.overflowed == 1)
        let wide = double(try cast(dtype, .float64, beyond.bytes).bytes)
        #expect(dtype == .float8_e4m3fn ? wide.isNaN : wide == .infinity)
        #expect(try cast(.float64, dtype, bytes(edge.nextDown)).report.overflowed == 0)
        #expect(try cast(.float64, dtype, bytes(Double.infinity)).report.overflowed == 0)
        #expect(try cast(.float64, .float32, bytes(1e39)).report.overflowed == 1)
    }

    @Test("a NaN whose payload lies below the kept bits stays a NaN")
    func smallPayload() throws {
        for dtype in narrowTypes {
            let down = try cast(.float64, dtype, bytes(0x7FF0_0000_0000_0001 as UInt64))
            #expect(double(try cast(dtype, .float64, down.bytes).bytes).isNaN)
        }
        let single = try cast(.float64, .float32, bytes(0xFFF0_0000_0000_0001 as UInt64))
        #expect(single.bytes == [0, 0, 0xC0, 0xFF])
        // A signalling float32 NaN keeps its bits on the way up and down.
        let up = try cast(.float32, .float64, bytes(0x7F80_0001 as UInt32))
        #expect(try cast(.float64, .float32, up.bytes).bytes == bytes(0x7F80_0001 as UInt32))
    }

    @Test("integers that fit are exact, the rest saturate and are counted")
    func integers() throws {
        #expect(try cast(.int64, .int8, bytes(UInt64(bitPattern: -129))).report.overflowed == 1)
        #expect(try cast(.int64, .int8, bytes(UInt64(bitPattern: -128))).bytes == [0x80])
        #expect(try cast(.uint64, .int64, bytes(UInt64.max)).bytes == bytes(UInt64(Int64.max)))
        #expect(try cast(.float64, .int32, bytes(Double.nan)).report.overflowed == 1)
        let truncated = try cast(.float64, .int32, bytes(-2.75))
        #expect(truncated.bytes == [0xFE, 0xFF, 0xFF, 0xFF] && truncated.report.changed == 1 && truncated.report.maxError == 0.75)
    }

    @Test("an int64 beyond 2^53 is rounded once on its way to float32")
    func wideInteger() throws {
        // 2^60 + 2^36 + 1 is just above halfway between two float32; by way of float64 the last 1 would be lost and the tie go to even.
        let value = UInt64(1) << 60 + UInt64(1) << 36 + 1
        let down = try cast(.uint64, .float32, bytes(value))
        #expect(down.bytes == bytes((Float(sign: .plus, exponent: 60, significand: 1).nextUp).bitPattern))
    }

    @Test("a cast is called lossless exactly when every value survives it")
    func lossless() throws {
        for source in narrowTypes {
            for target in [DType.float16, .bfloat16, .float32, .float64, .float8_e5m2] {
                let oracle = Oracle(source)
                let survives = try oracle.values.allSatisfy { try cast(source, target, oracle.bytes($0.bits)).report.changed == 0 }
                #expect(try #require(ElementCast(from: source, to: target)).isLossless == survives, "\(source) to \(target)")
            }
        }
        #expect(ElementCast(from: .void16, to: .float16) == nil)
        #expect(ElementCast(from: .complex64, to: .float32) == nil)
    }
}
