import Architecture
import Checkpoints
import Dialects
import StrictJSON
import Tensors
import TestSupport

/// The fixtures as `index.json` and the `spec.json` files describe them, without any codec.
enum FixtureIndex {
    struct File {
        let architecture: String
        let name: String
        let format: String
        let index: CheckpointIndex
        let spec: NetworkDescription
        /// Canonical parameter -> tensor and orientation, found by content when the fixtures were made.
        let truth: [String: (tensor: String, transposed: Bool)]
        /// Optimizer slots: tensor -> `m.L0.kernel`.
        let slots: [String: String]
    }

    /// Every file of a format whose names the dialects read.
    static func files() throws -> [File] {
        var files: [File] = []
        var specs: [String: JSONValue] = [:]
        for entry in try Fixtures.json("parity/index.json")["files"]?.array ?? [] {
            guard let path = entry["path"]?.string, let text = entry["format"]?.string, let format = format(text), !path.hasPrefix("_") else { continue }
            let parts = path.split(separator: "/", maxSplits: 1).map(String.init)
            let spec = try specs[parts[0]] ?? Fixtures.json("parity/\(parts[0])/spec.json")
            specs[parts[0]] = spec
            guard let map = spec["files"]?[parts[1]]?.members else { continue }
            var tensors: [TensorInfo] = [], unsupported: [CheckpointIndex.Unsupported] = []
            for tensor in entry["tensors"]?.array ?? [] {
                let name = plain(tensor["name"]?.string ?? "")
                guard let dtype = DType(rawValue: tensor["dtype"]?.string ?? "") else {
                    unsupported.append(.init(name: name, reason: "a string"))
                    continue
                }
                tensors.append(try TensorInfo(name: name, dtype: dtype, sizes: tensor["shape"]?.array?.compactMap(\.int) ?? []))
            }
            var truth: [String: (tensor: String, transposed: Bool)] = [:], slots: [String: String] = [:]
            for member in map {
                guard let parameter = member.value["param"]?.string else { continue }
                if parameter.hasPrefix("L") { truth[parameter] = (plain(member.key), member.value["transposed"]?.bool ?? false) }
                if parameter.hasPrefix("keras_adam.state.") { slots[plain(member.key)] = String(parameter.dropFirst(17)) }
            }
            files.append(File(architecture: parts[0], name: parts[1], format: format, index: CheckpointIndex(tensors: tensors, unsupported: unsupported),
                              spec: try NetworkDescription(json: spec), truth: truth, slots: slots))
        }
        return files
    }

    static func plain(_ name: String) -> String { name.hasPrefix("model.weights.h5:") ? String(name.dropFirst(17)) : name }

    private static func format(_ text: String) -> String? {
        if text == "npz" || text == "safetensors" { return text }
        if text.hasPrefix("HDF5 (h5py") { return "hdf5" }
        if text.hasPrefix("Keras") { return text.hasSuffix(".keras") ? "keras" : text.hasPrefix("Keras 3 weights") ? "keras-weights" : "keras-h5" }
        if text.hasPrefix("PyTorch") { return "pytorch" }
        if text.hasPrefix("flax") || text.contains("msgpack") { return "flax-msgpack" }
        return nil
    }
}

/// An index of float32 tensors.
func index(_ tensors: [(String, [Int])], _ metadata: [(String, String)] = []) throws -> CheckpointIndex {
    CheckpointIndex(tensors: try tensors.map { try TensorInfo(name: $0.0, dtype: .float32, sizes: $0.1) }, metadata: Metadata(metadata))
}

extension Recognition {
    /// `L0.kernel=fc.weight^T`, for comparing.
    func bound(in index: CheckpointIndex) -> [String] {
        bindings.map { "\($0.parameter)=\(index.tensors[$0.tensor].name)\($0.transposed ? "^T" : "")" }
    }
}
