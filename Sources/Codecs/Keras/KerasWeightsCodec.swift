public import ByteIO
public import Checkpoints
public import HDF5Container
public import Tensors

/// `keras-weights`: the `.weights.h5` of Keras 3 and late Keras 2, variables by number under `…/vars` (Specs/Keras.md, KERAS-30 to 32).
public struct KerasWeightsCodec: DialectCodec {
    let describer: any HDF5Describer
    let layouter: any HDF5Layouter

    /// - Parameters:
    ///   - describer: who reads the files' structure: the helper's client, or libhdf5 in this process.
    ///   - layouter: who lays out new files; the same two.
    public init(describer: any HDF5Describer, layouter: any HDF5Layouter) {
        self.describer = describer
        self.layouter = layouter
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

    public var needsSeekableOutput: Bool { true }
    public var keepsMetadata: Bool { true }
    public func objection(to tensor: TensorInfo) -> String? { KerasPlan.objection(to: tensor) }

    public func check(_ index: CheckpointIndex, options: WriteOptions) throws(CheckpointError) { _ = try plan(index, options) }

    public func write(_ checkpoint: any Checkpoint, to output: OutputFile, options: WriteOptions) throws(CheckpointError) {
        let index = checkpoint.index, plan = try plan(index, options)
        try HDF5Writer.write(plan, tensors: Array(index.tensors.indices), of: checkpoint, to: output, layouter: layouter, options: options)
    }

    /// KERAS-72. Throws `networkNeeded` when the tensors are not numbered under their layers, `unsupported` for texts that would make it another file.
    private func plan(_ index: CheckpointIndex, _ options: WriteOptions) throws(CheckpointError) -> HDF5Plan {
        guard WeightsLayout.isWeights(index.tensors.map(\.name)) else { throw CheckpointError.notPhrased(name, "the tensors are not numbered under layers") }
        if let foreign = WeightsLayout.foreign.first(where: { index.metadata[$0] != nil }) {
            throw CheckpointError(.unsupported, "\(name) has no place for \(foreign); drop it with --drop metadata")
        }
        return try KerasPlan(index, format: name, options: options).withRoot()
    }
}
