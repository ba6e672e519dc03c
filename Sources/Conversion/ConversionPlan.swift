import ByteIO
public import Checkpoints
public import Dialects
import Tensors

/// A conversion worked out before anything is written: the source as the target will see it, and the ledger.
public struct ConversionPlan: Sendable {
    /// The source, selected, renamed, turned and cast on demand.
    public let mapped: MappedCheckpoint
    /// The casts' errors are filled in once the bytes have been drawn (`settledLedger`, `rehearsedLedger`).
    public let ledger: Ledger

    /// Throws `lossRefused` for what the target cannot hold and nothing consents to, `mismatch` for names that collide, `networkNeeded`
    /// where a dialect is asked for and no network is known.
    public init(
        _ source: any Checkpoint, _ recognition: Recognition, to target: any WritableCheckpointCodec, options: ConversionOptions
    ) throws(CheckpointError) {
        var draft = try Draft(source.index, recognition, target, options)
        try draft.select(target)
        try draft.name(target)
        try draft.refuse(target)
        draft.enter()
        try draft.refuseUnsupported()
        let metadata = try draft.metadata(target)
        mapped = try MappedCheckpoint(source, draft.adaptations, metadata: metadata, optimizer: draft.optimizer)
        ledger = draft.ledger
    }

    /// As `settledLedger`, for a dry run: tensors that are cast are drawn, to see what becomes of their values, and nothing is written.
    public func rehearsedLedger(_ options: ConversionOptions) throws(CheckpointError) -> Ledger {
        let buffer = try ChunkBuffer(checkedCount: 1 << 20)
        for (position, adaptation) in mapped.adaptations.enumerated() where adaptation.dtype != nil {
            try mapped.forEachChunk(ofTensorAt: position, through: buffer) { (_) throws(CheckpointError) in }
        }
        return try settledLedger(options)
    }

    /// The ledger with what the casts did, once every tensor has been drawn. Throws `lossRefused` when values overflowed without consent.
    public func settledLedger(_ options: ConversionOptions) throws(CheckpointError) -> Ledger {
        var settled = ledger
        for position in settled.tensors.indices {
            guard settled.tensors[position].actions.contains(.cast), let name = settled.tensors[position].to,
                  let mappedPosition = mapped.index.position(of: name), let report = mapped.castReport(ofTensorAt: mappedPosition)
            else { continue }
            settled.tensors[position].maxCastError = report.maxError
            settled.tensors[position].overflowed = report.overflowed
            settled.tensors[position].changedValues = report.changed > 0
            guard report.overflowed == 0 || options.allowsLoss else {
                throw CheckpointError(
                    .lossRefused,
                    "\(grouped(report.overflowed)) of its values \(report.overflowed == 1 ? "is" : "are") too large for \(settled.tensors[position].dtypeTo?.rawValue ?? "the dtype") and would overflow; choose a wider dtype (bfloat16 has float32's range), or consent with --allow-loss",
                    tensor: settled.tensors[position].from)
            }
        }
        return settled
    }
}

/// The plan in the making.
private struct Draft {
    let index: CheckpointIndex
    let recognition: Recognition
    let options: ConversionOptions
    var adaptations: [TensorAdaptation] = []
    var ledger = Ledger()
    /// How a target with a dialect of its own says the network; nil for the others, and where the source is such a file already.
    private var own: (dialect: any FormatDialect, phrase: FormatPhrase)?

    init(_ index: CheckpointIndex, _ recognition: Recognition, _ target: any WritableCheckpointCodec, _ options: ConversionOptions) throws(CheckpointError) {
        self.index = index
        self.recognition = recognition
        self.options = options
        guard target is any DialectCodec, let dialect = FormatDialects.named(target.name) else { return }
        if let asked = options.dialect, asked != .keep || recognition.format != target.name, asked != dialect.dialect {
            throw CheckpointError(.unsupported, "\(target.name) is written in \(dialect.dialect.rawValue)'s own names and axes; leave out --to-dialect \(asked.rawValue)")
        }
        if !options.renames.isEmpty {
            throw CheckpointError(.unsupported, "\(target.name) is written in \(dialect.dialect.rawValue)'s own names; leave out --rename")
        }
        // What is such a file already, and stays whole, stays as it is: its own names, config and lists.
        if recognition.format == target.name, options.dtype == nil, options.include.isEmpty, options.exclude.isEmpty, !options.drop.contains(.metadata) { return }
        do throws(CheckpointError) { _ = try recognition.requireNetwork() } catch {
            var error = error
            error.message = "\(target.name) is written in \(dialect.dialect.rawValue)'s own names and axes, so the network has to be known: \(error.message)"
            throw error
        }
        let casts = options
        let phrase = try recognition.phrase(index, in: dialect, withOptimizer: !options.drop.contains(.optimizer)) { position in
            let tensor = index.tensors[position]
            return casts.dtype.flatMap { tensor.dtype.isFloat ? $0 : nil } ?? tensor.dtype
        }
        own = (dialect, phrase)
        ledger.notes = phrase.notes
    }

