import ByteIO
public import Checkpoints
import StrictJSON
import Tensors

/// ONNX (Specs/ONNX.md): the tensors of a graph, and the graph as text, from which a dialect reads the network.
public struct ONNXCodec: CheckpointCodec {
    public init() {}

    public var name: String { "onnx" }
    public var extensions: [String] { ["onnx"] }

    /// Protobuf has no magic number. Strong when every field of the file is one of ModelProto's, of its type, and there is a version and a graph;
    /// weak when it begins as the usual writers do and is damaged later.
    public func confidence(in input: CheckpointInput) -> Confidence {
        let window = WireWindow(input.source, fields: 10_000, text: 0)
        var reader = WireReader(window, 0..<input.source.count), hasVersion = false, hasGraph = false
        do {
            while let field = try reader.next() {
                guard let isText = Self.fields[field.number] else { return .none }
                switch field.value {
                case .bytes where isText: break
                case .varint(let value) where !isText:
                    if field.number == 1 { hasVersion = value < 1000 }
                default: return .none
                }
                if field.number == 7 { hasGraph = true }
                if field.number == 8 { hasVersion = true }
            }
        } catch {
            return Self.beginsAsUsual(input.head) ? .weak : .none
        }
        return hasGraph && hasVersion ? .strong : Self.beginsAsUsual(input.head) ? .weak : .none
    }

    /// The fields of ModelProto, and whether each is a text or a message.
    private static let fields: [Int: Bool] = [
        1: false, 2: true, 3: true, 4: true, 5: false, 6: true, 7: true, 8: true, 14: true, 20: true, 25: true, 26: true,
    ]

    /// An ir_version, and after it a producer, an opset or the graph.
    private static func beginsAsUsual(_ head: [UInt8]) -> Bool {
        head.count > 2 && head[0] == 0x08 && (1..<64).contains(head[1]) && [0x12, 0x1A, 0x3A, 0x42].contains(head[2])
    }

    /// Reads the graph and proves what its tensors say of their data. Throws `malformed`, `limit`, and `io` for external data that is not there.
    public func open(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) -> any Checkpoint {
        try ONNXCheckpoint(input, limits: limits)
    }
}

/// An open model.
final class ONNXCheckpoint: Checkpoint {
    let index: CheckpointIndex
    private let source: any ByteSource
    private let storage: [ONNXTensor.Storage]

    init(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) {
        let model = try ONNXModel(input.source, limits: limits)
        source = input.source
        var tensors: [TensorInfo] = [], storage: [ONNXTensor.Storage] = []
        for tensor in model.tensors {
            guard let info = tensor.info else { continue }
            tensors.append(info)
            storage.append(tensor.storage)
        }
        var index = CheckpointIndex(tensors: tensors, unsupported: model.unsupported)
        index.restore(from: model.metadata)
        // The types are the file's own, whatever the text says.
        index.tensors = tensors
        self.index = index
        self.storage = storage
    }

    func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes {
        if let extent = extent(ofTensorAt: position) { return ExtentBytes(extent) }
        guard case .typed(let message, let field) = storage[position] else { throw CheckpointError(.io, "it has no data") }
        let bytes = try ONNXTypedData.bytes(index.tensors[position], message, field: field, of: source)
        return ExtentBytes(TensorExtent(source: MemorySource(bytes), offset: 0, count: bytes.count))
    }

    func extent(ofTensorAt position: Int) -> TensorExtent? {
        if case .extent(let extent) = storage[position] { return extent }
        return nil
    }
}
