import Architecture
public import Checkpoints
import MLP

/// Runs networks forward and backward on one batch and compares every quantity (Specs/Parity.md).
public struct NetworkParity: Sendable {
    public let options: ParityOptions

    public init(_ options: ParityOptions = ParityOptions()) { self.options = options }

    /// Compares every model with the first one, or with `reference` where there is one. The batch is the reference's, else `inputs`, else seeded.
    ///
    /// Throws `mismatch` where the batch does not fit a network or the reference is another network's, and what reading the reference throws.
    public func report(_ models: [ParityModel], reference: Reference? = nil, inputs: ParityData? = nil) throws(CheckpointError) -> ParityReport {
        guard let first = models.first else { throw CheckpointError(.networkNeeded, "no file was given to validate") }
        guard options.mode == .inference else {
            throw CheckpointError(.unsupported, "training mode is not supported by this version; leave out --mode training")
        }
        var notes: [String] = []
        let data = reference?.data ?? inputs
        let run = try settle(first, data, &notes)
        let (batch, loss, subgradient) = (run.batch, run.loss, run.subgradient)
        let prepared = [run.model] + models.dropFirst().map { PreparedModel($0, loss: loss) }
        for (model, ready) in zip(models, prepared) where ready.description.input != run.model.description.input || ready.description.output != run.model.description.output {
            throw CheckpointError(.mismatch, "its network has \(ready.description.input) inputs and \(ready.description.output) outputs, that of \(quoted(first.file)) \(run.model.description.input) and \(run.model.description.output)").at(file: model.file)
        }
        var passes = [run.pass]
        for (model, ready) in zip(models, prepared).dropFirst() {
            do throws(CheckpointError) {
                passes.append(try ready.pass(batch, loss, subgradient, options.precision, options.kernels))
            } catch { throw error.at(file: model.file) }
        }
        var comparisons: [ParityComparison] = []
        let setting = ComparisonSetting(options: options, batch: batch, loss: loss, subgradient: subgradient)
        if let reference {
            for (i, model) in models.enumerated() {
                comparisons.append(try setting.compare(model, prepared[i], passes[i], with: reference))
            }
        } else {
            var known: Double?
            for i in models.indices.dropFirst() {
                comparisons.append(setting.compare(models[i], prepared[i], passes[i], with: first, prepared[0], passes[0]) {
                    let tolerance = known ?? setting.tolerance(of: prepared[0])
                    known = tolerance
                    return tolerance
                })
            }
        }
        return ParityReport(
            verdict: Self.verdict(comparisons), precision: options.precision, mode: options.mode, batch: batch.rows, seed: data == nil ? options.seed : nil,
            loss: loss, lossValue: passes[0]["loss"]?.values.first ?? .nan,
            models: models.map { .init(file: $0.file, format: $0.format, dialect: $0.dialect, network: $0.network.description) },
            comparisons: comparisons, gradcheck: nil, resume: nil, notes: notes + Self.limits(comparisons, reference))
    }

    /// A model with what is run on it.
    struct Settled {
        var model: PreparedModel
        var batch: ParityBatch
        var loss: Loss
        var subgradient: Subgradient
        var pass: PassValues
    }

    /// Settles loss, derivative at kinks and batch for the first model, and runs it.
    func settle(_ model: ParityModel, _ data: ParityData?, _ notes: inout [String]) throws(CheckpointError) -> Settled {
        let loss = settledLoss(model, data, &notes)
        let subgradient = options.subgradient ?? model.network.description.subgradient ?? .torch
        let ready = PreparedModel(model, loss: loss)
        var batch = try firstBatch(ready.description, loss, data, &notes)
        do throws(CheckpointError) {
            var pass = try ready.pass(batch, loss, subgradient, options.precision, options.kernels)
            if data == nil { try grow(&batch, &pass, ready, loss, subgradient, &notes) }
            return Settled(model: ready, batch: batch, loss: loss, subgradient: subgradient, pass: pass)
        } catch { throw error.at(file: model.file) }
    }

    /// `fail` where one fails, `inconclusive` where one is or there is none.
    static func verdict(_ comparisons: [ParityComparison]) -> Verdict {
        if comparisons.contains(where: { $0.verdict == .fail }) { return .fail }
        return comparisons.isEmpty || comparisons.contains { $0.verdict == .inconclusive } ? .inconclusive : .pass
    }