    /// The optimizer's state that goes over.
    var optimizer: OptimizerState? { options.drop.contains(.optimizer) ? OptimizerState() : recognition.optimizer }

    /// Why the target has no place for the tensor at `position`, which is no parameter; nil when it has.
    private func homeless(_ position: Int, _ slots: Set<[UInt8]>, _ parameters: Set<Int>) -> (reason: String, remedy: String)? {
        guard let own, !parameters.contains(position) else { return nil }
        let name = index.tensors[position].name
        if slots.contains(Array(name.utf8)) {
            if own.phrase.slots[name] != nil { return nil }
            return ("optimizer state: \(own.phrase.slotsReason ?? "the format has no place for it")", "consent with --drop optimizer")
        }
        return ("it is no parameter of the network, and \(own.dialect.dialect.rawValue) has no place for others", "leave it out with --exclude")
    }

    /// Chooses the tensors that go over; the rest is dropped, with its reason, where something consents to that.
    mutating func select(_ target: any WritableCheckpointCodec) throws(CheckpointError) {
        // A pattern that fits nothing is a slip: the output would lack what was asked for.
        for glob in options.include where !index.tensors.contains(where: { glob.matches($0.name) }) {
            throw CheckpointError(.mismatch, "--include \(quoted(glob.pattern)) fits no tensor; mlpconv inspect lists their names, and * stands for any text")
        }
        let slots = Set((recognition.optimizer?.slots ?? []).map { Array($0.tensor.utf8) })
        let parameters = Set(recognition.bindings.map(\.tensor))
        for (position, tensor) in index.tensors.enumerated() {
            if !options.include.isEmpty, !options.include.contains(where: { $0.matches(tensor.name) }) {
                drop(tensor, "not named by --include")
            } else if options.exclude.contains(where: { $0.matches(tensor.name) }) {
                drop(tensor, "named by --exclude")
            } else if options.drop.contains(.optimizer), slots.contains(Array(tensor.name.utf8)) {
                drop(tensor, "optimizer state (--drop optimizer)")
            } else if let (reason, remedy) = homeless(position, slots, parameters) {
                guard options.allowsLoss else {
                    throw CheckpointError(.lossRefused, "\(target.name) cannot hold it: \(reason); \(remedy), or consent to the loss with --allow-loss", tensor: tensor.name)
                }
                drop(tensor, reason)
            } else {
                adaptations.append(TensorAdaptation(source: position, name: tensor.name, dtype: castTarget(of: tensor)))
            }
        }
    }

    private func castTarget(of tensor: TensorInfo) -> DType? {
        guard let dtype = options.dtype, dtype != tensor.dtype, tensor.dtype.isFloat else { return nil }
        return dtype
    }

    private mutating func drop(_ tensor: TensorInfo, _ reason: String) {
        ledger.tensors.append(Ledger.Entry(from: tensor.name, to: nil, actions: [.dropped], dtypeFrom: tensor.dtype, dtypeTo: nil,
                                           shapeFrom: tensor.shape, shapeTo: nil, reason: reason))
    }

    /// Gives each tensor its name and axes in the output.
    mutating func name(_ target: any WritableCheckpointCodec) throws(CheckpointError) {
        if let own {
            let missing = Set(recognition.bindings.map(\.tensor)).subtracting(adaptations.map(\.source)).min()
            if let missing { throw CheckpointError(.networkNeeded, "\(target.name) holds whole networks, and this parameter was left out", tensor: index.tensors[missing].name) }
            adaptations = recognition.adaptations(of: index, as: own.phrase, from: adaptations)
        } else if let dialect = options.dialect, !(target is any DialectCodec) {
            adaptations = try recognition.adaptations(of: index, to: dialect, from: adaptations)
        }
        for rule in options.renames {
            for position in adaptations.indices { adaptations[position].name = try rule.apply(to: adaptations[position].name) }
        }
        if !target.keepsNames, adaptations.count == 1 { adaptations[0].name = "" }
    }

    /// What the target cannot hold, under the name and in the type that it would have there.
    mutating func refuse(_ target: any WritableCheckpointCodec) throws(CheckpointError) {
        var held: [TensorAdaptation] = []
        for adaptation in adaptations {
            let tensor = index.tensors[adaptation.source]
            let shape = adaptation.transposed ? tensor.shape.reversed : tensor.shape
            let written = (try? TensorInfo(name: adaptation.name, dtype: adaptation.dtype ?? tensor.dtype, shape: shape)) ?? tensor
            guard let objection = target.objection(to: written) else {
                held.append(adaptation)
                continue
            }
            guard options.allowsLoss else {
                throw CheckpointError(.lossRefused, "\(target.name) cannot hold it: \(objection); leave it out with --exclude, or consent to the loss with --allow-loss", tensor: tensor.name)
            }
            drop(tensor, "\(target.name) cannot hold it: \(objection)")
        }
        adaptations = held
    }

