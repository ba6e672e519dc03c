public import StrictJSON
public import Tensors

/// What a conversion did, or would do, to each tensor and each piece of metadata: nothing is lost in silence.
public struct Ledger: Sendable {
    public enum Action: String, Sendable { case kept, renamed, transposed, cast, dropped, added }

    public struct Entry: Sendable {
        /// The tensor's name in the source; nil for one that was added.
        public var from: String?
        /// Its name in the output; nil for one that was dropped.
        public var to: String?
        public var actions: [Action]
        public var dtypeFrom: DType?
        public var dtypeTo: DType?
        public var shapeFrom: Shape?
        public var shapeTo: Shape?
        /// The largest |after - before| of a cast; nil where nothing was cast.
        public var maxCastError: Double?
        /// Finite values that became infinite or saturated.
        public var overflowed: Int?
        /// Whether a cast changed a value.
        public var changedValues = false
        public var reason: String?
    }

    public var tensors: [Entry] = []
    public var metadataKept: [String] = []
    public var metadataDropped: [String] = []
    /// Things worth saying that are no loss.
    public var notes: [String] = []

    public init() {}

    /// Whether everything in the source can be had back from the output.
    public var isLossless: Bool {
        metadataDropped.isEmpty && tensors.allSatisfy { !$0.actions.contains(.dropped) && !$0.changedValues }
    }

    /// The parts of CLI.md's document that a ledger holds: `tensors`, `metadata`, `lossless`, `notes`.
    public var members: [JSONValue.Member] {
        [
            .init("tensors", .array(tensors.map(\.json))),
            .init("metadata", ["kept": .strings(metadataKept), "dropped": .strings(metadataDropped)]),
            .init("lossless", .bool(isLossless)),
            .init("notes", .strings(notes)),
        ]
    }
}

extension Ledger.Entry {
    var json: JSONValue {
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        func sizes(_ shape: Shape?) -> JSONValue { shape.map { .array($0.sizes.map { .integer($0) }) } ?? .null }
        return [
            "from": text(from),
            "to": text(to),
            "actions": .strings(actions.map(\.rawValue)),
            "dtype": ["from": text(dtypeFrom?.rawValue), "to": text(dtypeTo?.rawValue)],
            "shape": ["from": sizes(shapeFrom), "to": sizes(shapeTo)],
            "maxCastError": maxCastError.map { .real($0) } ?? .null,
            "overflowed": overflowed.map { .integer($0) } ?? .null,
            "reason": text(reason),
        ]
    }
}
