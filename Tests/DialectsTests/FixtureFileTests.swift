import Architecture
import ByteIO
import Checkpoints
import Dialects
import HDF5
import LibHDF5
import NPZ
import Safetensors
import Tensors
import TestSupport
import Testing
import Zip

@Suite("Recognition of the fixture files as their codecs deliver them")
struct FixtureFileTests {
    private let registry = CodecRegistry([NPZCodec(), SafetensorsCodec(), HDF5Codec(describer: LibHDF5Describer(), layouter: LibHDF5Layouter())])

    private func open(_ file: FixtureIndex.File) throws -> (checkpoint: any Checkpoint, format: String)? {
        guard let path = try? Fixtures.path("parity/\(file.architecture)/\(file.name)"), !file.name.hasPrefix("sharded/") else { return nil }
        let format = ["npz": "npz", "safetensors": "safetensors", "hdf5": "hdf5", "keras-h5": "hdf5", "keras-weights": "hdf5"][file.format]
        guard let format else { return nil }
        return try (registry.open(CheckpointInput(path: path), as: format).checkpoint, format)
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
    }

    @Test("Keras' whole models carry their network: layers, slopes to float32, and the loss")
    func carried() throws {
        var read = 0
        for file in try FixtureIndex.files() where file.format == "keras-h5" && !file.name.contains("weights") {
            guard let (checkpoint, format) = try open(file) else { continue }
            let found = try Recognition(of: checkpoint, format: format)
            expectTruth(found, checkpoint.index, file)
            let network = try #require(found.network)
            #expect(network.input == file.spec.input && network.layers.count == file.spec.layers.count)
            for (a, b) in zip(network.layers, file.spec.layers) { #expect(rounded(a) == rounded(b), "\(file.architecture)/\(file.name)") }
            let compiled = checkpoint.index.metadata["training_config"] != nil
            // Keras' categorical_crossentropy takes classes and soft targets alike.
            let kind = file.spec.loss?.kind == .softmaxCESoft ? .softmaxCE : file.spec.loss?.kind
            #expect(network.loss?.kind == (compiled ? kind : nil), "\(file.architecture)/\(file.name)")
            if compiled { #expect(found.optimizer?.kind == "adam" && found.optimizer?.step != nil) }
            read += 1
        }
        #expect(read > 50)
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

    @Test("a .keras file's config gives network, order and optimizer, functional ones too")
    func kerasArchives() throws {
        var read = 0
        for file in try FixtureIndex.files() where file.format == "keras" {
            let archive = try ZipDirectory(FileSource(path: try Fixtures.path("parity/\(file.architecture)/\(file.name)")))
            var index = file.index
            for (member, key) in [("config.json", "model_config"), ("metadata.json", "metadata")] {
                let entry = try #require(archive.entry(named: member))
                index.metadata[key] = String(decoding: try archive.bytes(of: entry, atMost: 1 << 20), as: UTF8.self)
            }
            for tensors in [index.tensors, index.tensors.reversed()] {
                index.tensors = tensors
                let found = Recognition(of: index, format: "keras")
                expectTruth(found, index, file)
                let network = try #require(found.network)
                #expect(network.input == file.spec.input)
                #expect(network.layers.map(rounded) == file.spec.layers.map(rounded), "\(file.architecture)/\(file.name)")
                let parameters = Dictionary(uniqueKeysWithValues: found.bindings.map { (index.tensors[$0.tensor].name, $0.parameter) })
                for (tensor, truth) in file.slots {
                    let slot = try #require(found.optimizer?.slots.first { $0.tensor == tensor })
                    #expect("\(slot.slot).\(slot.parameter.flatMap { parameters[$0] } ?? "?")" == truth, "\(file.architecture)/\(file.name) \(tensor)")
                }
            }
            read += 1
        }
        #expect(read > 20)
    }

    @Test("the step of an optimizer is read from its counter")
    func step() throws {
        for file in try FixtureIndex.files() where file.architecture == "seed-4-8-3" && ["keras2.h5", "keras3_legacy.h5", "keras3.weights.h5"].contains(file.name) {
            let (checkpoint, format) = try #require(try open(file))
            #expect(try Recognition(of: checkpoint, format: format).optimizer?.step == 3, "\(file.name)")
        }
    }
}
