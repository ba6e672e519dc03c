import Architecture
import Checkpoints
import MLP

/// One comparison in the making: quantities in the order of execution, then what the batch does not test, then the verdict.
struct ComparisonRun {
    private let setting: ComparisonSetting
    private let model: PreparedModel
    private let bounds: RoundingModel?
    private var result: ParityComparison
    private var derived: Double
    private var isBitwise = true
    /// The first value on the way forward whose bound is this large a part of it: no fault below that is seen (PARITY-34).
    private static let blindness = 0.25
    private var blinded: String?

    /// With `bounds` nil nothing is allowed to differ; `tolerance` is then what is reported.
    init(
        _ setting: ComparisonSetting, _ a: String, _ b: String, _ model: PreparedModel, bounds: RoundingModel?, tolerance: Double = 0, alternatives: [Int: Layer] = [:]
    ) {
        self.setting = setting
        self.model = model
        self.bounds = bounds
        derived = tolerance
        result = ParityComparison(
            a: a, b: b, verdict: .inconclusive, bitwise: false, coverage: 0, tolerance: 0, smallestPassingTolerance: 0, firstDivergence: nil,
            predictions: .init(compared: 0, changed: 0, smallestMargin: nil), quantities: [], skipped: [], diagnosis: [], untested: [], notes: [])
        for i in alternatives.keys.sorted() {
            result.notes.append("L\(i) has an attribute kept as float32 on one side: the bound allows for that rounding")
        }
        let crossings = bounds?.crossings ?? []
        if !crossings.isEmpty {
            result.notes.append("\(grouped(crossings.count)) units lie within rounding of a kink, and the two sides fell on either side of it: \(crossings.prefix(5).joined(separator: ", "))\(crossings.count > 5 ? ", …" : "")")
        }
    }

    /// Compares a quantity with the other side's, or lists it as skipped.
    mutating func add(_ entry: PassValues.Entry, _ other: ComparisonSetting.Other?, missing: String) {
        guard let other, other.values.count == entry.values.count else {
            result.skipped.append(other == nil ? missing : "\(entry.name): of another shape")
            return
        }
        var bound = bounds?.bound(of: entry.name)
        if other.storage > 0 { bound = bound.map { zip($0, other.values).map { $0 + other.storage * abs($1) } } }
        add(entry.name, entry.values, other.values, bound)
    }

    private mutating func add(_ name: String, _ a: [Double], _ b: [Double], _ bound: [Double]?) {
        let compared = ArrayComparison(a, b, bounds: bound?.count == a.count ? bound : nil)
        let passes = setting.options.tolerance.map { compared.scaled <= $0 } ?? (compared.noise <= 1)
        result.quantities.append(.init(name: name, maxAbs: compared.maxAbs, scaled: compared.scaled, noise: compared.noise, passes: passes))
        derived = max(derived, compared.tolerance)
        if !name.hasPrefix("grad."), compared.tolerance > Self.blindness, blinded == nil { blinded = name }
        isBitwise = isBitwise && compared.isBitwise
    }

    /// How many predictions change: the largest of a row's outputs, for `bce` the side of 1/2 of each.
    mutating func addPredictions(_ other: ComparisonSetting.Other?, _ pass: PassValues) {
        guard let own = pass["output"], let other, other.values.count == own.values.count, setting.loss.kind != .mse else { return }
        let width = model.description.output
        var predictions = ParityComparison.Predictions(compared: 0, changed: 0, smallestMargin: nil)
        func count(_ changed: Bool, _ margin: Double) {
            predictions.compared += 1
            if changed { predictions.changed += 1 }
            predictions.smallestMargin = min(predictions.smallestMargin ?? .infinity, margin.isNaN ? 0 : margin)
        }
        if setting.loss.kind == .bce || width == 1 {
            for (x, y) in zip(own.values, other.values) { count((x > 0.5) != (y > 0.5), abs(y - 0.5)) }
        } else {
            for r in 0..<setting.batch.rows {
                let row = r * width..<(r + 1) * width
                func top(_ values: [Double]) -> Int { row.reduce(row.lowerBound) { values[$1] > values[$0] ? $1 : $0 } }
                let best = top(other.values)
                let second = row.lazy.filter { $0 != best }.map { other.values[$0] }.max() ?? -.infinity
                count(top(own.values) != best, other.values[best] - second)
            }
        }
        result.predictions = predictions
    }

    /// Coverage, and the parameters that nothing tests compared themselves where the other side has them (PARITY-33).
    mutating func addParameters(_ coverage: Coverage, _ other: (String) -> [Double]?) {
        result.coverage = coverage.share
        var isBlind = coverage.share < 0.5
        var isLost = false
        for entry in coverage.untested {
            let own = model.parameters[entry.name], theirs = other(entry.name)
            var isCompared = false
            if let own, let theirs, own.count == theirs.count {
                let narrow = setting.options.precision == .float32
                func taken(_ values: [Double]) -> [Double] { entry.elements.map { narrow ? Double(Float(values[$0])) : values[$0] } }
                add("param.\(entry.name)", taken(own), taken(theirs), nil)
                isCompared = true
            }
            if !isCompared {
                isLost = true
                if entry.elements.count == entry.shape.reduce(1, *) { isBlind = true }
            }
            result.untested.append(.init(parameter: entry.name, count: entry.elements.count, of: entry.shape.reduce(1, *), compared: isCompared))
        }
        if isBlind && isLost { result.verdict = .inconclusive } else { result.verdict = .pass }
        result.diagnosis = Diagnoses.certain(model, other)
    }

    func finished() -> ParityComparison {
        var result = result
        result.bitwise = isBitwise && !result.quantities.isEmpty
        result.tolerance = setting.options.tolerance ?? derived
        result.smallestPassingTolerance = result.quantities.reduce(0) { max($0, $1.scaled) }
        result.firstDivergence = result.quantities.first { !$0.passes }?.name
        if result.firstDivergence != nil { result.verdict = .fail }
        if !result.quantities.contains(where: { !$0.name.hasPrefix("param.") }) { result.verdict = .inconclusive }
        if result.verdict == .pass, let blinded, setting.options.tolerance == nil, !result.bitwise {
            result.verdict = .inconclusive
            result.notes.append("rounding alone may change \(blinded) by more than a quarter of its size: \(setting.options.precision.rawValue) cannot tell a fault there\(setting.options.precision == .float32 ? "; use --precision float64" : "")")
        }
        if result.verdict != .fail { result.diagnosis = [] }
        return result
    }
}
