public import Checkpoints
public import Dialects

extension TensorCorrespondence {
    /// The tensors of two sides by role: parameters by their canonical names where both sides bind them, kernels turned as the dialects say;
    /// everything else by name. Under `parameters` only what either side binds is compared, and what plays no part in a network is left out.
    public static func byRole(
        _ a: CheckpointIndex, _ inA: Recognition, _ b: CheckpointIndex, _ inB: Recognition, scope: DiffReport.Scope
    ) -> [TensorCorrespondence] {
        guard inA.network != nil, inB.network != nil else { return byName(a, b, scope: scope) }
        var list: [TensorCorrespondence] = []
        let right = Dictionary(inB.bindings.map { ($0.parameter, $0) }, uniquingKeysWith: { first, _ in first })
        for binding in inA.bindings {
            let other = right[binding.parameter]
            list.append(TensorCorrespondence(
                name: binding.parameter, a: Side(position: binding.tensor, isTransposed: binding.transposed),
                b: other.map { Side(position: $0.tensor, isTransposed: $0.transposed) }))
        }
        let left = Set(inA.bindings.map(\.parameter))
        for binding in inB.bindings where !left.contains(binding.parameter) {
            list.append(TensorCorrespondence(name: binding.parameter, a: nil, b: Side(position: binding.tensor, isTransposed: binding.transposed)))
        }
        guard scope == .all else { return list }
        let (boundA, boundB) = (Set(inA.bindings.map(\.tensor)), Set(inB.bindings.map(\.tensor)))
        return list + match(a.tensors.indices.filter { !boundA.contains($0) }, b.tensors.indices.filter { !boundB.contains($0) }, a, b)
    }
}
