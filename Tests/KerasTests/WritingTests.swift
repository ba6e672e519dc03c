import Architecture
import ByteIO
import Checkpoints
import Conversion
import Dialects
import Foundation
import Keras
import NPZ
import StrictJSON
import Tensors
import TestSupport
import Testing

private let registry = CodecRegistry(allCodecs + [NPZCodec()])

/// `path` of the fixtures, opened, and recognised with `--network spec.json` where that is asked for.
private func source(_ path: String, network: String? = nil) throws -> (checkpoint: any Checkpoint, recognition: Recognition) {
    let (codec, checkpoint) = try registry.open(CheckpointInput(path: Fixtures.path("parity/\(path)")))
    var hints = RecognitionHints()
    if let network { hints.network = try .init(json: Fixtures.json("parity/\(network)/spec.json")) }
    return (checkpoint, try Recognition(of: checkpoint, format: codec.name, hints: hints))
}

private func target(_ name: String) throws -> any DialectCodec { try #require(registry.codec(named: name) as? any DialectCodec) }

/// Converts with --verify, which compares every byte, every text and a pass forward and back, bit for bit; returns what was written, open.
private func converted(
    _ source: (checkpoint: any Checkpoint, recognition: Recognition), to name: String, in folder: String, _ change: (inout ConversionOptions) -> Void = { _ in }
) throws -> (checkpoint: any Checkpoint, recognition: Recognition, ledger: Ledger, bytes: [UInt8]) {
    var options = ConversionOptions()
    options.verifies = true
    options.replaces = true
    change(&options)
    let path = "\(folder)/written"
    let outcome = try Converter(options: options).convert(source.checkpoint, source.recognition, to: path, as: target(name))
    #expect(outcome.verified == true)
    let input = try CheckpointInput(path: path)
    let codec = try registry.recognise(input)
    #expect(codec.name == name)
    let checkpoint = try codec.open(input, limits: .default)
    return (checkpoint, try Recognition(of: checkpoint, format: name), outcome.ledger, [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
}

private let formats = ["keras", "keras-h5", "keras-weights"]
/// KERAS-62: what Keras has no name for.
private let unspellable = ["gelu-tanh"]

private func networks() throws -> [String] {
    let folder = "\(Fixtures.root)/Fixtures/parity"
    return try FileManager.default.contentsOfDirectory(atPath: folder).filter { FileManager.default.fileExists(atPath: "\(folder)/\($0)/spec.json") }.sorted()
}

// KERAS-60 to 64.
@Test("every network is written in all three forms, read back with its network from the file alone, and its passes are equal bit for bit", arguments: formats)
func writesNetworks(format: String) throws {
    var written = 0, refused: [String] = []
    for network in try networks() {
        try withTemporaryFolder { folder in
            let source = try source("\(network)/model.npz", network: network)
            let wanted = try source.recognition.requireNetwork(), codec = try target(format)
            do throws(CheckpointError) {
                _ = try ConversionPlan(source.checkpoint, source.recognition, to: codec, options: ConversionOptions())
            } catch {
                #expect(error.code == .unsupported && error.message.contains("Keras 3 has no name"), "\(network): \(error)")
                refused.append(network)
                return
            }
            let result = try converted(source, to: format, in: folder)
            #expect(result.recognition.network == wanted, "\(network)")
            #expect(result.ledger.isLossless)
            // Keras sees no metadata of ours: its config alone tells the same layers.
            if format != "keras-weights" {
                var index = result.checkpoint.index
                for key in index.metadata.keys where key.hasPrefix("mlpconv.") { index.metadata[key] = nil }
                let alone = Recognition(of: index, format: format)
                #expect(alone.network?.layers == wanted.layers && alone.network?.input == wanted.input, "\(network): \(alone.networkReason ?? "")")
                #expect(alone.bindings.map(\.tensor) == result.recognition.bindings.map(\.tensor), "\(network)")
            }
            written += 1
        }
    }
    #expect(Set(refused) == (format == "keras-weights" ? [] : Set(unspellable)), "\(refused)")
    #expect(written >= 20 - unspellable.count)
}

// KERAS-71 to 73.
@Test("the same content gives the same file", arguments: formats)
func isDeterministic(format: String) throws {
    try withTemporaryFolder { folder in
        let source = try source("batchnorm-dropout/model.npz", network: "batchnorm-dropout")
        let first = try converted(source, to: format, in: folder), second = try converted(source, to: format, in: folder)
        #expect(first.bytes == second.bytes)
        let again = try converted((first.checkpoint, first.recognition), to: format, in: folder)
        #expect(try contents(again.checkpoint) == contents(first.checkpoint))
    }
}

// KERAS-66.
@Test("a Keras file becomes one of its own format as it is: names, texts and optimizer state", arguments: [
    ("keras2.h5", "keras-h5"), ("keras3_legacy.h5", "keras-h5"), ("keras3.weights.h5", "keras-weights"), ("keras3.keras", "keras"), ("keras2_v3.keras", "keras"),
])
func keepsOwn(file: String, format: String) throws {
    try withTemporaryFolder { folder in
        let source = try source("seed-4-8-3/\(file)", network: file.contains("weights") ? "seed-4-8-3" : nil)
        let result = try converted(source, to: format, in: folder)
        #expect(try contents(result.checkpoint) == contents(source.checkpoint))
        #expect(result.ledger.isLossless && result.ledger.tensors.allSatisfy { $0.actions == [.kept] })
        for entry in source.checkpoint.index.metadata.entries { #expect(result.checkpoint.index.metadata[entry.key] == entry.text, "\(entry.key)") }
    }
}

// KERAS-65, KERAS-67.
@Test("between Keras' forms the optimizer's state, its settings and the compiled loss go over under the target's names")
func carriesOptimizer() throws {
    try withTemporaryFolder { folder in
        for (file, format) in [("keras3_legacy.h5", "keras"), ("keras3.keras", "keras-h5")] {
            let source = try source("seed-4-8-3/\(file)")
            let result = try converted(source, to: format, in: folder)
            #expect(result.ledger.isLossless && result.checkpoint.index.tensors.count == source.checkpoint.index.tensors.count)
            let text = try #require(result.checkpoint.index.metadata[format == "keras" ? "model_config" : "training_config"])
            let json = try JSONReader.read(text), compiled = try #require(format == "keras" ? json["compile_config"] : json)
            #expect(compiled["loss"]?.string == "categorical_crossentropy")
            let optimizer = compiled["optimizer"] ?? compiled["optimizer_config"]
            #expect(optimizer?["class_name"]?.string == "Adam" && optimizer?["config"]?["beta_2"]?.double == 0.999)
            // Slot by slot: the bytes are those of the parameter's slot in the source.
            let old = try #require(source.recognition.optimizer), new = try #require(result.recognition.optimizer)
            func slots(_ state: OptimizerState, _ recognition: Recognition, _ checkpoint: any Checkpoint) throws -> [String: [UInt8]] {
                let names = Dictionary(recognition.bindings.map { (checkpoint.index.tensors[$0.tensor].name, $0.parameter) }, uniquingKeysWith: { a, _ in a })
                return try Dictionary(uniqueKeysWithValues: state.slots.map { slot in
                    let position = try #require(checkpoint.index.position(of: slot.tensor))
                    return ("\(slot.slot) \(slot.parameter.flatMap { names[$0] } ?? "")", try checkpoint.array(ofTensorAt: position))
                })
            }
            let (before, after) = (try slots(old, source.recognition, source.checkpoint), try slots(new, result.recognition, result.checkpoint))
            #expect(before == after && before["m L1.kernel"] != nil)
        }
    }
}

@Test("state that Keras' form has no place for, and a config in a file of weights, are refused unless that is consented to")
func refusesLosses() throws {
    func code(_ source: (checkpoint: any Checkpoint, recognition: Recognition), _ format: String, _ change: (inout ConversionOptions) -> Void = { _ in }) throws -> CheckpointError? {
        var options = ConversionOptions()
        change(&options)
        let codec = try target(format)
        do throws(CheckpointError) { _ = try ConversionPlan(source.checkpoint, source.recognition, to: codec, options: options) } catch { return error }
        return nil
    }
    // Keras 2 keeps no learning rate as a tensor.
    let two = try source("seed-4-8-3/keras2.h5")
    let error = try code(two, "keras")
    #expect(error?.code == .lossRefused && error?.message.contains("--drop optimizer") == true && error?.place.tensor?.hasPrefix("optimizer_weights/") == true, "\(String(describing: error))")
    #expect(try code(two, "keras") { $0.drop = [.optimizer] } == nil)
    #expect(try code(two, "keras") { $0.allowsLoss = true } == nil)
    #expect(try code(source("seed-4-8-3/keras3.keras"), "keras-weights")?.message.contains("model_config") == true)
    #expect(try code(source("seed-4-8-3/keras3.keras"), "keras-weights") { $0.drop = [.metadata] } == nil)
    // Names and axes are the format's own.
    #expect(try code(source("seed-4-8-3/keras3.keras"), "keras-h5") { $0.dialect = .torch }?.code == .unsupported)
    let unknown = try code(source("seed-4-8-3/model.npz"), "keras")
    #expect(unknown?.code == .networkNeeded && unknown?.message.contains("--network") == true)
}

// KERAS-61.
@Test("a cast changes the policies of the layers with their variables, bfloat16 too", arguments: formats)
func castsPolicies(format: String) throws {
    try withTemporaryFolder { folder in
        for dtype in [DType.bfloat16, .float16, .float64] {
            let result = try converted(source("prelu-net/model.npz", network: "prelu-net"), to: format, in: folder) {
                $0.dtype = dtype
                $0.allowsLoss = true
            }
            #expect(result.checkpoint.index.tensors.allSatisfy { $0.dtype == dtype })
            guard let text = result.checkpoint.index.metadata["model_config"] else { continue }
            let layers = try #require(JSONReader.read(text)["config"]?["layers"]?.array)
            #expect(layers.allSatisfy { $0["config"]?["dtype"]?.string == dtype.rawValue })
        }
    }
}

// KERAS-12, KERAS-70.
@Test("lists over 64,512 bytes are written in pieces and read back whole")
func splitsLists() throws {
    let names = (0..<900).map { "a_layer_of_a_long_name_\(String(repeating: "x", count: 60))_\($0)" }
    var metadata = Metadata([("model_weights@layer_names", JSONValue.strings(names).text())])
    for name in names { metadata["model_weights/\(name)@weight_names"] = #"["kernel"]"# }
    let tensors = try names.map { try MemoryTensor.sample("model_weights/\($0)/kernel", .float32, [1, 1]) }
    let bytes = try written(MemoryCheckpoint(tensors, metadata: metadata), as: KerasLegacyCodec(describer: inProcess, layouter: inProcessLayouter))
    let read = try KerasLegacyCodec(describer: inProcess, layouter: inProcessLayouter).open(bytes)
    #expect(read.index.metadata["model_weights@layer_names"] == metadata["model_weights@layer_names"])
    #expect(read.index.tensors.map(\.name) == tensors.map(\.info.name))
}

@Test("what was not phrased for a format is refused by its codec before anything is written", arguments: formats)
func refusesUnphrased(format: String) throws {
    let source = try MemoryCheckpoint([.sample("dense/kernel", .float32, [2, 3])])
    let codec = try target(format)
    do throws(CheckpointError) {
        try codec.check(source.index, options: WriteOptions())
        Issue.record("it was taken")
    } catch { #expect(error.code == .networkNeeded && error.message.contains("--network")) }
}
