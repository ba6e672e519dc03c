import ByteIO
import Checkpoints
import StrictJSON
import Tensors

/// A ModelProto: its tensors, and its graph as text. No payload is read for it but that of small constants, which say what the graph computes.
struct ONNXModel {
    /// Initializers in the graph's order, then Constant nodes in theirs.
    private(set) var tensors: [ONNXTensor] = []
    private(set) var unsupported: [CheckpointIndex.Unsupported] = []
    private(set) var metadata = Metadata()

    private let window: WireWindow
    private let folder: ONNXFolder
    private let limits: Limits
    private var total = 0
    private var names: Set<[UInt8]> = []
    private var constants: [JSONValue.Member] = []

    init(_ source: any ByteSource, limits: Limits) throws(CheckpointError) {
        window = WireWindow(source, fields: limits.headerBytes, text: limits.headerBytes)
        folder = ONNXFolder(of: source.path)
        self.limits = limits
        var reader = WireReader(window, 0..<source.count)
        var graphs: [Range<Int>] = [], opset: [JSONValue.Member] = [], facts: [(String, String)] = [], version: Int64 = 0
        while let field = try reader.next() {
            switch field.number {
            case 1:
                version = try field.integer()
                facts.append((ONNXKey.irVersion, "\(version)"))
            case 2: facts.append((ONNXKey.producer, try text(field)))
            case 3: facts.append((ONNXKey.producerVersion, try text(field)))
            case 4: facts.append((ONNXKey.domain, try text(field)))
            case 5: facts.append((ONNXKey.modelVersion, "\(try field.integer())"))
            case 6: facts.append((ONNXKey.doc, try text(field)))
            case 7: graphs.append(try field.range())
            case 8: opset.append(try operatorSet(try field.range()))
            case 14:
                let entry = try ONNXEntry.read(try field.range(), window, limits)
                if metadata[entry.key] == nil { metadata[entry.key] = entry.text }
            case 20: unsupported.append(.init(name: "training_info", reason: "a training graph is not read here"))
            case 25: unsupported.append(.init(name: "functions", reason: "a function of the model's own is not read here"))
            default: break
            }
        }
        guard let graph = graphs.first else {
            throw CheckpointError(.malformed, "it holds no graph: it is no ONNX model, or cut off before the graph", offset: 0)
        }
        guard graphs.count == 1 else { throw CheckpointError(.malformed, "it holds \(graphs.count) graphs; a model has one", offset: graphs[1].lowerBound) }
        // Operators have had versions since IR 3; a model of that age without one was cut off.
        guard !opset.isEmpty || (1..<3).contains(version) else {
            throw CheckpointError(.malformed, "it does not say which version of the operators it uses (opset_import): it is cut off after its graph, or no ONNX model", offset: 0)
        }
        for (key, text) in facts where !text.isEmpty { metadata[key] = text }
        metadata[ONNXKey.opset] = JSONValue.object(opset).text()
        try read(graph, opset)
    }

    private func text(_ field: WireField) throws(CheckpointError) -> String { try window.text(try field.range(), limit: limits.headerBytes) }
    private func name(_ field: WireField) throws(CheckpointError) -> String { try window.text(try field.range(), limit: limits.nameBytes) }

    private func operatorSet(_ range: Range<Int>) throws(CheckpointError) -> JSONValue.Member {
        var reader = WireReader(window, range), domain = "", version: Int64 = 0
        while let field = try reader.next() {
            if field.number == 1 { domain = try name(field) }
            if field.number == 2 { version = try field.integer() }
        }
        return .init(domain, .integer(version))
    }

    private mutating func read(_ graph: Range<Int>, _ opset: [JSONValue.Member]) throws(CheckpointError) {
        var reader = WireReader(window, graph)
        var nodes: [JSONValue] = [], inputs: [JSONValue] = [], outputs: [JSONValue] = [], held: [ONNXTensor] = []
        while let field = try reader.next() {
            switch field.number {
            case 1: nodes.append(try node(try field.range(), &held))
            case 5:
                let tensor = try ONNXTensor(try field.range(), window, folder: folder, limits: limits, total: &total)
                try take(tensor, at: field.offset)
                tensors.append(tensor)
            case 11: inputs.append(try valueInfo(try field.range()))
            case 12: outputs.append(try valueInfo(try field.range()))
            case 15: unsupported.append(.init(name: "sparse_initializer", reason: "a sparse tensor is not read here"))
            default: break
            }
            guard tensors.count + held.count <= limits.tensors, nodes.count <= limits.tensors else {
                throw CheckpointError(.limit, "more than \(grouped(limits.tensors)) tensors or nodes", offset: field.offset)
            }
        }
        tensors += held
        for tensor in tensors {
            if case .unsupported(let reason) = tensor.storage { unsupported.append(.init(name: tensor.name, reason: reason)) }
            try noteConstant(tensor)
        }
        metadata[ONNXKey.graph] = JSONValue.object([
            .init("opset", .object(opset)), .init("inputs", .array(inputs)), .init("outputs", .array(outputs)), .init("nodes", .array(nodes)),
            .init("constants", .object(constants)),
        ]).text()
    }

    /// Names are those of one graph: no two tensors may share one.
    private mutating func take(_ tensor: ONNXTensor, at offset: Int) throws(CheckpointError) {
        guard !tensor.name.isEmpty else { throw CheckpointError(.malformed, "a tensor of the graph has no name, and nothing could use it", offset: offset) }
        guard names.insert(Array(tensor.name.utf8)).inserted else {
            throw CheckpointError(.malformed, "two tensors of the graph have this name", tensor: tensor.name, offset: offset)
        }
    }

