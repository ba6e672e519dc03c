import ByteIO
import Tensors

/// The bytes of a pickle, protocol 2, with the opcodes that `torch.load(weights_only=True)` allows.
struct PickleWriter {
    private(set) var bytes: [UInt8] = [0x80, 2]
    private var memo: [String: Int] = [:]

    /// What is written the second time is taken from the memo.
    private mutating func once(_ key: String, _ write: (inout PickleWriter) -> Void) {
        if let place = memo[key] {
            if place < 256 { bytes += [UInt8(ascii: "h"), UInt8(place)] } else {
                bytes.append(UInt8(ascii: "j"))
                bytes.append(littleEndian: UInt32(truncatingIfNeeded: place))
            }
            return
        }
        write(&self)
        let place = memo.count
        memo[key] = place
        if place < 256 { bytes += [UInt8(ascii: "q"), UInt8(place)] } else {
            bytes.append(UInt8(ascii: "r"))
            bytes.append(littleEndian: UInt32(truncatingIfNeeded: place))
        }
    }

    mutating func opcode(_ code: Unicode.Scalar) { bytes.append(UInt8(truncatingIfNeeded: code.value)) }

    mutating func global(_ module: String, _ name: String) {
        once("c\(module) \(name)") { $0.bytes += Array("c\(module)\n\(name)\n".utf8) }
    }

    mutating func text(_ text: String) {
        bytes.append(UInt8(ascii: "X"))
        bytes.append(littleEndian: UInt32(truncatingIfNeeded: text.utf8.count))
        bytes += Array(text.utf8)
    }

    /// A text that comes often.
    mutating func word(_ text: String) { once("X" + text) { $0.text(text) } }

    mutating func bool(_ value: Bool) { bytes.append(value ? 0x88 : 0x89) }

    mutating func real(_ value: Double) {
        bytes.append(UInt8(ascii: "G"))
        for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt64(shift))) }
    }

    mutating func integer(_ value: Int) {
        if (0...255).contains(value) { bytes += [UInt8(ascii: "K"), UInt8(value)] }
        else if (0...65535).contains(value) {
            bytes.append(UInt8(ascii: "M"))
            bytes.append(littleEndian: UInt16(value))
        } else if let short = Int32(exactly: value) {
            bytes.append(UInt8(ascii: "J"))
            bytes.append(littleEndian: short)
        } else {
            bytes += [0x8A, 8]
            bytes.append(littleEndian: Int64(value))
        }
    }

    mutating func integers(_ values: [Int]) {
        opcode("(")
        for value in values { integer(value) }
        opcode("t")
    }

    /// An empty OrderedDict: `collections.OrderedDict()`.
    mutating func orderedDict() {
        global("collections", "OrderedDict")
        opcode(")")
        opcode("R")
    }

    /// A tensor that covers a storage of its own, or shares it (PT-25).
    mutating func tensor(_ info: TensorInfo, storage key: String) {
        let form = TorchForm(info.dtype)
        global("torch._utils", form.dtypeName == nil ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3")
        opcode("(")
        opcode("(")
        word("storage")
        global(form.module, form.storageName)
        text(key)
        word("cpu")
        integer(form.dtypeName == nil ? info.shape.elementCount : info.byteCount)
        opcode("t")
        opcode("Q")
        integer(0)
        integers(info.shape.sizes)
        var strides: [Int] = [], step = 1
        for size in info.shape.sizes.reversed() {
            strides.append(step)
            step *= max(size, 1)  // the product fits: Shape has proved it
        }
        integers(strides.reversed())
        bool(false)
        orderedDict()
        if let dtype = form.dtypeName { global("torch", dtype) }
        opcode("t")
        opcode("R")
    }
}

/// How torch stores a type: in a storage class of its own, or in bytes with the type beside them.
struct TorchForm {
    let module, storageName: String
    let dtypeName: String?

    init(_ dtype: DType) {
        let own: String? = switch dtype {
        case .float64: "DoubleStorage"
        case .float32: "FloatStorage"
        case .float16: "HalfStorage"
        case .bfloat16: "BFloat16Storage"
        case .int64: "LongStorage"
        case .int32: "IntStorage"
        case .int16: "ShortStorage"
        case .int8: "CharStorage"
        case .uint8: "ByteStorage"
        case .bool: "BoolStorage"
        case .complex64: "ComplexFloatStorage"
        case .complex128: "ComplexDoubleStorage"
        case .uint16, .uint32, .uint64, .float8_e4m3fn, .float8_e5m2, .void16: nil
        }
        module = own == nil ? "torch.storage" : "torch"
        storageName = own ?? "UntypedStorage"
        // Two bytes without a meaning are uint16 to torch; our own texts say what they were.
        dtypeName = own == nil ? (dtype == .void16 ? "uint16" : dtype.rawValue) : nil
    }
}