    /// The loss: what was asked for, else the description's own, else what the head implies (CLI.md).
    private func settledLoss(_ model: ParityModel, _ data: ParityData?, _ notes: inout [String]) -> Loss {
        let description = model.network.description
        let onlyDense = data.map { !$0.hasClasses && $0.hasDense } ?? false
        var loss = description.loss ?? description.impliedLoss(denseTargets: onlyDense)
        if let kind = options.loss {
            if kind != loss.kind { loss = Loss(kind) }
        } else if description.loss == nil {
            notes.append("nothing names the loss: \(loss.kind.rawValue) was taken, as the network ends in \(description.head == .linear ? "a linear layer" : description.head.name); --loss chooses another")
        }
        if options.loss == nil, loss.kind == .softmaxCE, onlyDense {
            // Keras calls both categorical_crossentropy.
            loss.kind = .softmaxCESoft
            if description.loss != nil { notes.append("there are no classes, only y.dense: softmax_ce_soft was taken for softmax_ce") }
        }
        if let reduction = options.reduction { loss.reduction = reduction }
        return loss
    }

    private func firstBatch(_ network: NetworkDescription, _ loss: Loss, _ data: ParityData?, _ notes: inout [String]) throws(CheckpointError) -> ParityBatch {
        guard let data else { return try seeded(options.rows, network, loss) }
        guard !data.hasClasses, !data.hasDense else { return try data.batch(loss: loss.kind, input: network.input, output: network.output) }
        guard data.width == network.input else {
            throw CheckpointError(.mismatch, "its rows have \(data.width) columns, the network's input has \(network.input)", tensor: "x").at(file: data.arrays.file)
        }
        notes.append("\(quoted(data.arrays.file)) has rows but no y.index or y.dense: seeded targets were taken")
        return ParityBatch(x: data.x, rows: data.rows, input: data.width, targets: try seeded(data.rows, network, loss).targets)
    }

    private func seeded(_ rows: Int, _ network: NetworkDescription, _ loss: Loss) throws(CheckpointError) -> ParityBatch {
        try ParityBatch(seed: options.seed, rows: rows, input: network.input, output: network.output, loss: loss.kind)
    }

    /// A seeded batch doubles until every parameter is tested or proven dead, at most to 1,024 rows, and to 2^31 rows times parameters (PARITY-31).
    private func grow(
        _ batch: inout ParityBatch, _ pass: inout PassValues, _ model: PreparedModel, _ loss: Loss, _ subgradient: Subgradient, _ notes: inout [String]
    ) throws(CheckpointError) {
        var coverage = Coverage(model.description, pass)
        guard !coverage.untested.isEmpty else { return }
        let dead = DeadParameters(model.description, model.parameters)
        let size = model.parameters.values.reduce(1) { $0 + $1.count }
        while !coverage.isComplete(but: dead), batch.rows * 2 <= max(1024, options.rows), batch.rows * 2 <= (1 << 31) / size {
            batch = try seeded(batch.rows * 2, model.description, loss)
            pass = try model.pass(batch, loss, subgradient, options.precision, options.kernels)
            coverage = Coverage(model.description, pass)
        }
        let unproven = coverage.untested.reduce(0) { sum, entry in sum + entry.elements.count { !dead.contains(entry.name, $0) } }
        let proven = coverage.untested.reduce(0) { $0 + $1.elements.count } - unproven
        if proven > 0 { notes.append("\(grouped(proven)) parameters have no gradient for any input in [-1, 1]: their units are dead there") }
        if unproven > 0 { notes.append("\(grouped(unproven)) parameters had no gradient on \(grouped(batch.rows)) rows, and are not proven dead; other data (--inputs) may test them") }
    }

    /// What a verdict does not prove (PARITY-40).
    private static func limits(_ comparisons: [ParityComparison], _ reference: Reference?) -> [String] {
        guard !comparisons.isEmpty else {
            return ["one file alone proves nothing: give a second file, or a reference from outside (--reference)"]
        }
        guard comparisons.contains(where: { $0.verdict == .pass }) else { return [] }
        return [reference == nil
            ? "a pass says that the files hold one network as we read them; that a framework computes the same is proven only against a reference made by it (--reference)"
            : "a pass holds for this batch, this loss and inference; it says nothing of training mode, of preprocessing or of inputs far from the batch"]
    }
}
