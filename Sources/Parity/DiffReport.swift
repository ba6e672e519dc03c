public import StrictJSON

/// What `mlpconv diff` found.
public struct DiffReport: Sendable, Hashable {
    public enum Scope: String, Sendable, CaseIterable {
        /// Optimizer state and metadata left aside.
        case parameters
        case all
    }

    /// How two tensors relate, the strongest statement that holds.
    public enum Class: String, Sendable, CaseIterable {
        /// Equal as numbers: -0 equals 0, a NaN equals a NaN; a transposition that the dialects explain is none.
        case identical
        /// One is the other, correctly rounded to a narrower type.
        case equalAfterCast = "equal-after-cast"
        case withinTolerance = "within-tolerance"
        /// Equal once the axes of one are turned round, which nothing explains.
        case transposedEqual = "transposed-equal"
        /// The same numbers in another order.
        case permutedEqual = "permuted-equal"
        case different
        case onlyInA = "only-in-a"
        case onlyInB = "only-in-b"
        case shape
    }

    public struct Tensor: Sendable, Hashable {
        /// The canonical name where both sides have the role, else the tensor's own.
        public var name: String
        public var nameInA: String?
        public var nameInB: String?
        public var relation: Class
        /// The largest |a - b|; infinite where only one is infinite or NaN. Nil where no numbers were compared.
        public var maxAbs: Double?
        /// The largest |a - b| / |b|; infinite where b alone is 0.
        public var maxRel: Double?
        /// The largest distance in units in the last place of the narrower type (for integers, the difference). `UInt64.max` for a NaN and a number.
        public var maxULP: UInt64?
    }

    /// A metadata key whose text is not the same on both sides; nil is absent.
    public struct MetadataDifference: Sendable, Hashable {
        public var key: String
        public var inA: String?
        public var inB: String?
    }

    public var same: Bool
    public var scope: Scope
    public var tensors: [Tensor]
    /// Only under the scope `all`.
    public var metadata: [MetadataDifference]

    /// The document of CLI.md; under the scope `all` with one more member, `metadata`.
    public var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("same", .bool(same)),
            .init("scope", .string(scope.rawValue)),
            .init("tensors", .array(tensors.map(\.json))),
        ]
        if scope == .all {
            members.append(.init("metadata", .array(metadata.map { entry in
                ["key": .string(entry.key), "inA": .optional(entry.inA.map { .string($0) }), "inB": .optional(entry.inB.map { .string($0) })]
            })))
        }
        return .object(members)
    }
}

extension DiffReport.Tensor {
    var json: JSONValue {
        [
            "name": .string(name),
            "nameInA": .optional(nameInA.map { .string($0) }),
            "nameInB": .optional(nameInB.map { .string($0) }),
            "class": .string(relation.rawValue),
            "maxAbs": .optional(maxAbs.map { .real($0) }),
            "maxRel": .optional(maxRel.map { .real($0) }),
            "maxULP": .optional(maxULP.map { .integer($0) }),
        ]
    }
}
