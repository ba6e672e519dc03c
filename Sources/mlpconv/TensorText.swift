import ByteIO
import Checkpoints
import StrictJSON
import Tensors

/// The values of one tensor, or of a slice of it, printed as numpy prints them.
struct TensorText {
    private let info: TensorInfo
    /// The positions kept along each axis.
    private let kept: [TensorSlice.Positions]
    private let values: [String]

    /// Reads the tensor `name` of `checkpoint`. Throws `mismatch` when there is none or the slice does not fit.
    init(_ checkpoint: any Checkpoint, tensor name: String, slice: TensorSlice) throws(CheckpointError) {
        guard let position = checkpoint.index.position(of: name) else {
            let near = nearest(to: name, among: checkpoint.index.tensors.map(\.name))
            throw CheckpointError(.mismatch, "there is no tensor \(quoted(name))" + (near.map { "; did you mean \(quoted($0))?" } ?? ""))
        }
        info = checkpoint.index.tensors[position]
        kept = try slice.positions(in: info.shape)
        let bytes = try checkpoint.array(ofTensorAt: position)
        // Beside an empty axis any other may claim any size: none is walked then.
        guard !kept.contains(where: { $0.count == 0 }) else {
            values = []
            return
        }
        var strides = [Int](repeating: 1, count: info.shape.rank)
        for axis in (0..<max(0, info.shape.rank - 1)).reversed() { strides[axis] = strides[axis + 1] * info.shape.sizes[axis + 1] }
        var offsets = [0]
        for (axis, positions) in kept.enumerated() {
            offsets = offsets.flatMap { base in (0..<positions.count).map { base + positions[$0] * strides[axis] } }
        }
        let size = info.dtype.byteCount, dtype = info.dtype
        values = offsets.map { Self.text(Array(bytes[$0 * size..<($0 + 1) * size]), dtype) }
    }

    var json: JSONValue {
        ["name": .string(info.name), "dtype": .string(info.dtype.rawValue), "shape": .array(kept.map { .integer($0.count) }),
         "values": isEmpty ? [] : nested(0, 0).value]
    }

    var text: String { isEmpty ? "[]" : lines(0, 0).text }

    private var isEmpty: Bool { values.isEmpty }

    private func nested(_ axis: Int, _ start: Int) -> (value: JSONValue, used: Int) {
        guard axis < kept.count else {
            return (Self.json(values[start], info.dtype), 1)
        }
        var items: [JSONValue] = [], used = 0
        for _ in 0..<kept[axis].count {
            let item = nested(axis + 1, start + used)
            items.append(item.value)
            used += item.used
        }
        return (.array(items), used)
    }

    /// An element's digits as CLI.md has numbers in JSON.
    private static func json(_ text: String, _ dtype: DType) -> JSONValue {
        switch dtype {
        case .bool: .bool(text == "True")
        case .uint8, .int8, .uint16, .int16, .uint32, .int32, .uint64, .int64:
            if let value = Int64(text) { .integer(value) } else { .string(text) }
        case .complex64, .complex128, .void16: .string(text)
        case .float16, .bfloat16, .float32, .float64, .float8_e4m3fn, .float8_e5m2:
            switch text {
            case "nan": .string("NaN")
            case "inf": .string("Infinity")
            case "-inf": .string("-Infinity")
            default: .number(text)
            }
        }
    }

    private func lines(_ axis: Int, _ start: Int) -> (text: String, used: Int) {
        guard axis < kept.count else { return (values[start], 1) }
        let width = axis == kept.count - 1 ? (values.map(\.count).max() ?? 0) : 0
        var items: [String] = [], used = 0
        let count = kept[axis].count
        for _ in 0..<count {
            let item = lines(axis + 1, start + used)
            items.append(String(repeating: " ", count: max(0, width - item.text.count)) + item.text)
            used += item.used
        }
        let separator = axis == kept.count - 1 ? " " : String(repeating: "\n", count: max(1, kept.count - 1 - axis)) + String(repeating: " ", count: axis + 1)
        return ("[" + items.joined(separator: separator) + "]", used)
    }

    /// One element in the digits that read back the same.
    private static func text(_ bytes: [UInt8], _ dtype: DType) -> String {
        func bits<T: FixedWidthInteger>(_: T.Type, at offset: Int = 0) -> T {
            var value: T = 0
            for index in (0..<MemoryLayout<T>.size).reversed() { value = value << 8 | T(truncatingIfNeeded: bytes[offset + index]) }
            return value
        }
        func single(_ value: Float) -> String { value.isNaN ? "nan" : "\(value)" }
        func double(_ value: Double) -> String { value.isNaN ? "nan" : "\(value)" }
        func complex(_ real: String, _ imaginary: String) -> String { real + (imaginary.hasPrefix("-") ? "" : "+") + imaginary + "j" }
        switch dtype {
        case .bool: return bytes[0] == 0 ? "False" : "True"
        case .uint8: return "\(bytes[0])"
        case .int8: return "\(Int8(bitPattern: bytes[0]))"
        case .uint16: return "\(bits(UInt16.self))"
        case .int16: return "\(bits(Int16.self))"
        case .uint32: return "\(bits(UInt32.self))"
        case .int32: return "\(bits(Int32.self))"
        case .uint64: return "\(bits(UInt64.self))"
        case .int64: return "\(bits(Int64.self))"
        case .float32: return single(Float(bitPattern: bits(UInt32.self)))
        case .float64: return double(Double(bitPattern: bits(UInt64.self)))
        case .complex64: return complex(single(Float(bitPattern: bits(UInt32.self))), single(Float(bitPattern: bits(UInt32.self, at: 4))))
        case .complex128: return complex(double(Double(bitPattern: bits(UInt64.self))), double(Double(bitPattern: bits(UInt64.self, at: 8))))
        case .float16, .bfloat16, .float8_e4m3fn, .float8_e5m2:
            guard let cast = ElementCast(from: dtype, to: .float32) else { return "" }
            let wide = cast.convert(bytes).bytes
            return single(Float(bitPattern: wide.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }))
        case .void16: return "0x" + String(bits(UInt16.self), radix: 16)
        }
    }
}

/// The name of fewest edits, when it is close enough to be a slip.
func nearest(to name: String, among candidates: [String]) -> String? {
    func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for i in 0..<a.count {
            var diagonal = row[0]
            row[0] = i + 1
            for j in 0..<b.count {
                let cost = diagonal + (a[i] == b[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(cost, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[b.count]
    }
    let target = Array(name.utf8.prefix(200))
    let close = candidates.prefix(5000).map { ($0, distance(target, Array($0.utf8.prefix(200)))) }.min { $0.1 < $1.1 }
    guard let close, close.1 <= max(2, target.count / 2) else { return nil }
    return close.0
}
