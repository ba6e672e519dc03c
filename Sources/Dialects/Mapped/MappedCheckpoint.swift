public import Checkpoints
import StrictJSON
import Synchronization
public import Tensors

/// One tensor of a mapped checkpoint: which of the base's it is, and what is done to it, in this order.
public struct TensorAdaptation: Sendable, Hashable {
    /// The position in the base's index.
    public var source: Int
    public var name: String
    /// The bytes are of this type, whatever the file says; of the same size.
    public var readAs: DType?
    /// The two axes change places.
    public var transposed: Bool
    /// The values, of a float type, are multiplied by this and rounded to their type.
    public var scale: Double
    /// The values are cast to this type.
    public var dtype: DType?

    public init(source: Int, name: String, readAs: DType? = nil, transposed: Bool = false, scale: Double = 1, dtype: DType? = nil) {
        self.source = source
        self.name = name
        self.readAs = readAs
        self.transposed = transposed
        self.scale = scale
        self.dtype = dtype
    }
}

/// A checkpoint seen through renaming, selection, transposition and casts. Nothing is read before it is asked for, and a tensor that is not
/// changed is drawn from the base as it lies there.
///
/// Ties, the optimizer's slots and our network text (`MetadataKey.network`) follow the tensors to their new names; what they say of tensors
/// that are left out is left out.
public final class MappedCheckpoint: Checkpoint {
    public let index: CheckpointIndex
    public let base: any Checkpoint
    /// One for each tensor of the index.
    public let adaptations: [TensorAdaptation]
    private let reports = Mutex<[Int: ElementCast.Report]>([:])

    /// - Parameters:
    ///   - metadata: the new metadata; nil is the base's.
    ///   - optimizer: the optimizer's state in the base's names, where a dialect found it; nil is what the base's index says, an empty one is none.
    /// Throws `mismatch` when two tensors get one name or a type of another size, `unsupported` when a tensor cannot be cast or turned.
    public init(_ base: any Checkpoint, _ adaptations: [TensorAdaptation], metadata: Metadata? = nil, optimizer: OptimizerState? = nil) throws(CheckpointError) {
        var tensors: [TensorInfo] = [], sources: [[UInt8]: String] = [:]
        for adaptation in adaptations {
            let old = base.index.tensors[adaptation.source]
            if let other = sources.updateValue(old.name, forKey: Array(adaptation.name.utf8)) {
                throw CheckpointError(.mismatch, "\(quoted(other)) and \(quoted(old.name)) would both be named \(quoted(adaptation.name))")
            }
            tensors.append(try Self.adapted(old, adaptation))
        }
        self.base = base
        self.adaptations = adaptations
        index = Self.index(base.index, adaptations, tensors, metadata, optimizer ?? base.index.optimizer)
    }

    /// `base` with other types where `rules` say so; the last rule that fits a name counts. Throws `mismatch` when the sizes differ.
    public convenience init(_ base: any Checkpoint, readAs rules: [ReadAsRule]) throws(CheckpointError) {
        try self.init(base, TensorAdaptation.all(of: base.index, readAs: rules))
    }

    public func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes {
        let adaptation = adaptations[position], source = base.index.tensors[adaptation.source]
        var bytes = try base.bytes(ofTensorAt: adaptation.source)
        let type = adaptation.readAs ?? source.dtype
        if adaptation.transposed { bytes = try TransposedBytes(of: bytes, source) }
        if adaptation.scale != 1 { bytes = try ScaledBytes(of: bytes, type, by: adaptation.scale) }
        if let target = adaptation.dtype, target != type, let cast = ElementCast(from: type, to: target) {
            bytes = CastBytes(of: bytes, cast, elements: source.shape.elementCount) { report in self.reports.withLock { $0[position] = report } }
        }
        return bytes
    }

    /// What the cast of the tensor at `position` did to its values: nil until it has been drawn once from start to end, or when it is not cast.
    public func castReport(ofTensorAt position: Int) -> ElementCast.Report? { reports.withLock { $0[position] } }

    public func extent(ofTensorAt position: Int) -> TensorExtent? {
        isUntouched(position) ? base.extent(ofTensorAt: adaptations[position].source) : nil
    }

    public func storedSHA256(ofTensorAt position: Int) -> String? {
        isUntouched(position) ? base.storedSHA256(ofTensorAt: adaptations[position].source) : nil
    }

    public func verifyRemainder() throws(CheckpointError) { try base.verifyRemainder() }

