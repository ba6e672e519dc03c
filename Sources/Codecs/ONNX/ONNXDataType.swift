import Tensors

/// TensorProto.DataType: the number of every type that ONNX defines, and what it is here.
enum ONNXDataType {
    static let names = [
        "UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING", "BOOL", "FLOAT16", "DOUBLE", "UINT32", "UINT64",
        "COMPLEX64", "COMPLEX128", "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "UINT4", "INT4", "FLOAT4E2M1",
        "FLOAT8E8M0", "UINT2", "INT2",
    ]

    /// The types that are read and written here.
    static let dtypes: [Int: DType] = [
        1: .float32, 2: .uint8, 3: .int8, 4: .uint16, 5: .int16, 6: .int32, 7: .int64, 9: .bool, 10: .float16, 11: .float64, 12: .uint32,
        13: .uint64, 14: .complex64, 15: .complex128, 16: .bfloat16, 17: .float8_e4m3fn, 19: .float8_e5m2,
    ]

    static func number(_ dtype: DType) -> Int? { dtypes.first { $0.value == dtype }?.key }

    /// The field of TensorProto that holds this type's values one by one (onnx.proto).
    static func field(_ dtype: DType) -> Int {
        switch dtype {
        case .float32, .complex64: 4
        case .int64: 7
        case .float64, .complex128: 10
        case .uint32, .uint64: 11
        default: 5
        }
    }
}
