import Architecture
import Checkpoints
import Dialects
import Tensors
import Testing

@Suite("Recognition of the fixtures by their names")
struct FixtureRecognitionTests {
    @Test("with the network given, every tensor of every file is bound as its content says, also in another order")
    func truth() throws {
        var seen: [String: Int] = [:]
        for file in try FixtureIndex.files() where !file.truth.isEmpty && !file.name.hasPrefix("sharded/") {
            seen[file.format, default: 0] += 1
            // Formats that keep no order may deliver any; the others keep theirs.
            let orders = file.format == "safetensors" || file.format == "hdf5" || file.name == "model.npz"
                ? [file.index.tensors, file.index.tensors.reversed(), file.index.tensors.sorted { $0.name < $1.name }] : [file.index.tensors]
            for tensors in orders {
                var index = file.index
                index.tensors = Array(tensors)
                let found = Recognition(of: index, format: file.format, hints: RecognitionHints(network: file.spec))
                #expect(found.failure == nil, "\(file.architecture)/\(file.name): \(found.networkReason ?? "")")
                #expect(found.network == file.spec)
                for binding in found.bindings {
                    let truth = file.truth[binding.parameter]
                    #expect(truth?.tensor == index.tensors[binding.tensor].name, "\(file.architecture)/\(file.name) \(binding.parameter)")
                    #expect(truth?.transposed == binding.transposed, "\(file.architecture)/\(file.name) \(binding.parameter)")
                }
                #expect(found.bindings.count == file.truth.count, "\(file.architecture)/\(file.name)")
            }
        }
        #expect((seen["npz"] ?? 0) > 80 && (seen["safetensors"] ?? 0) > 50 && (seen["hdf5"] ?? 0) > 60, "\(seen)")
        #expect((seen["keras-h5"] ?? 0) > 60 && (seen["keras"] ?? 0) > 20 && (seen["keras-weights"] ?? 0) > 15, "\(seen)")
        #expect((seen["pytorch"] ?? 0) > 40, "\(seen)")
    }

    @Test("the dialect follows from the names")
    func dialects() throws {
        let expected: [String: Dialect?] = [
            "model.npz": .keras, "model_compressed.npz": .torch, "model_positional.npz": nil as Dialect?, "model_fortran.npz": .canonical, "sklearn_mlp.npz": .sklearn,
            "model.safetensors": .torch, "model_numpy.safetensors": .keras, "model_flax.safetensors": .flax, "generic.h5": .canonical,
            "keras2_weights.h5": .keras, "keras3.weights.h5": .keras, "torch_named.pt": .torch,
        ]
        var checked = 0
        for file in try FixtureIndex.files() {
            guard let dialect = expected[file.name] else { continue }
            #expect(Recognition(of: file.index, format: file.format).dialect == dialect, "\(file.architecture)/\(file.name)")
            checked += 1
        }
        #expect(checked > 150)
    }

    @Test("without a network the reason says what to pass, with the widths of the file")
    func networkNeeded() throws {
        var checked = 0
        for file in try FixtureIndex.files() where file.architecture == "leaky-mix" && file.format != "flax-msgpack" {
            let found = Recognition(of: file.index, format: file.format)
            #expect(found.network == nil)
            #expect(found.failure?.code == .networkNeeded, "\(file.name)")
            #expect(found.networkReason?.contains("--network '6-12:relu-10:relu-8:relu-4'") == true, "\(file.name): \(found.networkReason ?? "")")
            checked += 1
        }
        #expect(checked > 15)
    }

    @Test("Adam's slots are bound to their parameters, whatever era named them")
    func slots() throws {
        var bound: [String: Int] = [:]
        for file in try FixtureIndex.files() where !file.slots.isEmpty && file.format.hasPrefix("keras") {
            var index = file.index
            // The file's own word for its optimizer; Keras 3 keeps it in an attribute.
            index.metadata["optimizer/vars@name"] = "adam"
            let found = Recognition(of: index, format: file.format, hints: RecognitionHints(network: file.spec))
            let state = try #require(found.optimizer)
            #expect(state.kind == "adam")
            let parameters = Dictionary(uniqueKeysWithValues: found.bindings.map { (index.tensors[$0.tensor].name, $0.parameter) })
            for (tensor, truth) in file.slots {
                let slot = try #require(state.slots.first { $0.tensor == tensor })
                #expect("\(slot.slot).\(slot.parameter.flatMap { parameters[$0] } ?? "?")" == truth, "\(file.architecture)/\(file.name) \(tensor)")
                bound[file.name, default: 0] += 1
            }
            #expect(state.slots.contains { $0.slot == "iteration" })
        }
        for name in ["keras2.h5", "keras3_legacy.h5", "keras3.weights.h5", "keras3.keras", "keras2_v3.keras"] { #expect((bound[name] ?? 0) > 0, "\(name)") }
    }
}