    /// Whether the bytes are the base's.
    private func isUntouched(_ position: Int) -> Bool {
        let adaptation = adaptations[position]
        return !adaptation.transposed && adaptation.scale == 1 && (adaptation.dtype == nil || adaptation.dtype == (adaptation.readAs ?? base.index.tensors[adaptation.source].dtype))
    }
}

extension MappedCheckpoint {
    private static func adapted(_ old: TensorInfo, _ adaptation: TensorAdaptation) throws(CheckpointError) -> TensorInfo {
        var tensor = old
        if let dtype = adaptation.readAs {
            guard let read = tensor.read(as: dtype) else {
                throw CheckpointError(.mismatch, "its elements are \(old.dtype.rawValue) of \(old.dtype.byteCount) bytes and cannot be read as \(dtype.rawValue) of \(dtype.byteCount)", tensor: old.name)
            }
            tensor = read
        }
        var shape = tensor.shape, dtype = tensor.dtype
        if adaptation.transposed {
            guard shape.rank == 2 else { throw CheckpointError(.unsupported, "it has \(shape.rank) axes; only a matrix can be transposed", tensor: old.name) }
            shape = shape.reversed
        }
        if let target = adaptation.dtype, target != dtype {
            guard ElementCast(from: dtype, to: target) != nil else {
                throw CheckpointError(.unsupported, dtype == .void16
                    ? "what its two-byte elements mean is not known; say so with --read-as, as in --read-as '*=bfloat16'"
                    : "\(dtype.rawValue) cannot be cast to \(target.rawValue)", tensor: old.name)
            }
            dtype = target
        }
        do { return try TensorInfo(name: adaptation.name, dtype: dtype, shape: shape) } catch {
            throw CheckpointError(.limit, error.description, tensor: old.name)
        }
    }

    private static func index(_ base: CheckpointIndex, _ adaptations: [TensorAdaptation], _ tensors: [TensorInfo], _ metadata: Metadata?, _ found: OptimizerState?) -> CheckpointIndex {
        var places: [Int: Int] = [:], byName: [[UInt8]: Int] = [:]
        for (place, adaptation) in adaptations.enumerated() {
            places[adaptation.source] = place
            byName[Array(base.tensors[adaptation.source].name.utf8)] = place
        }
        // Tied tensors stay tied as long as the same is done to them.
        let ties: [[Int]] = base.ties.compactMap { tie in
            let kept = tie.compactMap { places[$0] }.sorted()
            guard let first = kept.first, kept.count > 1 else { return nil }
            let same = kept.allSatisfy { adaptations[$0].transposed == adaptations[first].transposed && tensors[$0].dtype == tensors[first].dtype }
            return same ? kept : nil
        }
        func renamed(_ name: String) -> String? { byName[Array(name.utf8)].map { adaptations[$0].name } }
        var optimizer = found
        if let state = found, !state.slots.isEmpty {
            optimizer?.slots = state.slots.compactMap { slot in
                renamed(slot.tensor).map { .init(tensor: $0, slot: slot.slot, parameter: slot.parameter.flatMap(renamed)) }
            }
            if optimizer?.slots.isEmpty == true { optimizer = nil }
        }
        if optimizer == OptimizerState() { optimizer = nil }
        var text = metadata ?? base.metadata
        if metadata == nil, let old = text[MetadataKey.network], var network = try? NetworkText(old) {
            network.parameters.entries = network.parameters.entries.compactMap { entry in
                guard let place = byName[Array(entry.tensor.utf8)] else { return nil }
                let turned = (entry.transposed ?? false) != adaptations[place].transposed
                return .init(parameter: entry.parameter, tensor: adaptations[place].name, transposed: turned, scale: entry.scale / adaptations[place].scale)
            }
            text[MetadataKey.network] = network.text
        }
        return CheckpointIndex(tensors: tensors, metadata: text, unsupported: base.unsupported, ties: ties, optimizer: optimizer)
    }
}

extension TensorAdaptation {
    /// Every tensor of `index` under its own name, with other types where `rules` say so; the last rule that fits a name counts.
    public static func all(of index: CheckpointIndex, readAs rules: [ReadAsRule] = []) -> [TensorAdaptation] {
        index.tensors.enumerated().map { position, tensor in
            TensorAdaptation(source: position, name: tensor.name, readAs: rules.last { $0.names.matches(tensor.name) }?.dtype)
        }
    }
}
