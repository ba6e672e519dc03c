import Architecture
import Checkpoints
import Tensors

/// What the names and shapes of a file without any description still tell: the widths, so that a message can say what to pass. Activations
/// are in no weights file, so this never makes a network.
struct Inference {
    let index: CheckpointIndex
    let groups: [TensorGroup]
    let others: [Int]
    let transposed: Bool
    let file: FileOrder

    var reason: CheckpointError {
        for group in groups where group.kind == .dense {
            guard let kernel = group.parts[.kernel] ?? group.numbered.first, index.tensors[kernel].shape.rank != 2 else { continue }
            return CheckpointError(.unsupported, "first unsupported layer: \(group.name) (its kernel is \(index.tensors[kernel].shape))")
        }
        if let odd = others.first(where: { isWeight($0) }), !groups.isEmpty {
            let tensor = index.tensors[odd]
            return CheckpointError(.unsupported, "first unsupported layer: the one of \(quoted(tensor.name)) \(tensor.shape)")
        }
        if let text = example {
            return CheckpointError(.networkNeeded, "the file says no activations: pass --network with the true ones in the place of relu, as in --network '\(text)'\(extras)")
        }
        if !groups.contains(where: { $0.kind == .dense }), !looksPositional {
            return CheckpointError(.networkNeeded, "no dense layers are recognised by their names; if it is a network, pass --network and, where names say nothing, --map")
        }
        return CheckpointError(.networkNeeded, "the file says neither its layers' order nor their activations: pass --network, as in --network '784-128:relu-10:softmax'")
    }

    /// The network of `reason`'s example: right in its widths and biases, and nothing else.
    var outline: NetworkDescription? {
        guard groups.allSatisfy({ $0.kind == .dense }), !others.contains(where: isWeight), let example else { return nil }
        do throws(DescriptionError) { return try NetworkDescription(parsing: example) } catch { return nil }
    }

    private func isWeight(_ position: Int) -> Bool { index.tensors[position].shape.rank >= 2 && index.tensors[position].dtype.isFloat }

    private var looksPositional: Bool { groups.isEmpty && others.contains(where: isWeight) }

    /// A short string with the widths of the file, where they chain; placeholders for the activations.
    private var example: String? {
        let dense = groups.filter { $0.kind == .dense }
        var kernels: [(sizes: [Int], bias: Bool)] = layerOrder(of: dense.map(\.name), file: file).compactMap { at in
            let group = dense[at]
            guard let kernel = group.parts[.kernel] ?? group.numbered.first else { return nil }
            return (index.tensors[kernel].shape.sizes, group.parts[.bias] != nil || group.numbered.count > 1)
        }
        if looksPositional {
            let names = others.map { index.tensors[$0].name }
            for position in layerOrder(of: names, file: file).map({ others[$0] }) {
                let sizes = index.tensors[position].shape.sizes
                if sizes.count == 2 { kernels.append((sizes, false)) } else if sizes.count == 1, !kernels.isEmpty { kernels[kernels.count - 1].bias = true } else { return nil }
            }
        }
        return text(kernels, transposed) ?? text(kernels, !transposed)
    }

    private func text(_ kernels: [(sizes: [Int], bias: Bool)], _ transposed: Bool) -> String? {
        let ways = kernels.map { transposed ? Array($0.sizes.reversed()) : $0.sizes }
        guard let first = ways.first, ways.allSatisfy({ $0.count == 2 }), zip(ways, ways.dropFirst()).allSatisfy({ $0[1] == $1[0] }) else { return nil }
        let pieces = zip(ways, kernels).enumerated().map { at, layer in
            "\(layer.0[1])\(layer.1.bias ? "" : "!nobias")\(at == kernels.count - 1 ? "" : ":relu")"
        }
        return ([String(first[0])] + pieces).joined(separator: "-")
    }

    private var extras: String {
        groups.contains { $0.kind != .dense } ? "; the norms and PReLU layers that it also has are written batchnorm(0.001), layernorm(1e-05), 64:prelu" : ""
    }
}