    /// A line in the ledger for each tensor that goes over.
    mutating func enter() {
        for adaptation in adaptations {
            let tensor = index.tensors[adaptation.source]
            var actions: [Ledger.Action] = []
            if !adaptation.name.utf8.elementsEqual(tensor.name.utf8) { actions.append(.renamed) }
            if adaptation.transposed { actions.append(.transposed) }
            if adaptation.dtype != nil { actions.append(.cast) }
            ledger.tensors.append(Ledger.Entry(
                from: tensor.name, to: adaptation.name, actions: actions.isEmpty ? [.kept] : actions, dtypeFrom: tensor.dtype,
                dtypeTo: adaptation.dtype ?? tensor.dtype, shapeFrom: tensor.shape, shapeTo: adaptation.transposed ? tensor.shape.reversed : tensor.shape))
        }
        // In the source's order, the dropped ones among the others.
        let order = Dictionary(index.tensors.enumerated().map { (Array($1.name.utf8), $0) }, uniquingKeysWith: { first, _ in first })
        ledger.tensors.sort { (order[Array(($0.from ?? "").utf8)] ?? 0) < (order[Array(($1.from ?? "").utf8)] ?? 0) }
    }

    mutating func refuseUnsupported() throws(CheckpointError) {
        guard let first = index.unsupported.first else { return }
        guard options.drop.contains(.unsupported) || options.allowsLoss else {
            let rest = index.unsupported.count - 1
            throw CheckpointError(
                .lossRefused,
                "\(quoted(first.name)) is no tensor that we read (\(first.reason))\(rest > 0 ? ", nor are \(rest) more" : "") and would be lost; consent with --drop unsupported")
        }
        for item in index.unsupported {
            ledger.tensors.append(Ledger.Entry(from: item.name, to: nil, actions: [.dropped], reason: item.reason))
        }
    }

    /// The metadata of the output: the source's, and what we know of the network, bound to the names in the output.
    mutating func metadata(_ target: any WritableCheckpointCodec) throws(CheckpointError) -> Metadata {
        var metadata = index.metadata
        if options.drop.contains(.metadata) {
            ledger.metadataDropped = metadata.keys
            metadata = Metadata()
        } else if !target.keepsMetadata {
            guard metadata.isEmpty || options.allowsLoss else {
                throw CheckpointError(.lossRefused, "\(target.name) has no place for the metadata (\(metadata.keys.prefix(4).joined(separator: ", "))); consent with --drop metadata")
            }
            ledger.metadataDropped = metadata.keys
        } else {
            ledger.metadataKept = metadata.keys
        }
        guard target.keepsMetadata else { return Metadata() }
        if let own { try rephrase(&metadata, own.phrase, own.dialect, target) } else if target is any DialectCodec {
            for key in metadata.keys where options.drop.contains(.optimizer) && OptimizerText.isAbout(key) { metadata[key] = nil }
            ledger.metadataKept = metadata.keys
        }
        let kept = Set(adaptations.map(\.source))
        if recognition.bindings.allSatisfy({ kept.contains($0.tensor) }), let text = recognition.networkText(of: index, after: adaptations) {
            metadata[MetadataKey.network] = text
        } else {
            metadata[MetadataKey.network] = nil
        }
        let dialect = own?.dialect.dialect ?? options.dialect.flatMap { $0 == .keep ? nil : $0 } ?? recognition.dialect
        if let dialect, dialect != .keep { metadata[MetadataKey.dialect] = dialect.rawValue }
        return metadata
    }

    /// The source's texts of its own layout give way to those of the target's; what the target has no place for is a loss.
    private mutating func rephrase(_ metadata: inout Metadata, _ phrase: FormatPhrase, _ dialect: any FormatDialect, _ target: any WritableCheckpointCodec) throws(CheckpointError) {
        if !phrase.lost.isEmpty, !options.drop.contains(.metadata) {
            guard options.allowsLoss else {
                throw CheckpointError(.lossRefused, "\(target.name) holds weights alone and has no place for \(phrase.lost.joined(separator: ", ")); consent with --drop metadata")
            }
            ledger.metadataDropped += phrase.lost
        }
        let old = metadata.keys.filter(dialect.supersedes)
        for key in old { metadata[key] = nil }
        ledger.metadataKept.removeAll { phrase.lost.contains($0) }
        for entry in phrase.metadata.entries { metadata[entry.key] = entry.text }
        let rewritten = old.filter { !phrase.lost.contains($0) && !$0.contains("@") }
        if !rewritten.isEmpty { ledger.notes.append("written anew for \(target.name): \(rewritten.joined(separator: ", "))") }
    }
}

/// Texts of a file that are about its optimizer's tensors.
private enum OptimizerText {
    static func isAbout(_ key: String) -> Bool { key.hasPrefix("optimizer_weights") || key.hasPrefix("optimizer/") }
}
