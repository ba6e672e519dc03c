import Architecture
import ByteIO
import Checkpoints
import Dialects
import NPZ
import ONNX
import Parity
import StrictJSON
import Tensors
import TestSupport
import Testing

@Suite("models that real tools wrote, and models that are wrong on purpose")
struct FixtureTests {
    static func entries() throws -> [(path: String, entry: JSONValue)] {
        try #require(try Fixtures.json("parity/index.json")["files"]?.array).compactMap { entry in
            guard let path = entry["path"]?.string, path.hasSuffix(".onnx"), !path.hasPrefix("_") else { return nil }
            return (path, entry)
        }
    }

    static func open(_ path: String) throws -> any Checkpoint {
        let input = try CheckpointInput(path: Fixtures.path("parity/\(path)"))
        #expect(ONNXCodec().confidence(in: input) == .strong, "\(path)")
        return try ONNXCodec().open(input, limits: .default)
    }

    @Test("every model has the names, shapes, dtypes and hashes that onnx itself gave, in the graph's order")
    func tensors() throws {
        let entries = try Self.entries()
        #expect(entries.count > 100)
        let buffer = try ChunkBuffer(count: 4096)
        for (path, entry) in entries {
            let checkpoint = try Self.open(path)
            let wanted = try #require(entry["tensors"]?.array).map { "\($0["name"]?.string ?? "") \($0["dtype"]?.string ?? "") \($0["shape"]?.array?.compactMap(\.int) ?? []) \($0["sha256"]?.string ?? "")" }
            let found = try checkpoint.index.tensors.enumerated().map { place, tensor in
                "\(tensor.name) \(tensor.dtype.rawValue) \(tensor.shape.sizes) \(try ContentHash.sha256(ofTensorAt: place, in: checkpoint, through: buffer))"
            }
            #expect(found == wanted, "\(path)")
            #expect(checkpoint.index.unsupported.isEmpty, "\(path)")
            #expect(checkpoint.index.metadata["onnx.producer"].map { entry["producer"]?.string?.hasPrefix($0) == true } == true, "\(path)")
        }
    }

    @Test("every model is recognised as the network of its spec, each weight where content found it, and passes the reference in both precisions")
    func networks() throws {
        var passed = 0
        for (path, _) in try Self.entries() {
            let parts = path.split(separator: "/", maxSplits: 1).map(String.init)
            let spec = try Fixtures.json("parity/\(parts[0])/spec.json"), wanted = try NetworkDescription(json: spec)
            let checkpoint = try Self.open(path)
            var recognition = try Recognition(of: checkpoint, format: "onnx")
            guard let network = recognition.network else {
                Issue.record("\(path): \(recognition.networkReason ?? "")")
                continue
            }
            if network.layers.count != wanted.layers.count {
                // torch leaves dropout out; what is given puts the numbers of the layers right.
                #expect(path.contains("model_torch") && wanted.layers.contains { if case .dropout = $0 { true } else { false } })
                recognition = try Recognition(of: checkpoint, format: "onnx", hints: RecognitionHints(network: wanted))
            }
            #expect(recognition.dialect == .onnx)
            var endsInLogits = false
            if case .dense(_, _, .linear)? = network.layers.last { endsInLogits = true }
            try check(network, wanted, path)
            var truth: [String: String] = [:]
            for member in spec["files"]?[parts[1]]?.members ?? [] {
                if let parameter = member.value["param"]?.string { truth[parameter] = member.key + (member.value["transposed"]?.bool == true ? "^T" : "") }
            }
            for binding in recognition.bindings where path.contains("/model") {
                #expect(truth[binding.parameter] == checkpoint.index.tensors[binding.tensor].name + (binding.transposed ? "^T" : ""), "\(path) \(binding.parameter)")
            }
            let model = try ParityModel(file: path, format: "onnx", checkpoint: checkpoint, recognition: recognition)
            let reference = try NPZCodec().open(CheckpointInput(path: Fixtures.path("parity/\(parts[0])/reference.npz")), limits: .default)
            for precision in Precision.allCases {
                var options = ParityOptions()
                options.precision = precision
                if endsInLogits { options.loss = wanted.loss?.kind }
                let report = try NetworkParity(options).report([model], reference: Reference(reference, file: "reference.npz"))
                #expect(report.verdict == .pass, "\(path) \(precision.rawValue) \(report.comparisons[0].firstDivergence ?? "")")
                if precision == .float64 { #expect(report.comparisons[0].smallestPassingTolerance <= 1e-12, "\(path)") }
            }
            passed += 1
        }
        #expect(passed > 100)
    }

    /// An export without the head, or without dropout, is the same network otherwise.
    private func check(_ found: NetworkDescription, _ wanted: NetworkDescription, _ path: String) throws {
        func plain(_ network: NetworkDescription) -> [Layer] {
            var layers = network.layers.filter { if case .dropout = $0 { false } else { true } }
            if case .dense(let units, let bias, _)? = layers.last { layers[layers.count - 1] = .dense(units: units, useBias: bias, activation: .linear) }
            return NetworkDescription(input: network.input, layers: layers).canonical.layers
        }
        #expect(found.input == wanted.input && plain(found) == plain(wanted), "\(path): \(found.shortText)")
    }

    @Test("every hostile model is refused, and every odd one read, as the manifest says", arguments: try BadInput.cases("onnx"))
    func badInput(_ expected: BadInput.Case) throws {
        let input = try CheckpointInput(path: Fixtures.path("bad-input/\(expected.file)"))
        if expected.expectsError, !expected.isHard {
            // A tensor of strings is no fault of the file: it is listed.
            guard expected.file == "onnx/dtype_string.onnx" else {
                #expect(throws: CheckpointError.self, "\(expected.file)") { try ONNXCodec().open(input, limits: .default) }
                return
            }
            let index = try ONNXCodec().open(input, limits: .default).index
            #expect(index.unsupported.map(\.reason) == ["data type STRING is not read here"])
        } else if expected.expectsError {
            #expect(throws: CheckpointError.self, "\(expected.file): \(expected.why)") {
                let checkpoint = try ONNXCodec().open(input, limits: .default)
                _ = try fullContents(checkpoint)
            }
        } else {
            #expect(try BadInput.fault(in: ONNXCodec().open(input, limits: .default), expected) == nil)
        }
    }

    @Test("no file of another format is taken for a model")
    func others() throws {
        for name in ["npz", "safetensors", "hdf5"] {
            for expected in try BadInput.cases(name) where !expected.expectsError {
                let input = try CheckpointInput(path: Fixtures.path("bad-input/\(expected.file)"))
                #expect(ONNXCodec().confidence(in: input) == .none, "\(expected.file)")
            }
        }
    }
}
