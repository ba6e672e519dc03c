public import Checkpoints
public import HDF5Container

/// `keras-h5`: the HDF5 files of `model.save("m.h5")` and `save_weights("w.h5")`, as Keras 1, 2 and 3 write them (Specs/Keras.md, KERAS-10 to 16).
public struct KerasLegacyCodec: CheckpointCodec {
    let describer: any HDF5Describer

    /// - Parameter describer: who reads the files' structure: the helper's client, or libhdf5 in this process.
    public init(describer: any HDF5Describer) {
        self.describer = describer
    }

    public var name: String { "keras-h5" }
    public var extensions: [String] { ["h5", "hdf5"] }

    /// Certain where a list `layer_names` orders the layers (KERAS-10).
    public func confidence(in input: CheckpointInput) -> Confidence {
        guard HDF5File.signatureOffset(in: input.source) != nil,
            let file = try? HDF5File.shared(input, describer: describer) else { return .none }
        return LegacyLayout.isLegacy(file.description) ? .certain : .none
    }

    /// Throws `malformed` when a weight that the lists name is not there or the config is not JSON, `unsupported` for links and storage that lead
    /// out of the file, and what reading HDF5 throws.
    public func open(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) -> any Checkpoint {
        let file = try HDF5File.shared(input, describer: describer, limits: limits)
        let layout = try LegacyLayout(file.description)
        let config = try config("model_config", of: file, limits: limits)
        _ = try self.config("training_config", of: file, limits: limits)
        let dtypes = LegacyDTypes(layout, KerasPolicies(config), file)
        return try KerasCheckpoint(file, order: layout.order, remedy: "read what else is there with --from hdf5") { dtypes.dtype(ofDataset: $0) }
    }

    private func config(_ name: String, of file: HDF5File, limits: Limits) throws(CheckpointError) -> JSONConfig? {
        guard let text = file.description.attributes.first(where: { $0.name == name })?.text else { return nil }
        return try JSONConfig(text, from: "the attribute \(name)", limits: limits, remedy: "read the tensors alone with --from hdf5")
    }
}
