import Architecture
import Checkpoints
import MLP

/// What all comparisons of one run share.
struct ComparisonSetting {
    let options: ParityOptions
    let batch: ParityBatch
    let loss: Loss
    let subgradient: Subgradient

    /// A quantity of the other side.
    struct Other {
        var shape: [Int]
        var values: [Double]
        /// The unit roundoff of the type that the values were stored in, where that is less than what they were computed in.
        var storage = 0.0
    }

    /// File against file: `b` is the first file.
    /// Where every quantity is equal bit for bit no bound is needed, and none is derived: `equalTolerance` is what is reported.
    func compare(
        _ a: ParityModel, _ ready: PreparedModel, _ pass: PassValues, with b: ParityModel, _ other: PreparedModel, _ otherPass: PassValues,
        equalTolerance: () -> Double
    ) -> ParityComparison {
        let alignment = LayerAlignment(ready.description, other.description)
        func lookUp(_ name: String) -> Other? {
            alignment.name(name).flatMap { otherPass[$0] }.map { Other(shape: $0.shape, values: $0.values) }
        }
        let layers = Dictionary(ready.description.layers.indices.compactMap { i in alignment.layer(i).map { (i, other.description.layers[$0]) } }, uniquingKeysWith: { first, _ in first })
        let alternatives = attributeRoundings(ready.description.layers, layers)
        let isEqual = pass.entries.allSatisfy { entry in
            lookUp(entry.name).map { other in other.values.count == entry.values.count && zip(entry.values, other.values).allSatisfy { $0.bitPattern == $1.bitPattern } } ?? false
        }
        var run = ComparisonRun(
            self, a.file, b.file, ready, bounds: isEqual ? nil : bounds(ready, pass, options.precision, alternatives, lookUp),
            tolerance: isEqual ? equalTolerance() : 0, alternatives: alternatives)
        for entry in pass.entries { run.add(entry, lookUp(entry.name), missing: "\(entry.name): not in \(b.file)") }
        run.addPredictions(lookUp("output"), pass)
        var coverage = Coverage(other.description, otherPass)
        // What b tests is named as a names it.
        let back = LayerAlignment(other.description, ready.description)
        coverage.rename { back.name($0) }
        run.addParameters(coverage) { name in alignment.name(name).flatMap { other.parameters[$0] } }
        return run.finished()
    }

    /// File against reference.
    func compare(_ a: ParityModel, _ ready: PreparedModel, _ pass: PassValues, with reference: Reference) throws(CheckpointError) -> ParityComparison {
        var found: [String: Other] = [:]
        for entry in pass.entries {
            guard let array = try reference.quantity(entry.name) else { continue }
            let storage = array.dtype.storageUnit
            found[entry.name] = Other(shape: array.shape, values: array.values, storage: storage > reference.precision.unit ? storage : 0)
        }
        // A reference whose network ends in logits says so: its last activation is its logits.
        if let head = headActivation(ready), let act = found[head], let logits = found["logits"], act.values == logits.values,
            let own = pass[head], let ownLogits = pass["logits"], own.values != ownLogits.values
        {
            found[head] = nil
        }
        var parameters: [String: [Double]] = [:]
        for (name, shape) in ready.description.parameters {
            guard let array = try reference.parameter(name) else { continue }
            guard fits(array.shape, shape) else { throw otherNetwork("param.\(name)", array.shape, shape, reference) }
            parameters[name] = array.values
        }
        for entry in pass.entries {
            guard let other = found[entry.name] else { continue }
            guard fits(other.shape, entry.shape) else { throw otherNetwork("\(reference.precision.prefix).\(entry.name)", other.shape, entry.shape, reference) }
        }
        let alternatives = attributeRoundings(ready.description.layers, nil)
        var run = ComparisonRun(
            self, a.file, reference.file, ready, bounds: bounds(ready, pass, reference.precision, alternatives) { found[$0] }, alternatives: alternatives)
        for entry in pass.entries { run.add(entry, found[entry.name], missing: "\(reference.precision.prefix).\(entry.name): not in the reference") }
        run.addPredictions(found["output"], pass)
        run.addParameters(Coverage(ready.description, pass)) { parameters[$0] }
        return run.finished()
    }

    private func bounds(
        _ model: PreparedModel, _ pass: PassValues, _ other: Precision, _ alternatives: [Int: Layer], _ lookUp: @escaping (String) -> Other?
    ) -> RoundingModel {
        var bounds = RoundingModel(
            model.description, parameters: model.parameters, batch: batch, loss: loss, subgradient: subgradient,
            unit: RoundingUnit(options.precision, other), alternatives: alternatives,
            sides: { name in
                guard let own = pass[name] else { return nil }
                return lookUp(name).map { (own.values, $0.values) }
            })
        bounds.amplify()
        return bounds
    }

    /// The derived tolerance of a model against itself, on as many rows of the batch as keep the work small.
    func tolerance(of model: PreparedModel) -> Double {
        let size = model.parameters.values.reduce(1) { $0 + $1.count }
        return RoundingModel(
            model.description, parameters: model.parameters, batch: batch.first(max(1, min(batch.rows, (1 << 26) / size))), loss: loss, subgradient: subgradient,
            unit: RoundingUnit(options.precision, options.precision)
        ).tolerance
    }

    /// `L1.act` where L1 is a dense head that the loss is taken from.
    private func headActivation(_ model: PreparedModel) -> String? {
        model.description.layers.lastIndex { !$0.isIdentity }.map { "L\($0).act" }
    }

    private func otherNetwork(_ name: String, _ found: [Int], _ expected: [Int], _ reference: Reference) -> CheckpointError {
        CheckpointError(.mismatch, "its shape is \(found), this network's is \(expected): the reference is another network's or another batch's", tensor: name).at(file: reference.file)
    }
}

/// Whether two shapes are one but for axes of length 1: a bias may be [n] or [1, n].
func fits(_ a: [Int], _ b: [Int]) -> Bool { a.filter { $0 != 1 } == b.filter { $0 != 1 } }
