package import StrictJSON
public import Tensors

// What a container has no place for travels as text under our own keys (`MetadataKey`): dtypes that it cannot name, tied tensors, the
// optimizer's state. Every codec that keeps text metadata writes `sidecar` and reads with `restore`.

extension CheckpointIndex {
    /// The metadata to write: this index's own, and under `MetadataKey.dtypes`, `.ties` and `.optimizer` what the container cannot say itself.
    /// - Parameter cannotName: whether the container has no name for a dtype; those tensors are listed with theirs.
    public func sidecar(dtypesWhere cannotName: (DType) -> Bool = { _ in false }) -> Metadata {
        var text = metadata
        let listed = tensors.filter { cannotName($0.dtype) }
        text[MetadataKey.dtypes] = listed.isEmpty ? nil
            : JSONValue.object(listed.map { .init($0.name, .string($0.dtype.rawValue)) }).text()
        if !ties.isEmpty {
            text[MetadataKey.ties] = JSONValue.array(ties.map { .strings($0.map { tensors[$0].name }) }).text()
        }
        if let optimizer { text[MetadataKey.optimizer] = optimizer.json.text() }
        return text
    }

    /// Takes `text` as this index's metadata, and out of it the dtypes, ties and optimizer that `sidecar` put there. The tensors must be known
    /// already. What does not fit them (a name that is not in the file, a dtype of another size) stays text and changes nothing.
    public mutating func restore(from text: Metadata) {
        metadata = text
        if let dtypes = SidecarDTypes(text) {
            for position in tensors.indices {
                if let dtype = dtypes[tensors[position].name], let tensor = tensors[position].read(as: dtype) { tensors[position] = tensor }
            }
            metadata[MetadataKey.dtypes] = nil
        }
        var positions: [[UInt8]: Int] = [:]
        for (position, tensor) in tensors.enumerated() { positions[Array(tensor.name.utf8)] = position }
        if let found = Self.ties(text[MetadataKey.ties], positions, tensors) {
            ties = found
            metadata[MetadataKey.ties] = nil
        }
        if let state = text[MetadataKey.optimizer].flatMap({ OptimizerState(json: $0) }),
           state.slots.allSatisfy({ positions[Array($0.tensor.utf8)] != nil }) {
            optimizer = state
            metadata[MetadataKey.optimizer] = nil
        }
    }

    private static func ties(_ text: String?, _ positions: [[UInt8]: Int], _ tensors: [TensorInfo]) -> [[Int]]? {
        guard let text, let groups = (try? JSONReader.read(text))?.array else { return nil }
        var used: Set<Int> = [], ties: [[Int]] = []
        for group in groups {
            guard let names = group.array, names.count > 1 else { return nil }
            var tie: [Int] = []
            for name in names {
                guard let name = name.string, let position = positions[Array(name.utf8)], used.insert(position).inserted else { return nil }
                tie.append(position)
            }
            // One storage has one type and one size, or the text is not about these tensors.
            guard let first = tie.first, tie.allSatisfy({ tensors[$0].dtype == tensors[first].dtype && tensors[$0].byteCount == tensors[first].byteCount })
            else { return nil }
            ties.append(tie.sorted())
        }
        return ties
    }
}

/// The dtypes that `MetadataKey.dtypes` gives to tensors whose container could not name them.
public struct SidecarDTypes: Sendable {
    private var dtypes: [[UInt8]: DType] = [:]

    /// Nil when `metadata` has no such text, or one that is not a JSON object of known dtypes.
    public init?(_ metadata: Metadata) {
        guard let text = metadata[MetadataKey.dtypes], let members = (try? JSONReader.read(text))?.members else { return nil }
        for member in members {
            guard let name = member.value.string, let dtype = DType(rawValue: name) else { return nil }
            dtypes[Array(member.key.utf8)] = dtype
        }
    }

    public subscript(name: String) -> DType? { dtypes[Array(name.utf8)] }
}

extension OptimizerState {
    /// `{"kind","step","settings":{},"slots":[{"tensor","slot","parameter"}]}`.
    package var json: JSONValue {
        [
            "kind": .optional(kind.map { .string($0) }),
            "step": .optional(step.map { .integer($0) }),
            "settings": .object(settings.entries.map { .init($0.key, .string($0.text)) }),
            "slots": .array(slots.map { slot in
                ["tensor": .string(slot.tensor), "slot": .string(slot.slot), "parameter": .optional(slot.parameter.map { .string($0) })]
            }),
        ]
    }

    init?(json text: String) {
        guard let value = try? JSONReader.read(text), value.members != nil,
              let settings = value["settings"]?.members, let slots = value["slots"]?.array else { return nil }
        self.init(kind: value["kind"]?.string)
        if let number = value["step"], !number.isNull {
            guard let step = number.int ?? number.string.flatMap({ Int($0) }) else { return nil }
            self.step = step
        }
        for setting in settings {
            guard let text = setting.value.string else { return nil }
            self.settings[setting.key] = text
        }
        for slot in slots {
            guard let tensor = slot["tensor"]?.string, let name = slot["slot"]?.string else { return nil }
            self.slots.append(Slot(tensor: tensor, slot: name, parameter: slot["parameter"]?.string))
        }
    }
}
