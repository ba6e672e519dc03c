import Checkpoints
import StrictJSON
import Tensors

/// The state of a `torch.optim` optimizer beside a model's (PT-23): `{'state': {i: {slot: tensor}}, 'param_groups': [{…, 'params': [i, …]}]}`.
struct TorchOptimizer {
    let heap: PickleHeap
    let names: TorchNames
    let tensors: [TensorInfo]
    let ties: [[Int]]

    private static let words = [
        "exp_avg": "m", "exp_avg_sq": "v", "max_exp_avg_sq": "v_hat", "momentum_buffer": "momentum", "square_avg": "velocity",
    ]

    /// The state of the one optimizer; nil when there is none, or several.
    func state(_ optimizers: [(path: String, value: PickleValue)]) -> OptimizerState? {
        guard optimizers.count == 1, let found = optimizers.first else { return nil }
        let head = found.path.isEmpty ? "state/" : found.path + "/state/"
        var state = OptimizerState()
        let groups = heap.member("param_groups", of: found.value).flatMap { heap.node($0) }?.items ?? []
        var order: [Int] = []
        for group in groups {
            for item in heap.member("params", of: group).flatMap({ heap.node($0) })?.items ?? [] {
                if case .int(let number) = item { order.append(number) }
            }
        }
        let parameters = bound(order, head, besides: found.path)
        for tensor in tensors where tensor.name.hasPrefix(head) {
            let parts = tensor.name.dropFirst(head.count).split(separator: "/")
            guard parts.count == 2, let number = Int(parts[0]) else { return nil }
            let word = String(parts[1])
            state.slots.append(.init(tensor: tensor.name, slot: Self.words[word] ?? word, parameter: parameters[number]))
        }
        guard !state.slots.isEmpty || !groups.isEmpty else { return nil }
        let prefix = (found.path.isEmpty ? "" : found.path + "/") + "param_groups/0/"
        for entry in names.metadata.entries where entry.key.hasPrefix(prefix) && entry.key != prefix + "params" {
            state.settings[String(entry.key.dropFirst(prefix.count))] = entry.text
        }
        let slots = Set(state.slots.map(\.slot))
        if slots.isSuperset(of: ["m", "v"]) { state.kind = state.settings["decoupled_weight_decay"] == "true" ? "adamw" : "adam" }
        else if slots.contains("momentum") || state.settings["nesterov"] != nil { state.kind = "sgd" }
        else if slots.contains("velocity") { state.kind = "rmsprop" }
        if let number = order.first, let text = names.metadata["\(head)\(number)/step"] { state.step = Int(text) }
        return state
    }

    /// The model's parameters by the numbers of the optimizer's, where count and every shape agree. Buffers are no parameters, and a tied tensor is one.
    private func bound(_ order: [Int], _ head: String, besides path: String) -> [Int: String] {
        var later: Set<Int> = []
        for tie in ties { later.formUnion(tie.dropFirst()) }
        let own = path.isEmpty ? head : path + "/"
        // The first container beside the optimizer's that holds tensors is the model.
        guard let model = tensors.first(where: { !$0.name.hasPrefix(own) && !path.isEmpty }) else { return [:] }
        let folder = model.name.split(separator: "/").count > 1 ? model.name.split(separator: "/")[0] + "/" : ""
        let parameters = tensors.indices.filter { position in
            let name = tensors[position].name
            return name.hasPrefix(folder) && !name.hasPrefix(own) && !later.contains(position)
                && !["running_mean", "running_var", "num_batches_tracked"].contains { name.hasSuffix("." + $0) || name.hasSuffix("/" + $0) }
        }
        guard parameters.count == order.count, Set(order).count == order.count else { return [:] }
        var found: [Int: String] = [:]
        for (number, position) in zip(order, parameters) { found[number] = tensors[position].name }
        for tensor in tensors where tensor.name.hasPrefix(head) && tensor.shape.rank > 0 {
            let number = tensor.name.dropFirst(head.count).split(separator: "/").first.flatMap { Int($0) }
            guard let number, let name = found[number], let parameter = tensors.first(where: { $0.name.utf8.elementsEqual(name.utf8) }), parameter.shape == tensor.shape else { return [:] }
        }
        return found
    }
}