    // MARK: nodes

    private mutating func node(_ range: Range<Int>, _ held: inout [ONNXTensor]) throws(CheckpointError) -> JSONValue {
        var reader = WireReader(window, range)
        var inputs: [String] = [], outputs: [String] = [], title = "", op = "", domain = "", attributes: [Range<Int>] = []
        while let field = try reader.next() {
            switch field.number {
            case 1: inputs.append(try name(field))
            case 2: outputs.append(try name(field))
            case 3: title = try name(field)
            case 4: op = try name(field)
            case 5: attributes.append(try field.range())
            case 7: domain = try name(field)
            default: break
            }
        }
        guard !op.isEmpty else { throw CheckpointError(.malformed, "a node of the graph names no operator: the file is damaged", offset: range.lowerBound) }
        var members: [JSONValue.Member] = [.init("op", .string(op))]
        if !domain.isEmpty, domain != "ai.onnx" { members.append(.init("domain", .string(domain))) }
        if !title.isEmpty { members.append(.init("name", .string(title))) }
        members.append(.init("inputs", .strings(inputs)))
        members.append(.init("outputs", .strings(outputs)))
        var list: [JSONValue.Member] = []
        for attribute in attributes {
            var read = try ONNXAttribute(attribute, window, limits)
            if op == "Constant", let output = outputs.first, let tensor = try read.constant(output, window, folder, limits, &total) {
                try take(tensor, at: attribute.lowerBound)
                held.append(tensor)
                read.value = ["tensor": .string(output)]
            }
            list.append(.init(read.name, read.value))
        }
        if !list.isEmpty { members.append(.init("attributes", .object(list))) }
        return .object(members)
    }

    // MARK: values

    private func valueInfo(_ range: Range<Int>) throws(CheckpointError) -> JSONValue {
        var reader = WireReader(window, range), members: [JSONValue.Member] = []
        while let field = try reader.next() {
            if field.number == 1 { members.append(.init("name", .string(try name(field)))) }
            if field.number == 2 { members += try type(try field.range()) }
        }
        return .object(members)
    }

    /// `dtype` and `shape` of a TypeProto that is a tensor's: a size, a name or null for each axis.
    private func type(_ range: Range<Int>) throws(CheckpointError) -> [JSONValue.Member] {
        var reader = WireReader(window, range), members: [JSONValue.Member] = []
        while let field = try reader.next() {
            guard field.number == 1 else { continue }
            var tensor = WireReader(window, try field.range())
            while let field = try tensor.next() {
                if field.number == 1 { members.append(.init("type", .integer(try field.integer()))) }
                if field.number == 2 { members.append(.init("shape", .array(try axes(try field.range())))) }
            }
        }
        return members
    }

    private func axes(_ range: Range<Int>) throws(CheckpointError) -> [JSONValue] {
        var reader = WireReader(window, range), axes: [JSONValue] = []
        while let field = try reader.next() {
            guard field.number == 1 else { continue }
            var axis = WireReader(window, try field.range()), value = JSONValue.null
            while let field = try axis.next() {
                if field.number == 1 { value = .integer(try field.integer()) }
                if field.number == 2 { value = .string(try name(field)) }
            }
            guard axes.count < limits.rank else { throw CheckpointError(.limit, "more than \(limits.rank) axes", offset: field.offset) }
            axes.append(value)
        }
        return axes
    }

    /// The values of numbers and of short lists of integers go into the text: slopes, limits, shapes.
    private mutating func noteConstant(_ tensor: ONNXTensor) throws(CheckpointError) {
        guard let info = tensor.info, let cast = ElementCast(from: info.dtype, to: .float64), info.dtype.kind != .complex else { return }
        let isFloat = info.dtype.isFloat
        guard info.shape.elementCount <= (isFloat ? 1 : 8), info.shape.elementCount > 0 else { return }
        let bytes = try tensor.packed(of: window.source)
        let values = cast.convert(bytes).bytes
        let numbers = stride(from: 0, to: values.count, by: 8).map { start in
            Double(bitPattern: values[start..<start + 8].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) })
        }
        constants.append(.init(tensor.name, .array(numbers.map { .real($0) })))
    }
}

/// The keys of the facts that a model tells besides its `metadata_props`.
enum ONNXKey {
    /// The graph as JSON: `opset`, `inputs`, `outputs`, `nodes`, and `constants`, the values of small tensors (Specs/ONNX.md).
    static let graph = "onnx.graph"
    static let opset = "onnx.opset"
    static let irVersion = "onnx.ir_version"
    static let producer = "onnx.producer"
    static let producerVersion = "onnx.producer_version"
    static let domain = "onnx.domain"
    static let modelVersion = "onnx.model_version"
    static let doc = "onnx.doc_string"
    static let all = [graph, opset, irVersion, producer, producerVersion, domain, modelVersion, doc]
}

extension ONNXTensor {
    /// Its packed bytes, read now.
    func packed(of source: any ByteSource) throws(CheckpointError) -> [UInt8] {
        guard let info else { return [] }
        do throws(CheckpointError) {
            switch storage {
            case .extent(let extent): return try rising { () throws(IOError) in try extent.source.bytes(at: extent.offset, count: extent.count) }
            case .typed(let message, let field): return try ONNXTypedData.bytes(info, message, field: field, of: source)
            case .unsupported(let reason): throw CheckpointError(.unsupported, reason)
            }
        } catch { throw error.at(tensor: name) }
    }
}
