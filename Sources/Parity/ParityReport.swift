public import Architecture
public import StrictJSON

public enum Verdict: String, Sendable, CaseIterable {
    case pass, fail
    /// The comparison could not have seen a fault.
    case inconclusive
}

/// What `mlpconv validate` found.
public struct ParityReport: Sendable, Equatable {
    public struct Model: Sendable, Hashable {
        public var file: String
        public var format: String
        public var dialect: String?
        public var network: NetworkDescription
    }

    /// `fail` where a comparison fails, else `inconclusive` where one is or where there is none, else `pass`.
    public var verdict: Verdict
    public var precision: Precision
    public var mode: ParityOptions.Mode
    /// The rows of the batch.
    public var batch: Int
    /// Nil where the batch was given.
    public var seed: UInt64?
    public var loss: Loss
    /// The first model's loss on the batch.
    public var lossValue: Double
    public var models: [Model]
    public var comparisons: [ParityComparison]
    public var gradcheck: JSONValue?
    public var resume: JSONValue?
    /// How what was not said was settled, and what the verdict does not prove.
    public var notes: [String]

    /// The document of CLI.md, with `notes` besides.
    public var json: JSONValue {
        [
            "verdict": .string(verdict.rawValue),
            "precision": .string(precision.rawValue),
            "mode": .string(mode.rawValue),
            "batch": .integer(batch),
            "seed": .optional(seed.map { .integer($0) }),
            "loss": ["kind": .string(loss.kind.rawValue), "reduction": .string(loss.reduction.rawValue), "value": .real(lossValue)],
            "models": .array(models.map { model in
                ["file": .string(model.file), "format": .string(model.format), "dialect": .optional(model.dialect.map { .string($0) }), "network": model.network.json]
            }),
            "comparisons": .array(comparisons.map(\.json)),
            "gradcheck": .optional(gradcheck),
            "resume": .optional(resume),
            "notes": .strings(notes),
        ]
    }
}

/// One file against the first file, or against the reference.
public struct ParityComparison: Sendable, Hashable {
    public struct Quantity: Sendable, Hashable {
        /// `L0.pre` … `grad.x`, or `param.L0.kernel` for values that the batch does not test and that are compared themselves.
        public var name: String
        public var maxAbs: Double
        /// max|a - b| / max(1e-6, max|b|).
        public var scaled: Double
        /// The largest |a - b| over its derived bound, element by element: at most 1 where rounding explains the difference.
        public var noise: Double
        public var passes: Bool
    }

    public struct Predictions: Sendable, Hashable {
        public var compared: Int
        public var changed: Int
        /// The smallest distance of a prediction of b from being another one; nil when none was compared.
        public var smallestMargin: Double?
    }

    /// Elements of a parameter whose gradient on the batch is exactly zero.
    public struct Untested: Sendable, Hashable {
        public var parameter: String
        public var count: Int
        public var of: Int
        /// Whether they were compared themselves.
        public var compared: Bool
    }

    public struct Diagnosis: Sendable, Hashable {
        public var cause: String
        public var layer: String?
        public var alternatives: [String]
        public var evidence: String
        public var remedy: String
    }

    public var a: String
    public var b: String
    public var verdict: Verdict
    /// Whether every quantity is equal bit for bit.
    public var bitwise: Bool
    /// The share of parameters whose gradient on the batch is not exactly zero.
    public var coverage: Double
    /// What was asked for, else the largest derived bound of a quantity, scaled as its difference is.
    public var tolerance: Double
    /// The smallest X with which `--tolerance X` passes.
    public var smallestPassingTolerance: Double
    /// The first quantity that does not pass, in the order of execution.
    public var firstDivergence: String?
    public var predictions: Predictions
    public var quantities: [Quantity]
    public var skipped: [String]
    public var diagnosis: [Diagnosis]
    public var untested: [Untested]
    public var notes: [String]

    var json: JSONValue {
        [
            "a": .string(a),
            "b": .string(b),
            "verdict": .string(verdict.rawValue),
            "bitwise": .bool(bitwise),
            "coverage": .real(coverage),
            "tolerance": .real(tolerance),
            "smallestPassingTolerance": .real(smallestPassingTolerance),
            "firstDivergence": .optional(firstDivergence.map { .string($0) }),
            "predictions": [
                "compared": .integer(predictions.compared), "changed": .integer(predictions.changed),
                "smallestMargin": .optional(predictions.smallestMargin.map { .real($0) }),
            ],
            "quantities": .array(quantities.map { quantity in
                [
                    "name": .string(quantity.name), "maxAbs": .real(quantity.maxAbs), "scaled": .real(quantity.scaled),
                    "noise": .real(quantity.noise), "passes": .bool(quantity.passes),
                ]
            }),
            "skipped": .strings(skipped),
            "diagnosis": .array(diagnosis.map { found in
                [
                    "cause": .string(found.cause), "layer": .optional(found.layer.map { .string($0) }), "alternatives": .strings(found.alternatives),
                    "evidence": .string(found.evidence), "remedy": .string(found.remedy),
                ]
            }),
            "untested": .array(untested.map { entry in
                ["parameter": .string(entry.parameter), "count": .integer(entry.count), "of": .integer(entry.of), "compared": .bool(entry.compared)]
            }),
            "notes": .strings(notes),
        ]
    }
}
