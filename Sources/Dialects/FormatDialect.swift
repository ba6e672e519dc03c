public import Architecture
public import Checkpoints
public import Tensors

/// How the format of one framework says a network: the names and axes of its parameters, and its own text for the layers.
public protocol FormatDialect: Sendable {
    /// Whose names these are.
    var dialect: Dialect { get }
    /// What a file of this format has to say of `source`. Throws `unsupported` where the framework has no such layer.
    func phrase(_ source: PhraseSource) throws(CheckpointError) -> FormatPhrase
    /// Whether the metadata `key` of a source is bookkeeping of a file of this framework, which a phrase says anew.
    func supersedes(_ key: String) -> Bool
}

/// The formats with a dialect of their own: the one list, by the codecs' names.
public enum FormatDialects {
    public static func named(_ format: String) -> (any FormatDialect)? {
        switch format {
        case "keras": KerasFormat.archive
        case "keras-h5": KerasFormat.legacy
        case "keras-weights": KerasFormat.weights
        default: nil
        }
    }
}

/// What is to be said.
public struct PhraseSource: Sendable {
    public var network: NetworkDescription
    /// The type that each parameter will have, by canonical name.
    public var dtypes: [String: DType]
    /// The source's.
    public var metadata: Metadata
    /// The optimizer's state; its slots' `tensor` is a name in the source, their `parameter` a canonical name.
    public var optimizer: OptimizerState?
}

/// How a format says it.
public struct FormatPhrase: Sendable {
    /// One for each parameter.
    public var placements: [Placement]
    /// The optimizer's slots: name in the source -> name in the file. All or none.
    public var slots: [String: String] = [:]
    /// Why `slots` is empty though there is a state.
    public var slotsReason: String?
    /// What the format's codec needs to write the file.
    public var metadata: Metadata
    public var notes: [String] = []
    /// Metadata of the source for which the format has no place.
    public var lost: [String] = []
}

extension Recognition {
    /// How `dialect` says the network in `index`.
    /// - Parameters:
    ///   - dtype: the type that the tensor at a position will have.
    ///   - withOptimizer: whether its state goes over too.
    /// Throws `networkNeeded` and its like without a network, `unsupported` where the framework has no such layer.
    public func phrase(_ index: CheckpointIndex, in dialect: any FormatDialect, withOptimizer: Bool, dtype: (Int) -> DType) throws(CheckpointError) -> FormatPhrase {
        let network = try requireNetwork()
        var dtypes: [String: DType] = [:], parameters: [[UInt8]: String] = [:]
        for binding in bindings {
            dtypes[binding.parameter] = dtype(binding.tensor)
            parameters[Array(index.tensors[binding.tensor].name.utf8)] = binding.parameter
        }
        var state = withOptimizer ? optimizer : nil
        if let slots = state?.slots {
            state?.slots = slots.map { .init(tensor: $0.tensor, slot: $0.slot, parameter: $0.parameter.flatMap { parameters[Array($0.utf8)] }) }
        }
        return try dialect.phrase(PhraseSource(network: network, dtypes: dtypes, metadata: index.metadata, optimizer: state))
    }

    /// What has to be done to the tensors of `index` to say them as `phrase` does; see `adaptations(of:to:from:)`.
    public func adaptations(of index: CheckpointIndex, as phrase: FormatPhrase, from adaptations: [TensorAdaptation]) -> [TensorAdaptation] {
        let names = Dictionary(phrase.slots.map { (Array($0.key.utf8), $0.value) }, uniquingKeysWith: { first, _ in first })
        return self.adaptations(of: index, at: phrase.placements, from: adaptations).map { old in
            var new = old
            if let name = names[Array(index.tensors[old.source].name.utf8)] { new.name = name }
            return new
        }
    }
}
