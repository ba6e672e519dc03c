public import ByteIO
public import Checkpoints
public import HDF5Container
import StrictJSON
public import Tensors
import Zip

/// `keras`: the `.keras` archive of Keras 3 and late Keras 2, a zip with the config and an HDF5 file of weights (Specs/Keras.md, KERAS-50 to 57).
public struct KerasArchiveCodec: DialectCodec {
    let describer: any HDF5Describer
    let layouter: any HDF5Layouter

    /// - Parameters:
    ///   - describer: who reads the files' structure: the helper's client, or libhdf5 in this process.
    ///   - layouter: who lays out new files; the same two.
    public init(describer: any HDF5Describer, layouter: any HDF5Layouter) {
        self.describer = describer
        self.layouter = layouter
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

    public var needsSeekableOutput: Bool { false }
    public var keepsMetadata: Bool { true }
    public func objection(to tensor: TensorInfo) -> String? { KerasPlan.objection(to: tensor) }

    public func check(_ index: CheckpointIndex, options: WriteOptions) throws(CheckpointError) { _ = try plan(index, options) }

    /// KERAS-73. Throws `networkNeeded` when the tensors are not numbered under their layers or there is no config, `malformed` when it is none.
    private func plan(_ index: CheckpointIndex, _ options: WriteOptions) throws(CheckpointError) -> (plan: KerasPlan, config: String) {
        guard WeightsLayout.isWeights(index.tensors.map(\.name)) else { throw CheckpointError.notPhrased(name, "the tensors are not numbered under layers") }
        guard let config = index.metadata["model_config"] else { throw CheckpointError.notPhrased(name, "there is no config of its layers") }
        _ = try JSONConfig(config, from: "model_config", limits: .default, remedy: "drop it with --drop metadata")
        return (try KerasPlan(index, format: name, options: options), config)
    }

    public func write(_ checkpoint: any Checkpoint, to output: OutputFile, options: WriteOptions) throws(CheckpointError) {
        let index = checkpoint.index
        let (plan, config) = try plan(index, options)
        var said: [JSONValue.Member] = []
        for key in ["keras_version", "date_saved"] { said.append(.init(key, .string(index.metadata[key] ?? (key == "date_saved" ? "1980-01-01@00:00:00" : "3.0.0")))) }
        for entry in plan.rest where !["keras_version", "date_saved", "model_config"].contains(entry.key) { said.append(.init(entry.key, .string(entry.text))) }
        // The HDF5 file is laid out by a library, which seeks: it is made beside, and goes into the archive in one piece.
        let weights = try KerasArchive.spooled { (file) throws(CheckpointError) in
            try HDF5Writer.write(plan.plan, tensors: Array(index.tensors.indices), of: checkpoint, to: file, layouter: layouter, options: options)
        }
        try KerasArchive.write([
            (KerasArchive.metadataName, Array(JSONValue.object(said).text().utf8)), (KerasArchive.configName, Array(config.utf8)),
        ], weights: weights, to: output)
    }
}
