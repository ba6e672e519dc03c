import Architecture
public import Checkpoints
public import Dialects
import Tensors

/// One side of a diff: an open file and what is recognised in it.
public struct DiffSide: Sendable {
    public var checkpoint: any Checkpoint
    public var format: String
    public var recognition: Recognition

    public init(_ checkpoint: any Checkpoint, format: String, recognition: Recognition) {
        self.checkpoint = checkpoint
        self.format = format
        self.recognition = recognition
    }

    var index: CheckpointIndex { checkpoint.index }

    /// The same side read as the network of `other`, where this file says too little of its own (activations, above all) and its tensors fit.
    func read(as other: Recognition) -> DiffSide {
        guard recognition.network == nil, let network = other.network else { return self }
        return read(as: network)
    }

    fileprivate func read(as network: NetworkDescription) -> DiffSide {
        let second = Recognition(of: checkpoint.index, format: format, hints: RecognitionHints(network: network))
        return second.network == nil ? self : DiffSide(checkpoint, format: format, recognition: second)
    }
}

extension TensorCorrespondence {
    /// As `byRole`, with a file that does not say its network read as the other's where it fits; and the scope, where none was asked for:
    /// `parameters` for two networks, else `all`. Where neither says its network and no name is in both, they are aligned by the outlines
    /// (`Recognition.outline`) that their names and shapes give, where those are equal.
    public static func between(_ a: DiffSide, _ b: DiffSide, scope asked: DiffReport.Scope? = nil) -> (list: [TensorCorrespondence], scope: DiffReport.Scope) {
        let (left, right) = (a.read(as: b.recognition), b.read(as: a.recognition))
        if let outline = left.recognition.outline, outline == right.recognition.outline, left.recognition.network == nil, right.recognition.network == nil,
            Set(a.index.tensors.map { Array($0.name.utf8) }).isDisjoint(with: b.index.tensors.map { Array($0.name.utf8) })
        {
            let (first, second) = (left.read(as: outline), right.read(as: outline))
            let scope = asked ?? .all
            return (byRole(a.index, first.recognition, b.index, second.recognition, scope: scope), scope)
        }
        let scope = asked ?? (left.recognition.network != nil && right.recognition.network != nil ? .parameters : .all)
        return (byRole(a.index, left.recognition, b.index, right.recognition, scope: scope), scope)
    }

    /// The tensors of two sides by role: parameters by their canonical names, kernels turned as the dialects say, then, under the scope `all`,
    /// optimizer slots by theirs and the rest by name. By name alone where a side is no network.
    public static func byRole(
        _ a: CheckpointIndex, _ inA: Recognition, _ b: CheckpointIndex, _ inB: Recognition, scope: DiffReport.Scope
    ) -> [TensorCorrespondence] {
        guard let networkA = inA.network, let networkB = inB.network else {
            func kept(_ index: CheckpointIndex, _ recognition: Recognition) -> [Int] {
                var index = index
                index.optimizer = index.optimizer ?? recognition.optimizer
                return remaining(index, scope: scope)
            }
            return match(kept(a, inA), kept(b, inB), a, b)
        }
        var list: [TensorCorrespondence] = []
        func side(_ binding: Binding) -> Side { Side(position: binding.tensor, isTransposed: binding.transposed, scale: binding.scale) }
        let alignment = LayerAlignment(networkA, networkB)
        var left = Dictionary(inB.bindings.map { ($0.parameter, $0) }, uniquingKeysWith: { first, _ in first })
        for binding in inA.bindings {
            let other = alignment.name(binding.parameter).flatMap { left.removeValue(forKey: $0) }
            list.append(TensorCorrespondence(name: binding.parameter, a: side(binding), b: other.map(side), isRole: true))
        }
        list += inB.bindings.filter { left[$0.parameter] != nil }.map { TensorCorrespondence(name: $0.parameter, a: nil, b: side($0), isRole: true) }
        guard scope == .all else { return list }

        var usedA = Set(list.compactMap { $0.a?.position }), usedB = Set(list.compactMap { $0.b?.position })
        let back = LayerAlignment(networkB, networkA)
        let slotsB = Dictionary(slots(b, inB, back.name), uniquingKeysWith: { first, _ in first })
        for (role, position) in slots(a, inA, { $0 }) {
            guard let other = slotsB[role], !usedA.contains(position.position), !usedB.contains(other.position) else { continue }
            list.append(TensorCorrespondence(name: role, a: position, b: other, isRole: true))
            usedA.insert(position.position)
            usedB.insert(other.position)
        }
        return list + match(a.tensors.indices.filter { !usedA.contains($0) }, b.tensors.indices.filter { !usedB.contains($0) }, a, b)
    }

    /// An optimizer's slots by role: `m/L0.kernel`, `iteration`.
    private static func slots(_ index: CheckpointIndex, _ recognition: Recognition, _ name: (String) -> String?) -> [(String, Side)] {
        guard let state = recognition.optimizer ?? index.optimizer else { return [] }
        let positions = Dictionary(index.tensors.indices.map { (Array(index.tensors[$0].name.utf8), $0) }, uniquingKeysWith: { first, _ in first })
        let bindings = Dictionary(recognition.bindings.map { ($0.tensor, $0) }, uniquingKeysWith: { first, _ in first })
        return state.slots.compactMap { slot in
            guard let position = positions[Array(slot.tensor.utf8)] else { return nil }
            guard let parameter = slot.parameter else { return (slot.slot, Side(position: position)) }
            guard let at = positions[Array(parameter.utf8)], let binding = bindings[at], let role = name(binding.parameter) else { return nil }
            // A slot lies as its parameter does.
            return ("\(slot.slot)/\(role)", Side(position: position, isTransposed: binding.transposed))
        }
    }
}
