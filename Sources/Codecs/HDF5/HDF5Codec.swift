public import ByteIO
public import Checkpoints
public import HDF5Container
public import Tensors

/// Generic HDF5: every dataset of numbers is a tensor, named by its path; attributes are metadata.
public struct HDF5Codec: WritableCheckpointCodec {
    let describer: any HDF5Describer
    let layouter: any HDF5Layouter

    /// - Parameters:
    ///   - describer: who reads files' structure: the helper's client, or libhdf5 in this process.
    ///   - layouter: who lays out new files; the same two.
    public init(describer: any HDF5Describer, layouter: any HDF5Layouter) {
        self.describer = describer
        self.layouter = layouter
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

    public var needsSeekableOutput: Bool { true }
    public var keepsMetadata: Bool { true }

    /// A name's parts are links: none may be empty, `.` or `..`, or have a NUL; and HDF5 has 32 axes at most.
    public func objection(to tensor: TensorInfo) -> String? {
        if let reason = HDF5Names.objection(to: tensor.name) { return reason }
        return tensor.shape.rank > 32 ? "it has \(tensor.shape.rank) axes, HDF5 has 32 at most" : nil
    }

    public func check(_ index: CheckpointIndex, options: WriteOptions) throws(CheckpointError) { _ = try plan(index, options) }

    private func plan(_ index: CheckpointIndex, _ options: WriteOptions) throws(CheckpointError) -> HDF5Plan {
        for tensor in index.tensors {
            if let reason = objection(to: tensor) { throw CheckpointError(.unsupported, "HDF5 cannot hold it: \(reason); rename it with --rename", tensor: tensor.name) }
        }
        return try GenericPlan.make(for: index, options: options)
    }

    public func write(_ checkpoint: any Checkpoint, to output: OutputFile, options: WriteOptions) throws(CheckpointError) {
        let plan = try plan(checkpoint.index, options)
        try HDF5Writer.write(plan, tensors: Array(checkpoint.index.tensors.indices), of: checkpoint, to: output, layouter: layouter, options: options)
    }
}
