public import Checkpoints
import Tensors

/// A tensor of each side that plays the same part, or a tensor of one side that the other has not.
public struct TensorCorrespondence: Sendable, Hashable {
    public struct Side: Sendable, Hashable {
        /// The position in the side's index.
        public var position: Int
        /// Whether the dialect says that the file holds the canonical tensor with its axes turned round.
        public var isTransposed: Bool
        /// What the dialect says that the tensor is multiplied by.
        public var scale: Double
        public init(position: Int, isTransposed: Bool = false, scale: Double = 1) {
            self.position = position
            self.isTransposed = isTransposed
            self.scale = scale
        }
    }

    /// The canonical name, or the tensor's own.
    public var name: String
    public var a: Side?
    public var b: Side?
    /// Whether the two are paired by what they are in a network: a bias may then be [n] or [1, n].
    public var isRole: Bool

    public init(name: String, a: Side?, b: Side?, isRole: Bool = false) {
        self.name = name
        self.a = a
        self.b = b
        self.isRole = isRole
    }

    /// The tensors of two sides by name, in A's order, then what only B has. Under `parameters` optimizer slots are left out.
    public static func byName(_ a: CheckpointIndex, _ b: CheckpointIndex, scope: DiffReport.Scope) -> [TensorCorrespondence] {
        match(remaining(a, scope: scope), remaining(b, scope: scope), a, b)
    }

    /// Pairs the tensors at the given positions by name.
    static func match(_ inA: [Int], _ inB: [Int], _ a: CheckpointIndex, _ b: CheckpointIndex) -> [TensorCorrespondence] {
        // By bytes: Swift takes two normal forms of a text for one key.
        func key(_ name: String) -> [UInt8] { Array(name.utf8) }
        var left = Dictionary(inB.map { (key(b.tensors[$0].name), $0) }, uniquingKeysWith: { first, _ in first })
        var list = inA.map { position in
            let name = a.tensors[position].name
            return TensorCorrespondence(name: name, a: Side(position: position), b: left.removeValue(forKey: key(name)).map { Side(position: $0) })
        }
        for position in inB where left[key(b.tensors[position].name)] == position {
            list.append(TensorCorrespondence(name: b.tensors[position].name, a: nil, b: Side(position: position)))
        }
        return list
    }

    /// The positions that the scope keeps.
    static func remaining(_ index: CheckpointIndex, scope: DiffReport.Scope) -> [Int] {
        let slots = scope == .all ? [] : Set((index.optimizer?.slots ?? []).map { Array($0.tensor.utf8) })
        return index.tensors.indices.filter { !slots.contains(Array(index.tensors[$0].name.utf8)) }
    }
}
