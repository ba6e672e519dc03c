import ByteIO
import Checkpoints
import StrictJSON
import Tensors

/// An AttributeProto as text: `{"f":0.2}`, `{"i":1}`, `{"s":"none"}`, `{"floats":[…]}`, `{"ints":[…]}`, `{"strings":[…]}`; what cannot be told so is
/// `{"other":"a subgraph"}`.
struct ONNXAttribute {
    private(set) var name = ""
    var value: JSONValue = ["other": "nothing"]
    private var tensor: Range<Int>?
    private var numbers: (dtype: DType, sizes: [Int], bytes: [UInt8])?

    /// A longer list is no setting of a layer: only its length is told.
    private static let listLimit = 64

    init(_ range: Range<Int>, _ window: WireWindow, _ limits: Limits) throws(CheckpointError) {
        var reader = WireReader(window, range)
        var floats: [Float] = [], ints: [Int64] = [], strings: [JSONValue] = [], count = 0, graphs: [Range<Int>] = []
        while let field = try reader.next() {
            switch field.number {
            case 1: name = try window.text(try field.range(), limit: limits.nameBytes)
            case 2:
                let float = try field.float()
                value = ["f": .real(Double(float))]
                numbers = (.float32, [], Self.bytes([float]))
            case 3:
                let int = try field.integer()
                value = ["i": .integer(int)]
                numbers = (.int64, [], Self.bytes([int]))
            case 4: value = ["s": try Self.string(field, window, limits)]
            case 5:
                tensor = try field.range()
                value = ["other": "a tensor"]
            case 6, 11:
                graphs.append(try field.range())
                value = ["other": "a subgraph"]
            case 7:
                func add(_ bits: UInt32) { if floats.count < Self.listLimit { floats.append(Float(bitPattern: bits)) } else { count += 1 } }
                switch field.value {
                case .fixed32(let bits): add(bits)
                case .bytes(let range):
                    var packed = WireReader(window, range)
                    while !packed.isAtEnd { add(UInt32(truncatingIfNeeded: try packed.fixed(4))) }
                default: throw CheckpointError(.malformed, "the attribute's floats are none", offset: field.offset)
                }
                value = ["floats": .array(floats.map { .real(Double($0)) })]
                numbers = (.float32, [floats.count], Self.bytes(floats))
            case 8:
                try field.integers(window) { int in if ints.count < Self.listLimit { ints.append(int) } else { count += 1 } }
                value = ["ints": .array(ints.map { .integer($0) })]
                numbers = (.int64, [ints.count], Self.bytes(ints))
            case 9:
                if strings.count < Self.listLimit { strings.append(try Self.string(field, window, limits)) } else { count += 1 }
                value = ["strings": .array(strings)]
            case 10, 14, 15, 22, 23: value = ["other": "tensors or types"]
            default: break
            }
        }
        if count > 0 {
            value = ["other": "a long list"]
            numbers = nil
        }
        for graph in graphs { try Self.checkDepth(graph, window) }
    }

    private static func string(_ field: WireField, _ window: WireWindow, _ limits: Limits) throws(CheckpointError) -> JSONValue {
        let bytes = try window.bytes(try field.range(), limit: limits.headerBytes)
        // Bytes, by the format's own word: what is no text is none of a layer's settings.
        return String(validating: bytes, as: UTF8.self).map { .string($0) } ?? .null
    }

    private static func bytes(_ values: [Float]) -> [UInt8] { values.reduce(into: []) { $0.append(littleEndian: $1.bitPattern) } }
    private static func bytes(_ values: [Int64]) -> [UInt8] { values.reduce(into: []) { $0.append(littleEndian: $1) } }

    /// What a Constant node with this attribute holds; nil when the attribute is not its value.
    func constant(_ output: String, _ window: WireWindow, _ folder: ONNXFolder, _ limits: Limits, _ total: inout Int) throws(CheckpointError) -> ONNXTensor? {
        if name == "value", let tensor { return try ONNXTensor(tensor, named: output, window, folder: folder, limits: limits, total: &total) }
        guard ["value_float", "value_int", "value_floats", "value_ints"].contains(name), let numbers else { return nil }
        do throws(TensorError) {
            let info = try TensorInfo(name: output, dtype: numbers.dtype, sizes: numbers.sizes)
            return ONNXTensor(info, .extent(TensorExtent(source: MemorySource(numbers.bytes), offset: 0, count: numbers.bytes.count)))
        } catch { throw CheckpointError(.malformed, error.description, tensor: output) }
    }

    /// Subgraphs belong to loops and branches, which no layer is: only that they end is proved. As protobuf's own readers, this one takes a
    /// hundred messages in each other.
    private static func checkDepth(_ graph: Range<Int>, _ window: WireWindow) throws(CheckpointError) {
        var open: [(range: Range<Int>, depth: Int)] = [(graph, 4)]
        while let (range, depth) = open.popLast() {
            guard depth < 100 else { throw CheckpointError(.limit, "messages are nested more than 100 deep", offset: range.lowerBound) }
            var reader = WireReader(window, range)
            // Graph, node, attribute in turn.
            let inner: [Int] = switch depth % 3 {
            case 1: [1]
            case 2: [5]
            default: [6, 11]
            }
            while let field = try reader.next() {
                if inner.contains(field.number) { open.append((try field.range(), depth + 1)) }
            }
        }
    }
}

extension ONNXTensor {
    fileprivate init(_ info: TensorInfo, _ storage: Storage) {
        name = info.name
        self.info = info
        self.storage = storage
    }
}
