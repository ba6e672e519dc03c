import ByteIO
import Checkpoints
import StrictJSON
import Tensors

/// The values of one tensor, or of a slice of it, printed as numpy prints them.
struct TensorText {
    private let info: TensorInfo
    /// The positions kept along each axis.
    private let kept: [[Int]]
    private let values: [String]

    /// Reads the tensor `name` of `checkpoint`. Throws `mismatch` when there is none or the slice does not fit.
    init(_ checkpoint: any Checkpoint, tensor name: String, slice: String?) throws(CheckpointError) {
        guard let position = checkpoint.index.position(of: name) else {
            let near = nearest(to: name, among: checkpoint.index.tensors.map(\.name))
            throw CheckpointError(.mismatch, "there is no tensor \(quoted(name))" + (near.map { "; did you mean \(quoted($0))?" } ?? ""))
        }
        info = checkpoint.index.tensors[position]
        kept = try Self.positions(slice, info.shape)
        let bytes = try checkpoint.array(ofTensorAt: position)
        var strides = [Int](repeating: 1, count: info.shape.rank)
        for axis in (0..<max(0, info.shape.rank - 1)).reversed() { strides[axis] = strides[axis + 1] * info.shape.sizes[axis + 1] }
        var offsets = [0]
        for (axis, positions) in kept.enumerated() {
            offsets = offsets.flatMap { base in positions.map { base + $0 * strides[axis] } }
        }
        let size = info.dtype.byteCount, dtype = info.dtype
        values = offsets.map { Self.text(Array(bytes[$0 * size..<($0 + 1) * size]), dtype) }
    }

    var json: JSONValue {
        ["name": .string(info.name), "dtype": .string(info.dtype.rawValue), "shape": .array(kept.map { .integer($0.count) }), "values": nested(0, 0).value]
    }

    var text: String { lines(0, 0).text }

    private func nested(_ axis: Int, _ start: Int) -> (value: JSONValue, used: Int) {
        guard axis < kept.count else {
            let text = values[start]
            return (Double(text) == nil || text.contains("n") ? .string(text == "nan" ? "NaN" : text == "inf" ? "Infinity" : text == "-inf" ? "-Infinity" : text) : .number(text), 1)
        }
        var items: [JSONValue] = [], used = 0
        for _ in kept[axis] {
            let item = nested(axis + 1, start + used)
            items.append(item.value)
            used += item.used
        }
        return (.array(items), used)
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

    /// `"0:3,:"`: one item an axis, `start:stop:step` or an index, negative from the end, as numpy; missing axes are whole.
    private static func positions(_ slice: String?, _ shape: Shape) throws(CheckpointError) -> [[Int]] {
        let parts = slice.map { $0.split(separator: ",", omittingEmptySubsequences: false).map { $0.filter { $0 != " " } } } ?? []
        guard parts.count <= shape.rank else {
            throw CheckpointError(.mismatch, "--slice \(quoted(slice ?? "")) has \(parts.count) axes, the tensor has shape \(shape)")
        }
        var kept: [[Int]] = []
        for (axis, size) in shape.sizes.enumerated() {
            guard axis < parts.count else {
                kept.append(Array(0..<size))
                continue
            }
            let fields = parts[axis].split(separator: ":", omittingEmptySubsequences: false)
            let numbers = fields.map { $0.isEmpty ? nil : Int($0) }
            guard fields.count <= 3, zip(fields, numbers).allSatisfy({ $0.isEmpty || $1 != nil }), numbers.count < 3 || (numbers[2] ?? 1) > 0, fields.count > 1 || numbers[0] != nil else {
                throw CheckpointError(.mismatch, "--slice: \(quoted(String(parts[axis]))) is no slice; write start:stop, start:stop:step or an index")
            }
            func settle(_ value: Int) -> Int { min(max(value < 0 ? value &+ size : value, 0), size) }
            if fields.count == 1, let index = numbers[0] {
                let at = index < 0 ? index &+ size : index
                guard (0..<size).contains(at) else { throw CheckpointError(.mismatch, "--slice: index \(index) is outside axis \(axis) of \(shape)") }
                kept.append([at])
            } else {
                let from = settle(numbers[0] ?? 0), to = settle(numbers[1] ?? size), step = numbers.count == 3 ? numbers[2] ?? 1 : 1
                kept.append(Array(stride(from: from, to: max(from, to), by: step)))
            }
        }
        return kept
    }

    /// One element in the digits that read back the same.
    private static func text(_ bytes: [UInt8], _ dtype: DType) -> String {
        func bits<T: FixedWidthInteger>(_: T.Type, at offset: Int = 0) -> T {
            var value: T = 0
            for index in (0..<MemoryLayout<T>.size).reversed() { value = value << 8 | T(truncatingIfNeeded: bytes[offset + index]) }
            return value
        }
        func single(_ value: Float) -> String { value.isNaN ? "nan" : "\(value)" }
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
        case .float64:
            let value = Double(bitPattern: bits(UInt64.self))
            return value.isNaN ? "nan" : "\(value)"
        case .complex64: return "\(single(Float(bitPattern: bits(UInt32.self))))+\(single(Float(bitPattern: bits(UInt32.self, at: 4))))j"
        case .complex128: return "\(Double(bitPattern: bits(UInt64.self)))+\(Double(bitPattern: bits(UInt64.self, at: 8)))j"
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
