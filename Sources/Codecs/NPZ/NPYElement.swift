import Checkpoints
import Tensors

/// What a header's `descr` means to us.
enum NPYElement: Equatable {
    case dtype(DType, bigEndian: Bool)
    /// NPZ-12. One byte whose meaning the file lost: numpy has no name for the 8-bit floats. `descr` is what stands there.
    case byte(descr: String)
    /// A type that numpy defines and that is no tensor here (NPZ-11).
    case unsupported(reason: String)

    /// Throws `malformed` for a code that the format does not define (NPZ-8).
    init(_ descr: PythonLiteral) throws(CheckpointError) {
        switch descr {
        case .string(let code): try self.init(code: code)
        case .list(let fields):
            self = Self.hasObjects(descr, depth: 0) ? .unsupported(reason: Self.pickled)
                : .unsupported(reason: "a structured array of \(fields.count) fields; save each field as an array of its own")
        case .tuple:
            self = Self.hasObjects(descr, depth: 0) ? .unsupported(reason: Self.pickled)
                : .unsupported(reason: "an array of subarrays; save it as one array of a number type")
        default:
            throw CheckpointError(.malformed, "the header's descr is neither a dtype code nor a list of fields")
        }
    }

    private static let pickled = "an object array, whose elements are pickled: it is refused, and never unpickled; save its numbers as arrays of a number type"

    private init(code: String) throws(CheckpointError) {
        var rest = Array(code.utf8)[...]
        var order: UInt8?
        if let first = rest.first, Array("<>=|".utf8).contains(first) { order = rest.popFirst() }
        guard let kind = rest.popFirst() else { throw Self.undefined(code) }
        // Dates have their unit in brackets after the size.
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        let tail = rest.dropFirst(digits.count)
        let size = Int(String(decoding: digits, as: UTF8.self))
        let isDate = kind == UInt8(ascii: "M") || kind == UInt8(ascii: "m")
        guard tail.isEmpty || isDate && tail.first == UInt8(ascii: "[") && tail.last == UInt8(ascii: "]"), digits.isEmpty || size != nil else {
            throw Self.undefined(code)
        }
        switch (kind, size) {
        case (UInt8(ascii: "S"), _), (UInt8(ascii: "a"), _): self = .unsupported(reason: "an array of byte strings (\(code))")
        case (UInt8(ascii: "U"), _): self = .unsupported(reason: "an array of text (\(code))")
        case (UInt8(ascii: "M"), 8): self = .unsupported(reason: "an array of dates (\(code))")
        case (UInt8(ascii: "m"), 8): self = .unsupported(reason: "an array of time spans (\(code))")
        case (UInt8(ascii: "O"), _), (UInt8(ascii: "T"), _): self = .unsupported(reason: Self.pickled)
        case (UInt8(ascii: "V"), 1?), (UInt8(ascii: "f"), 1?): self = .byte(descr: code)
        case (UInt8(ascii: "V"), let size) where size != 2: self = .unsupported(reason: "an array of opaque elements (\(code))")
        case (UInt8(ascii: "f"), 12?), (UInt8(ascii: "f"), 16?), (UInt8(ascii: "c"), 24?), (UInt8(ascii: "c"), 32?):
            self = .unsupported(reason: "numbers in the extended precision of one kind of machine (\(code)); save them as float64")
        default:
            let name = String(decoding: [kind], as: UTF8.self) + (size.map(String.init) ?? "")
            guard let dtype = Self.dtypes[name] else { throw Self.undefined(code) }
            self = .dtype(dtype, bigEndian: order == UInt8(ascii: ">") && dtype.swapUnit > 1 && dtype != .void16)
        }
    }

    private static let dtypes: [String: DType] = [
        "b1": .bool, "?": .bool, "i1": .int8, "i2": .int16, "i4": .int32, "i8": .int64, "u1": .uint8, "u2": .uint16, "u4": .uint32, "u8": .uint64,
        "f2": .float16, "f4": .float32, "f8": .float64, "c8": .complex64, "c16": .complex128, "V2": .void16,
    ]

    private static func undefined(_ code: String) -> CheckpointError {
        CheckpointError(.malformed, "the dtype code \(quoted(String(code.prefix(40)))) is none that the npy format defines: the header is damaged")
    }

    // The depth of a literal is bounded by its reader.
    private static func hasObjects(_ value: PythonLiteral, depth: Int) -> Bool {
        switch value {
        case .string(let text): ["O", "|O", "|O8", "|O4", "<O8", "=O"].contains(text)
        case .list(let values), .tuple(let values): values.contains { hasObjects($0, depth: depth + 1) }
        default: false
        }
    }

    /// The code we write for `dtype` (NPZ-20).
    static func code(of dtype: DType) -> String {
        switch dtype {
        case .bool: "|b1"
        case .uint8: "|u1"
        case .int8: "|i1"
        case .uint16: "<u2"
        case .int16: "<i2"
        case .uint32: "<u4"
        case .int32: "<i4"
        case .uint64: "<u8"
        case .int64: "<i8"
        case .float16: "<f2"
        case .float32: "<f4"
        case .float64: "<f8"
        case .complex64: "<c8"
        case .complex128: "<c16"
        case .bfloat16: "<V2"
        case .void16: "|V2"
        case .float8_e4m3fn, .float8_e5m2: "|V1"
        }
    }

    /// Whether numpy has no name for `dtype`, so that ours must stand in the metadata.
    static func cannotName(_ dtype: DType) -> Bool {
        switch dtype {
        case .bfloat16, .float8_e4m3fn, .float8_e5m2: true
        default: false
        }
    }
}
