public import Checkpoints
public import HDF5Container

/// `keras-weights`: the `.weights.h5` of Keras 3 and late Keras 2, variables by number under `…/vars` (Specs/Keras.md, KERAS-30 to 32).
public struct KerasWeightsCodec: CheckpointCodec {
    let describer: any HDF5Describer

    /// - Parameter describer: who reads the files' structure: the helper's client, or libhdf5 in this process.
    public init(describer: any HDF5Describer) {
        self.describer = describer
    }

    public var name: String { "keras-weights" }
    public var extensions: [String] { ["weights.h5"] }

    /// Certain where the groups are those that Keras makes (KERAS-30).
    public func confidence(in input: CheckpointInput) -> Confidence {
        guard HDF5File.signatureOffset(in: input.source) != nil,
            let file = try? HDF5File.shared(input, describer: describer) else { return .none }
        return WeightsLayout.isWeights(file.description) ? .certain : .none
    }

    /// Throws `unsupported` for links and storage that lead out of the file, and what reading HDF5 throws.
    public func open(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) -> any Checkpoint {
        let file = try HDF5File.shared(input, describer: describer, limits: limits)
        return try KerasCheckpoint(file, order: WeightsLayout.order(of: file.description), remedy: "read what else is there with --from hdf5")
    }
}
