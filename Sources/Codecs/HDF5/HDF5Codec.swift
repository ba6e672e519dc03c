public import Checkpoints
public import HDF5Container

/// Generic HDF5: every dataset of numbers is a tensor, named by its path; attributes are metadata.
public struct HDF5Codec: CheckpointCodec {
    let describer: any HDF5Describer

    /// - Parameter describer: who reads the files' structure: the helper's client, or libhdf5 in this process.
    public init(describer: any HDF5Describer) {
        self.describer = describer
    }

    public var name: String { "hdf5" }
    public var extensions: [String] { ["h5", "hdf5", "hdf", "he5"] }

    /// Strong where the HDF5 signature stands; the Keras formats, which are HDF5 too, are certain of theirs.
    public func confidence(in input: CheckpointInput) -> Confidence {
        HDF5File.signatureOffset(in: input.source) == nil ? .none : .strong
    }

    public func open(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) -> any Checkpoint {
        try HDF5Checkpoint(HDF5File.shared(input, describer: describer, limits: limits))
    }
}
