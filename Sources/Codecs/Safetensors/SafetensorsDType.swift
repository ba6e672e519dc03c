import Tensors

/// A dtype of safetensors, in the order of its reference implementation: the order of the cases is the rank by which its writer sorts.
enum SafetensorsDType: String, CaseIterable {
    case BOOL, F4, F6_E2M3, F6_E3M2, U8, I8, F8_E5M2, F8_E4M3, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ
    case I16, U16, F16, BF16, I32, U32, F32, C64, F64, I64, U64

    /// The size of an element in bits: some take less than a byte.
    var bits: Int {
        switch self {
        case .F4: 4
        case .F6_E2M3, .F6_E3M2: 6
        case .BOOL, .U8, .I8, .F8_E5M2, .F8_E4M3, .F8_E8M0, .F8_E4M3FNUZ, .F8_E5M2FNUZ: 8
        case .I16, .U16, .F16, .BF16: 16
        case .I32, .U32, .F32: 32
        case .C64, .F64, .I64, .U64: 64
        }
    }

    /// What it is here; nil for the types that we do not read.
    var dtype: DType? {
        switch self {
        case .BOOL: .bool
        case .U8: .uint8
        case .I8: .int8
        case .F8_E5M2: .float8_e5m2
        case .F8_E4M3: .float8_e4m3fn
        case .I16: .int16
        case .U16: .uint16
        case .F16: .float16
        case .BF16: .bfloat16
        case .I32: .int32
        case .U32: .uint32
        case .F32: .float32
        case .C64: .complex64
        case .F64: .float64
        case .I64: .int64
        case .U64: .uint64
        case .F4, .F6_E2M3, .F6_E3M2, .F8_E8M0, .F8_E4M3FNUZ, .F8_E5M2FNUZ: nil
        }
    }

    /// The name that safetensors has for `dtype`; nil for complex128, which it does not know. The two bytes of void16, whose meaning nobody
    /// knows, are U16 to others; our metadata gives the type back.
    init?(_ dtype: DType) {
        if dtype == .void16 {
            self = .U16
            return
        }
        guard let match = Self.allCases.first(where: { $0.dtype == dtype }) else { return nil }
        self = match
    }

    var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
