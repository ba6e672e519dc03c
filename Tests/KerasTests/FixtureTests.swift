import ByteIO
import Checkpoints
import Foundation
import HDF5Container
import Keras
import LibHDF5
import StrictJSON
import Tensors
import TestSupport
import Testing

let inProcess = LibHDF5Describer()
let inProcessLayouter = LibHDF5Layouter()
let allCodecs: [any CheckpointCodec] = [
    KerasLegacyCodec(describer: inProcess, layouter: inProcessLayouter), KerasWeightsCodec(describer: inProcess, layouter: inProcessLayouter), KerasArchiveCodec(describer: inProcess, layouter: inProcessLayouter),
]

/// The codec of the three that is certain of `input`; fails when it is not exactly one.
func recognised(_ input: CheckpointInput) throws -> any CheckpointCodec {
    let certain = allCodecs.filter { $0.confidence(in: input) == .certain }
    #expect(certain.count == 1, "\(input.name): \(certain.map(\.name))")
    return try #require(certain.first)
}

struct Content: Equatable {
    var name: String, dtype: String, shape: [Int], sha256: String
}

/// The tensors of an open checkpoint with their hashes; every byte is read.
func contents(_ checkpoint: any Checkpoint) throws -> [Content] {
    let buffer = try ChunkBuffer(count: 100_000)
    let all = try checkpoint.index.tensors.indices.map { position in
        let info = checkpoint.index.tensors[position]
        return Content(name: info.name, dtype: info.dtype.rawValue, shape: info.shape.sizes,
                       sha256: try ContentHash.sha256(ofTensorAt: position, in: checkpoint, through: buffer))
    }
    try checkpoint.verifyRemainder()
    return all
}

