/// A conversion of packed little-endian elements from one type to another.
///
/// Floats round to nearest, ties to even, and once: float64 goes to float16, bfloat16 and float8 directly. Integers that fit are exact; what
/// does not fit is counted as overflow: floats become infinite (NaN in float8_e4m3fn), integers saturate. To bool, everything but zero is true.
public struct ElementCast: Sendable {
    public let source: DType
    public let target: DType

    /// What happened to the elements cast so far.
    public struct Report: Sendable, Hashable {
        /// Finite values that the target has no finite value for.
        public var overflowed = 0
        /// Values that are not the same after the cast; a NaN whose payload was cut counts as the same.
        public var changed = 0
        /// The largest |after - before|; overflowed and non-finite elements aside.
        public var maxError = 0.0
        public init() {}

        public mutating func merge(_ other: Report) {
            overflowed += other.overflowed
            changed += other.changed
            maxError = max(maxError, other.maxError)
        }
    }

    /// Nil where no cast has a meaning: to and from `void16`, and from complex to real.
    public init?(from source: DType, to target: DType) {
        guard source.kind != .void, target.kind != .void, source.kind != .complex || target.kind == .complex else { return nil }
        self.source = source
        self.target = target
    }

    /// Whether every value of the source type has its equal in the target type.
    public var isLossless: Bool {
        func digits(_ type: DType) -> (fraction: Int, exponent: Int, signed: Bool) {
            switch type {
            case .bool: (1, 0, false)
            case .uint8: (8, 8, false)
            case .int8: (7, 8, true)
            case .uint16: (16, 16, false)
            case .int16: (15, 16, true)
            case .uint32: (32, 32, false)
            case .int32: (31, 32, true)
            case .uint64: (64, 64, false)
            case .int64: (63, 64, true)
            case .float8_e4m3fn: (4, 9, true)
            case .float8_e5m2: (3, 16, true)
            case .float16: (11, 16, true)
            case .bfloat16: (8, 128, true)
            case .float32, .complex64: (24, 128, true)
            case .float64, .complex128: (53, 1024, true)
            case .void16: (0, 0, false)
            }
        }
        if source == target { return true }
        if target == .bool { return false }
        let (a, b) = (digits(source), digits(target))
        if target.kind == .unsigned || target.kind == .signed {
            return source.kind != .float && source.kind != .complex && a.fraction <= b.fraction && (b.signed || !a.signed)
        }
        // float8_e4m3fn has no infinity: nothing that has one fits.
        if target == .float8_e4m3fn { return source == .bool }
        return a.fraction <= b.fraction && a.exponent <= b.exponent
    }

    /// Casts `count` elements from `input` at `inputOffset` to `output` at `outputOffset`, both in bytes; both ranges must lie within.
    public func convert(_ input: RawSpan, at inputOffset: Int = 0, into output: inout MutableRawSpan, at outputOffset: Int = 0, count: Int, report: inout Report) {
        let parts = source.kind == .complex ? 2 : 1
        let targetParts = target.kind == .complex ? 2 : 1
        precondition(inputOffset >= 0 && outputOffset >= 0 && count >= 0
            && inputOffset + count * source.byteCount <= input.byteCount && outputOffset + count * target.byteCount <= output.byteCount)
        unsafe input.withUnsafeBytes { raw in
            unsafe output.withUnsafeMutableBytes { out in
                if source == target {
                    if count > 0 { unsafe out[outputOffset..<outputOffset + count * source.byteCount].copyBytes(from: raw[inputOffset..<inputOffset + count * source.byteCount]) }
                    return
                }
                switch (source, target) {
                case (.float32, .float64): return unsafe Self.widen(raw, inputOffset, out, outputOffset, count)
                case (.float64, .float32): return unsafe Self.narrow(raw, inputOffset, out, outputOffset, count, &report)
                default: break
                }
                let from = Self.part(of: source), to = Self.part(of: target)
                for index in 0..<count {
                    for part in 0..<targetParts {
                        let value: Element = part < parts
                            ? unsafe Self.load(raw, inputOffset + index * source.byteCount + part * from.byteCount, from)
                            : .real(0)
                        unsafe Self.store(value, out, outputOffset + index * target.byteCount + part * to.byteCount, to, &report)
                    }
                }
            }
        }
    }

