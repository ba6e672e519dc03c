import Architecture
import ByteIO
import Checkpoints
import Dialects
import HDF5
import Keras
import LibHDF5
import NPZ
import Safetensors
import Tensors
import TestSupport
import Testing

@Suite("Recognition of the fixture files as their codecs deliver them")
struct FixtureFileTests {
    private let registry = CodecRegistry([NPZCodec(), SafetensorsCodec(), HDF5Codec(describer: LibHDF5Describer(), layouter: LibHDF5Layouter()),
                                          KerasLegacyCodec(describer: LibHDF5Describer(), layouter: LibHDF5Layouter()), KerasWeightsCodec(describer: LibHDF5Describer(), layouter: LibHDF5Layouter()), KerasArchiveCodec(describer: LibHDF5Describer(), layouter: LibHDF5Layouter())])

    /// The file as its own codec opens it, or as `format` says; nil where no codec reads it here.
    private func open(_ file: FixtureIndex.File, as format: String? = nil) throws -> (checkpoint: any Checkpoint, format: String)? {
        let format = format ?? file.format
        guard !file.name.hasPrefix("sharded/"), registry.codec(named: format) != nil else { return nil }
        return try (registry.open(CheckpointInput(path: Fixtures.path("parity/\(file.architecture)/\(file.name)")), as: format).checkpoint, format)
    }

    private func expectTruth(_ found: Recognition, _ index: CheckpointIndex, _ file: FixtureIndex.File) {
        #expect(found.failure == nil, "\(file.architecture)/\(file.name): \(found.networkReason ?? "")")
        #expect(found.bindings.count == file.truth.count, "\(file.architecture)/\(file.name)")
        for binding in found.bindings {
            #expect(file.truth[binding.parameter]?.tensor == index.tensors[binding.tensor].name, "\(file.architecture)/\(file.name) \(binding.parameter)")
            #expect(file.truth[binding.parameter]?.transposed == binding.transposed, "\(file.architecture)/\(file.name) \(binding.parameter)")
        }
    }

    @Test("with the network of spec.json every parameter is bound as its content says")
    func given() throws {
        var read: [String: Int] = [:]
        for file in try FixtureIndex.files() where !file.truth.isEmpty {
            guard let (checkpoint, format) = try open(file) else { continue }
            let found = try Recognition(of: checkpoint, format: format, hints: RecognitionHints(network: file.spec))
            expectTruth(found, checkpoint.index, file)
            #expect(found.network == file.spec)
            read[file.format, default: 0] += 1
        }
        #expect((read["npz"] ?? 0) > 80 && (read["safetensors"] ?? 0) > 50 && (read["hdf5"] ?? 0) > 60 && (read["keras-h5"] ?? 0) > 60, "\(read)")
        #expect((read["keras"] ?? 0) > 25 && (read["keras-weights"] ?? 0) > 15, "\(read)")
    }

    @Test("Keras' whole models carry their network: layers, slopes to float32, and the loss; through the generic codec too", arguments: [true, false])
    func carried(ownCodec: Bool) throws {
        var read = 0
        for file in try FixtureIndex.files() where (file.format == "keras-h5" || ownCodec && file.format == "keras") && !file.name.contains("weights") {
            guard let (checkpoint, format) = try open(file, as: ownCodec ? nil : "hdf5") else { continue }
            let found = try Recognition(of: checkpoint, format: format)
            expectTruth(found, checkpoint.index, file)
            let network = try #require(found.network)
            #expect(network.input == file.spec.input)
            #expect(network.layers.map(rounded) == file.spec.layers.map(rounded), "\(file.architecture)/\(file.name)")
            let compiled = !file.name.contains("functional") || checkpoint.index.metadata["training_config"] != nil
            // Keras' categorical_crossentropy takes classes and soft targets alike.
            let kind = file.spec.loss?.kind == .softmaxCESoft ? .softmaxCE : file.spec.loss?.kind
            #expect(network.loss?.kind == (compiled ? kind : nil), "\(file.architecture)/\(file.name)")
            if compiled { #expect(found.optimizer?.kind == "adam" && found.optimizer?.step != nil) }
            let parameters = Dictionary(uniqueKeysWithValues: found.bindings.map { (checkpoint.index.tensors[$0.tensor].name, $0.parameter) })
            for (tensor, truth) in file.slots {
                let slot = try #require(found.optimizer?.slots.first { $0.tensor == tensor })
                #expect("\(slot.slot).\(slot.parameter.flatMap { parameters[$0] } ?? "?")" == truth, "\(file.architecture)/\(file.name) \(tensor)")
            }
            // Keras 2 keeps its metrics' counters beside the weights.
            #expect(found.leftovers.allSatisfy { checkpoint.index.tensors[$0].name.hasPrefix("metrics/") } && found.notes.isEmpty, "\(file.architecture)/\(file.name): \(found.notes)")
            read += 1
        }
        #expect(read > (ownCodec ? 80 : 50))
    }

    /// Slopes and eps as float32 has them: Keras 2 keeps no more.
    private func rounded(_ layer: Layer) -> Layer {
        func single(_ activation: Activation) -> Activation {
            switch activation {
            case .leakyReLU(let slope): .leakyReLU(slope: Double(Float(slope)))
            case .elu(let alpha): .elu(alpha: Double(Float(alpha)))
            default: activation
            }
        }
        return switch layer {
        case .dense(let units, let useBias, let activation): .dense(units: units, useBias: useBias, activation: single(activation))
        case .activation(let activation): .activation(single(activation))
        default: layer
        }
    }

    // NPZ-29, DIA-5
    @Test("scikit-learn's files carry their network in two lone strings")
    func sklearn() throws {
        var read = 0
        for file in try FixtureIndex.files() where file.name == "sklearn_mlp.npz" {
            guard let (checkpoint, format) = try open(file) else { continue }
            let found = try Recognition(of: checkpoint, format: format)
            expectTruth(found, checkpoint.index, file)
            #expect(found.dialect == .sklearn && found.network?.layers == file.spec.layers, "\(file.architecture)")
            #expect(checkpoint.index.unsupported.map(\.name) == ["activation", "out_activation_"])
            read += 1
        }
        #expect(read >= 4)
    }

    @Test("the step of an optimizer is read from its counter")
    func step() throws {
        for file in try FixtureIndex.files() where file.architecture == "seed-4-8-3" && ["keras2.h5", "keras3_legacy.h5", "keras3.weights.h5", "keras3.keras", "keras2_v3.keras"].contains(file.name) {
            let (checkpoint, format) = try #require(try open(file))
            #expect(try Recognition(of: checkpoint, format: format).optimizer?.step == 3, "\(file.name)")
        }
    }
}