/// What an entry of `index.json` says is in a file, by name; a `.keras` file's names have the member before a colon there.
func expected(_ entry: JSONValue) throws -> [Content] {
    try (entry["tensors"]?.array ?? []).map { tensor in
        let name = try #require(tensor["name"]?.string)
        return Content(name: name.hasPrefix("model.weights.h5:") ? String(name.dropFirst(17)) : name, dtype: try #require(tensor["dtype"]?.string),
                       shape: tensor["shape"]?.array?.compactMap(\.int) ?? [], sha256: try #require(tensor["sha256"]?.string))
    }
}

func parityEntries() throws -> [(path: String, entry: JSONValue)] {
    try (Fixtures.json("parity/index.json")["files"]?.array ?? []).compactMap { entry in
        guard let path = entry["path"]?.string, FileManager.default.fileExists(atPath: "\(Fixtures.root)/Fixtures/parity/\(path)") else { return nil }
        return (path, entry)
    }
}

// KERAS-1, KERAS-53.
@Test("every Keras fixture is recognised, and has the tensors, types, shapes and bytes that its own library saw")
func readsParityFixtures() throws {
    var checked: [String: Int] = [:]
    for (path, entry) in try parityEntries() where entry["format"]?.string?.hasPrefix("Keras") == true {
        let input = try CheckpointInput(path: Fixtures.path("parity/\(path)"))
        let codec = try recognised(input)
        let name = path.hasSuffix(".keras") ? "keras" : path.hasSuffix(".weights.h5") ? "keras-weights" : "keras-h5"
        #expect(codec.name == name, "\(path)")
        let checkpoint = try codec.open(input, limits: .default)
        #expect(checkpoint.index.unsupported.isEmpty, "\(path): \(checkpoint.index.unsupported)")
        let found = try contents(checkpoint)
        #expect(found.sorted { $0.name < $1.name } == (try expected(entry)).sorted { $0.name < $1.name }, "\(path)")
        // Contiguous, little-endian: in place, in an archive too.
        for (position, tensor) in checkpoint.index.tensors.enumerated() where tensor.byteCount > 0 {
            #expect(checkpoint.extent(ofTensorAt: position) != nil, "\(path): \(tensor.name)")
        }
        checked[name, default: 0] += 1
    }
    #expect(checked["keras-h5", default: 0] >= 50 && checked["keras-weights", default: 0] >= 15 && checked["keras", default: 0] >= 20, "\(checked)")
}

// KERAS-10, KERAS-30, KERAS-50.
@Test("no generic HDF5, npz or other fixture is taken for a Keras file")
func leavesOthersAlone() throws {
    var checked = 0
    for (path, entry) in try parityEntries() where entry["format"]?.string?.hasPrefix("Keras") == false {
        let input = try CheckpointInput(path: Fixtures.path("parity/\(path)"))
        for codec in allCodecs { #expect(codec.confidence(in: input) == .none, "\(path): \(codec.name)") }
        checked += 1
    }
    #expect(checked >= 100)
}

// KERAS-3, KERAS-51, KERAS-52.
@Test("a whole model's config, training config and version are metadata, in all three eras")
func keepsConfigs() throws {
    for (path, version, isTrained) in [
        ("seed-4-8-3/keras2.h5", "2.21.0", true), ("seed-4-8-3/keras3_legacy.h5", "3.15.1", true), ("seed-4-8-3/keras2_functional.h5", "2.21.0", false),
        ("seed-4-8-3/keras3.keras", "3.15.1", false), ("seed-4-8-3/keras2_v3.keras", "2.21.0", false),
    ] {
        let input = try CheckpointInput(path: Fixtures.path("parity/\(path)"))
        let metadata = try recognised(input).open(input, limits: .default).index.metadata
        #expect(metadata["keras_version"] == version, "\(path)")
        let config = try JSONReader.read(try #require(metadata["model_config"], "\(path)"))
        #expect(config["class_name"]?.string == (path.contains("functional") ? "Functional" : "Sequential"))
        #expect((metadata["training_config"] != nil) == isTrained, "\(path)")
        if path.hasSuffix(".keras") { #expect(metadata["date_saved"]?.contains("@") == true) }
    }
    let input = try CheckpointInput(path: Fixtures.path("parity/seed-4-8-3/keras3.keras"))
    let metadata = try recognised(input).open(input, limits: .default).index.metadata
    #expect(metadata["layers/dense_1/vars@name"] == "dense_1")
    #expect(metadata["optimizer/vars@name"] == "adam")
    let legacy = try CheckpointInput(path: Fixtures.path("parity/seed-4-8-3/keras2.h5"))
    let lists = try recognised(legacy).open(legacy, limits: .default).index.metadata
    #expect(lists["model_weights@layer_names"] == #"["dense","dense_1"]"#)
    #expect(lists["model_weights/dense@weight_names"] == #"["dense/kernel:0","dense/bias:0"]"#)
    #expect(lists["model_weights/top_level_model_weights@weight_names"] == "[]")
}

// KERAS-13, KERAS-31, KERAS-32.
@Test("the order is the file's own: layers and weights by their lists, variables by number, the optimizer last")
func keepsOrder() throws {
    func names(_ path: String) throws -> [String] {
        let input = try CheckpointInput(path: Fixtures.path("parity/\(path)"))
        return try recognised(input).open(input, limits: .default).index.tensors.map(\.name)
    }
    #expect(try names("seed-4-8-3/keras2.h5").prefix(6) == [
        "model_weights/dense/dense/kernel:0", "model_weights/dense/dense/bias:0", "model_weights/dense_1/dense_1/kernel:0",
        "model_weights/dense_1/dense_1/bias:0", "optimizer_weights/iteration:0", "optimizer_weights/Adam/m/dense/kernel:0",
    ])
    #expect(try names("seed-4-8-3/keras3_legacy.h5").prefix(6) == [
        "model_weights/dense/sequential/dense/kernel", "model_weights/dense/sequential/dense/bias", "model_weights/dense_1/sequential/dense_1/kernel",
        "model_weights/dense_1/sequential/dense_1/bias", "optimizer_weights/adam/iteration", "optimizer_weights/adam/learning_rate",
    ])
    #expect(try names("batchnorm-dropout/keras2_weights.h5").prefix(6).map { $0.split(separator: "/").last } == [
        "kernel:0", "bias:0", "gamma:0", "beta:0", "moving_mean:0", "moving_variance:0",
    ])
    let numbered = try names("smooth-zoo/keras3.weights.h5")
    #expect(numbered.filter { $0.hasPrefix("optimizer/") } == (0..<numbered.count { $0.hasPrefix("optimizer/") }).map { "optimizer/vars/\($0)" })
    #expect(numbered.lastIndex { $0.hasPrefix("layers/") } ?? 0 < numbered.firstIndex { $0.hasPrefix("optimizer/") } ?? 0)
}