    /// As above, for arrays: the whole of `bytes`.
    public func convert(_ bytes: [UInt8]) -> (bytes: [UInt8], report: Report) {
        let count = bytes.count / source.byteCount
        var out = [UInt8](repeating: 0, count: count * target.byteCount)
        var report = Report()
        var span = out.mutableSpan
        var raw = unsafe span.mutableBytes
        unsafe convert(bytes.span.bytes, into: &raw, count: count, report: &report)
        return (out, report)
    }

    /// The two casts that a network's weights go through most, without the detour over `Element`.
    private static func widen(_ raw: UnsafeRawBufferPointer, _ at: Int, _ out: UnsafeMutableRawBufferPointer, _ to: Int, _ count: Int) {
        for index in 0..<count {
            let bits = unsafe UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: at + index * 4, as: UInt32.self))
            let wide = bits & 0x7FFF_FFFF > 0x7F80_0000 ? float64Bits(ofFloat32: bits) : Double(Float(bitPattern: bits)).bitPattern
            unsafe out.storeBytes(of: wide.littleEndian, toByteOffset: to + index * 8, as: UInt64.self)
        }
    }

    private static func narrow(_ raw: UnsafeRawBufferPointer, _ at: Int, _ out: UnsafeMutableRawBufferPointer, _ to: Int, _ count: Int, _ report: inout Report) {
        for index in 0..<count {
            let wide = unsafe UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: at + index * 8, as: UInt64.self))
            let (bits, overflowed) = float32Bits(rounding: wide)
            unsafe out.storeBytes(of: bits.littleEndian, toByteOffset: to + index * 4, as: UInt32.self)
            note(.real(wide), Double(Float(bitPattern: bits)), overflowed, &report)
        }
    }

    /// One element on its way: a float as float64 bits (exact for every float type), an integer as itself.
    private enum Element {
        case real(UInt64)
        case integer(Int64)
        case unsigned(UInt64)
    }

    private static func part(of type: DType) -> DType {
        switch type {
        case .complex64: .float32
        case .complex128: .float64
        default: type
        }
    }

    private static func load(_ raw: UnsafeRawBufferPointer, _ at: Int, _ type: DType) -> Element {
        func bits<T: FixedWidthInteger>(_: T.Type) -> T { unsafe T(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: T.self)) }
        func narrow(_ layout: NarrowFloat, _ bits: UInt16) -> Element { .real(float64Bits(ofFloat32: layout.float32Bits(bits))) }
        switch type {
        case .bool: return .unsigned(bits(UInt8.self) == 0 ? 0 : 1)
        case .uint8: return .unsigned(UInt64(bits(UInt8.self)))
        case .uint16: return .unsigned(UInt64(bits(UInt16.self)))
        case .uint32: return .unsigned(UInt64(bits(UInt32.self)))
        case .uint64: return .unsigned(bits(UInt64.self))
        case .int8: return .integer(Int64(bits(Int8.self)))
        case .int16: return .integer(Int64(bits(Int16.self)))
        case .int32: return .integer(Int64(bits(Int32.self)))
        case .int64: return .integer(bits(Int64.self))
        case .float16: return narrow(.float16, bits(UInt16.self))
        case .bfloat16: return narrow(.bfloat16, bits(UInt16.self))
        case .float8_e4m3fn: return narrow(.float8e4m3fn, UInt16(bits(UInt8.self)))
        case .float8_e5m2: return narrow(.float8e5m2, UInt16(bits(UInt8.self)))
        case .float32: return .real(float64Bits(ofFloat32: bits(UInt32.self)))
        case .float64: return .real(bits(UInt64.self))
        case .complex64, .complex128, .void16: return .real(0)
        }
    }

    private static func store(_ element: Element, _ out: UnsafeMutableRawBufferPointer, _ at: Int, _ type: DType, _ report: inout Report) {
        func put<T: FixedWidthInteger>(_ bits: T) { unsafe out.storeBytes(of: bits.littleEndian, toByteOffset: at, as: T.self) }
        switch type {
        case .bool:
            let isTrue = switch element {
            case .real(let bits): bits & 0x7FFF_FFFF_FFFF_FFFF != 0
            case .integer(let value): value != 0
            case .unsigned(let value): value != 0
            }
            put(UInt8(isTrue ? 1 : 0))
            note(element, isTrue ? 1 : 0, false, &report)
        case .uint8: put(integer(element, UInt8.self, &report))
        case .uint16: put(integer(element, UInt16.self, &report))
        case .uint32: put(integer(element, UInt32.self, &report))
        case .uint64: put(integer(element, UInt64.self, &report))
        case .int8: put(integer(element, Int8.self, &report))
        case .int16: put(integer(element, Int16.self, &report))
        case .int32: put(integer(element, Int32.self, &report))
        case .int64: put(integer(element, Int64.self, &report))
        case .float16: put(narrow(element, .float16, &report))
        case .bfloat16: put(narrow(element, .bfloat16, &report))
        case .float8_e4m3fn: put(UInt8(truncatingIfNeeded: narrow(element, .float8e4m3fn, &report)))
        case .float8_e5m2: put(UInt8(truncatingIfNeeded: narrow(element, .float8e5m2, &report)))
        case .float32:
            let (bits, overflowed) = float32Bits(rounding: float64(element, for: 24))
            put(bits)
            note(element, Double(Float(bitPattern: bits)), overflowed, &report)
        case .float64:
            let bits = float64(element, for: 53)
            put(bits)
            note(element, Double(bitPattern: bits), false, &report)
        case .complex64, .complex128, .void16: break
        }
    }

    private static func narrow(_ element: Element, _ layout: NarrowFloat, _ report: inout Report) -> UInt16 {
        let (bits, overflowed) = layout.bits(rounding: float64(element, for: layout.fractionBits + 1))
        note(element, Double(Float(bitPattern: layout.float32Bits(bits))), overflowed, &report)
        return bits
    }

    /// The element as float64 bits, for rounding to `digits` binary digits: an integer too wide for float64 is rounded to odd first, so
    /// that the second rounding gives what one rounding would.
    private static func float64(_ element: Element, for digits: Int) -> UInt64 {
        let (negative, magnitude): (Bool, UInt64)
        switch element {
        case .real(let bits): return bits
        case .integer(let value): (negative, magnitude) = (value < 0, value.magnitude)
        case .unsigned(let value): (negative, magnitude) = (false, value)
        }
        let spare = max(0, 64 - magnitude.leadingZeroBitCount - 53)
        guard spare > 0, digits < 53 else { return (negative ? -Double(magnitude) : Double(magnitude)).bitPattern }
        let kept = magnitude >> UInt64(spare), sticky: UInt64 = magnitude & (1 << UInt64(spare) - 1) == 0 ? 0 : 1
        let odd = Double((kept | sticky) << UInt64(spare))
        return (negative ? -odd : odd).bitPattern
    }

    private static func integer<T: FixedWidthInteger>(_ element: Element, _: T.Type, _ report: inout Report) -> T {
        switch element {
        case .integer(let value):
            let result = T(clamping: value)
            if T(exactly: value) == nil { report.overflowed += 1 }
            return result
        case .unsigned(let value):
            let result = T(clamping: value)
            if T(exactly: value) == nil { report.overflowed += 1 }
            return result
        case .real(let bits):
            let value = Double(bitPattern: bits)
            let whole = value.rounded(.towardZero)
            guard let result = T(exactly: whole) else {
                report.overflowed += 1
                return value.isNaN ? 0 : value < 0 ? T.min : T.max
            }
            note(element, whole, false, &report)
            return result
        }
    }

    private static func note(_ element: Element, _ after: Double, _ overflowed: Bool, _ report: inout Report) {
        if overflowed {
            report.overflowed += 1
            report.changed += 1
            return
        }
        let before: Double
        switch element {
        case .real(let bits): before = Double(bitPattern: bits)
        case .integer(let value):
            before = Double(value)
            if Int64(exactly: after) != value { report.changed += 1 }
            report.maxError = max(report.maxError, abs(after - before))
            return
        case .unsigned(let value):
            before = Double(value)
            if UInt64(exactly: after) != value { report.changed += 1 }
            report.maxError = max(report.maxError, abs(after - before))
            return
        }
        guard before != after, !(before.isNaN && after.isNaN) else { return }
        report.changed += 1
        if before.isFinite, after.isFinite { report.maxError = max(report.maxError, abs(after - before)) }
    }
}
