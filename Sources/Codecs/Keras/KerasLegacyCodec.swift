public import ByteIO
public import Checkpoints
public import HDF5Container
import StrictJSON
public import Tensors

/// `keras-h5`: the HDF5 files of `model.save("m.h5")` and `save_weights("w.h5")`, as Keras 1, 2 and 3 write them (Specs/Keras.md, KERAS-10 to 16).
public struct KerasLegacyCodec: DialectCodec {
    let describer: any HDF5Describer
    let layouter: any HDF5Layouter

    /// - Parameters:
    ///   - describer: who reads the files' structure: the helper's client, or libhdf5 in this process.
    ///   - layouter: who lays out new files; the same two.
    public init(describer: any HDF5Describer, layouter: any HDF5Layouter) {
        self.describer = describer
        self.layouter = layouter
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

    public var needsSeekableOutput: Bool { true }
    public var keepsMetadata: Bool { true }
    public func objection(to tensor: TensorInfo) -> String? { KerasPlan.objection(to: tensor) }

    public func check(_ index: CheckpointIndex, options: WriteOptions) throws(CheckpointError) { _ = try plan(index, options) }

    public func write(_ checkpoint: any Checkpoint, to output: OutputFile, options: WriteOptions) throws(CheckpointError) {
        let index = checkpoint.index, plan = try plan(index, options)
        try HDF5Writer.write(plan, tensors: Array(index.tensors.indices), of: checkpoint, to: output, layouter: layouter, options: options)
    }

    /// KERAS-71. Throws `networkNeeded` when no list orders the tensors as layers, `malformed` when a list names one that is not there.
    private func plan(_ index: CheckpointIndex, _ options: WriteOptions) throws(CheckpointError) -> HDF5Plan {
        guard let base = ["", "model_weights"].first(where: { index.metadata[$0.isEmpty ? "layer_names" : "\($0)@layer_names"] != nil }) else {
            throw CheckpointError.notPhrased(name, "there is no list layer_names of its layers")
        }
        let names = PathTable(index.tensors.map(\.name))
        for entry in index.metadata.entries where entry.key.hasSuffix("@weight_names") {
            let group = String(entry.key.dropLast(13))
            for item in (try? JSONReader.read(entry.text))?.array ?? [] {
                guard let weight = item.string, !weight.hasPrefix("/"), group.hasPrefix(base) || group == LegacyLayout.optimizerWeights else { continue }
                let path = "\(group)/\(weight)"
                guard names[path] != nil else {
                    throw CheckpointError(.malformed, "the list \(entry.key) names \(quoted(weight)), and there is no such tensor", tensor: path)
                }
            }
        }
        return try KerasPlan(index, format: name, options: options).withRoot()
    }
}
