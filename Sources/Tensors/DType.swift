/// The type of a tensor's elements. The raw value is the name in every text we write (CLI.md, "dtypes").
public enum DType: String, Sendable, Hashable, CaseIterable {
    case bool, uint8, int8, uint16, int16, uint32, int32, uint64, int64
    case float16, bfloat16, float32, float64
    case complex64, complex128
    case float8_e4m3fn, float8_e5m2
    /// Two bytes whose meaning the file lost: numpy's `<V2`, an opaque HDF5 type that nothing explains.
    case void16

    /// The size of an element in bytes.
    public var byteCount: Int {
        switch self {
        case .bool, .uint8, .int8, .float8_e4m3fn, .float8_e5m2: 1
        case .uint16, .int16, .float16, .bfloat16, .void16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64, .complex64: 8
        case .complex128: 16
        }
    }

    /// The unit in which byte order is swapped: a complex number is two floats.
    public var swapUnit: Int {
        switch self {
        case .complex64: 4
        case .complex128: 8
        default: byteCount
        }
    }

    public enum Kind: Sendable { case bool, unsigned, signed, float, complex, void }

    public var kind: Kind {
        switch self {
        case .bool: .bool
        case .uint8, .uint16, .uint32, .uint64: .unsigned
        case .int8, .int16, .int32, .int64: .signed
        case .float16, .bfloat16, .float32, .float64, .float8_e4m3fn, .float8_e5m2: .float
        case .complex64, .complex128: .complex
        case .void16: .void
        }
    }

    public var isFloat: Bool { kind == .float }
}
