public import Checkpoints
public import HDF5Container
import Tensors
import Zip

/// `keras`: the `.keras` archive of Keras 3 and late Keras 2, a zip with the config and an HDF5 file of weights (Specs/Keras.md, KERAS-50 to 57).
public struct KerasArchiveCodec: CheckpointCodec {
    let describer: any HDF5Describer

    /// - Parameter describer: who reads the files' structure: the helper's client, or libhdf5 in this process.
    public init(describer: any HDF5Describer) {
        self.describer = describer
    }

    public var name: String { "keras" }
    public var extensions: [String] { ["keras"] }

    /// Certain when the config and the weights are there; strong when one of them is, or when an archive that begins with them is damaged, so
    /// that its error says how.
    public func confidence(in input: CheckpointInput) -> Confidence {
        guard input.head.starts(with: [0x50, 0x4B, 3, 4]) else { return .none }
        guard let directory = try? KerasArchive.directory(of: input) else {
            return KerasArchive.firstName(in: input.head).map(KerasArchive.names.contains) == true ? .strong : .none
        }
        func has(_ name: String) -> Bool { directory.entry(named: name) != nil }
        let weights = has(KerasArchive.weightsName) || KerasArchive.otherWeights.contains { has($0) }
        if weights, has(KerasArchive.configName) { return .certain }
        return weights || has(KerasArchive.configName) && has(KerasArchive.metadataName) ? .strong : .none
    }

    /// Throws `malformed` when a member that must be there is not, or the config is not JSON or names code; `unsupported` for weights in another
    /// form; and what reading zip and HDF5 throws.
    public func open(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) -> any Checkpoint {
        let archive = try KerasArchive(KerasArchive.directory(of: input, limits: limits), limits: limits)
        return try archive.inWeights { () throws(CheckpointError) in
            let file = try HDF5File(archive.weights, describer: describer, limits: limits)
            let groups = PathTable(file.description.groups.map(\.path))
            return try KerasCheckpoint(
                file, order: WeightsLayout.order(of: file.description), archive: archive,
                remedy: "take \(KerasArchive.weightsName) out of the archive and read what else is there with --from hdf5"
            ) { position in
                // KERAS-5: the group `vars` has the layer's name as an attribute; files without it say it of all layers at once.
                let parent = file.description.datasets[position].path.split(separator: "/").dropLast().joined(separator: "/")
                let layer = groups[parent].flatMap { file.description.groups[$0].attributes.first { $0.name == "name" }?.text }
                let dtype = layer.flatMap { archive.policies.dtype(ofLayer: $0) } ?? archive.policies.common
                return dtype == .bfloat16 ? dtype : nil
            }
        }
    }
}
