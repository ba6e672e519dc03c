import ByteIO
import Checkpoints
import StrictJSON
import Tensors

/// Optimizer state by the names of its tensors, which every era of Keras spells in its own way (FORMATS.md section 2).
enum OptimizerNames {
    private static let folders = ["optimizer_weights/", "optimizer/", "optimizer_state_dict/", "optimizer_states/", "opt_state/"]

    static func isState(_ name: String) -> Bool { folders.contains { name.hasPrefix($0) } }

    /// The state among the tensors of `index`, with its slots bound to parameters where names prove it; nil when there is none.
    static func state(in index: CheckpointIndex, config: KerasModel?) -> OptimizerState? {
        let names = index.tensors.map(\.name).filter(isState)
        guard !names.isEmpty else { return nil }
        var state = OptimizerState(kind: kind(names, config, index.metadata))
        for member in config?.optimizer?["config"]?.members ?? [] where !member.value.isNull {
            switch member.value {
            case .string(let text): state.settings[member.key] = text
            case .number, .bool: state.settings[member.key] = member.value.text()
            default: break
            }
        }
        let variables = Variables(index)
        let table = NameTable(index)
        for name in names {
            var found = slot(name, variables)
            // Keras 3's first numbers: the iteration, and the learning rate where it is no schedule.
            if let position = table[name], index.tensors[position].shape.rank == 0, name.hasPrefix("optimizer/vars/") {
                if found.slot == "0" { found.slot = "iteration" }
                if found.slot == "1", index.tensors[position].dtype.isFloat { found.slot = "learning_rate" }
            }
            // Adam's slots have their usual names; the rest keeps the file's.
            if state.kind?.hasPrefix("adam") == true || state.kind == "nadam" {
                found.slot = ["momentum": "m", "velocity": "v", "velocity_hat": "v_hat", "vhat": "v_hat"][found.slot] ?? found.slot
            } else if state.kind == "sgd", found.slot == "m" {
                found.slot = "momentum"
            }
            state.slots.append(.init(tensor: name, slot: found.slot, parameter: found.parameter))
        }
        return state
    }

    private static func kind(_ names: [String], _ config: KerasModel?, _ metadata: Metadata) -> String? {
        if let name = config?.optimizer?["class_name"]?.string { return (name.split(separator: ">").last.map(String.init) ?? name).lowercased() }
        if let name = metadata["optimizer/vars@name"] { return NumberedName(name).skeleton.lowercased() }
        let known = ["adam", "adamw", "sgd", "rmsprop", "nadam", "adagrad", "adadelta", "adamax", "ftrl", "lion", "adafactor"]
        for name in names {
            for component in name.split(separator: "/").dropFirst() where known.contains(component.lowercased()) { return component.lowercased() }
        }
        return nil
    }

    /// The model's variables by their own paths: `dense/kernel`, `sequential/dense/kernel`, and with `_` for `/`.
    private struct Variables {
        private(set) var byPath: [String: String] = [:]

        init(_ index: CheckpointIndex) {
            for tensor in index.tensors where !isState(tensor.name) {
                var path = tensor.name.split(separator: "/")
                if path.first == "model_weights" { path.removeFirst() }
                guard path.count > 1 else { continue }
                // The first is the layer's group, the rest the variable's own path.
                let own = withoutOutput(path.dropFirst().joined(separator: "/"))
                byPath[own] = tensor.name
                byPath[own.split(separator: "/").joined(separator: "_")] = tensor.name
            }
        }
    }

    private static func withoutOutput(_ path: String) -> String {
        guard let colon = path.lastIndex(of: ":"), Int(path[path.index(after: colon)...]) != nil else { return path }
        return String(path[..<colon])
    }

    private static let slotWords = ["velocity_hat", "average_gradient", "momentum", "velocity", "accumulator", "accumulated_grad", "accumulated_delta_var", "vhat", "rms", "m", "v"]

    private static func slot(_ name: String, _ variables: Variables) -> (slot: String, parameter: String?) {
        var path = withoutOutput(name).split(separator: "/").map(String.init)
        let last = path.last ?? ""
        if last == "iteration" || last == "iter" || last == "iterations" { return ("iteration", nil) }
        if last == "learning_rate" || last == "current_learning_rate" { return ("learning_rate", nil) }
        if name.hasPrefix("optimizer/vars/") { return (last, nil) }
        path.removeFirst()
        // Keras 3: adam/sequential_dense_kernel_momentum.
        for word in slotWords where last.hasSuffix("_" + word) {
            if let parameter = variables.byPath[String(last.dropLast(word.count + 1))] { return (word, parameter) }
        }
        // Keras 2: Adam/m/dense/kernel, Adam/dense/kernel/m, training/Adam/dense/kernel/m.
        for start in path.indices.dropFirst().prefix(8) {
            let rest = path[start...]
            if let head = rest.first, slotWords.contains(head), let parameter = variables.byPath[rest.dropFirst().joined(separator: "/")] { return (head, parameter) }
            if slotWords.contains(last), let parameter = variables.byPath[rest.dropLast().joined(separator: "/")] { return (last, parameter) }
        }
        return (last, nil)
    }

    /// Keras 3 numbers the state: iteration, a learning rate where it is a number, then the slots of one trainable variable after the other.
    /// They are bound where their number and every shape agree.
    /// - Parameter parameters: the names of the trainable variables' tensors, in the model's order.
    static func bindNumbered(_ state: inout OptimizerState, to parameters: [String], _ index: CheckpointIndex, _ table: NameTable) {
        let numbered: [(number: Int, slot: Int, tensor: TensorInfo)] = state.slots.enumerated().compactMap { place, slot in
            guard slot.tensor.hasPrefix("optimizer/vars/"), let number = Int(slot.tensor.dropFirst(15)), let position = table[slot.tensor] else { return nil }
            return (number, place, index.tensors[position])
        }.sorted { $0.number < $1.number }
        guard numbered.count == state.slots.count, let first = numbered.first, first.tensor.shape.rank == 0 else { return }
        state.slots = numbered.map { state.slots[$0.slot] }
        state.slots[0].slot = "iteration"
        var skip = 1
        if numbered.count > 1, numbered[1].tensor.shape.rank == 0, numbered[1].tensor.dtype.isFloat {
            state.slots[1].slot = "learning_rate"
            skip = 2
        }
        let words: [String]
        switch state.kind {
        case "adam"?, "adamw"?, "nadam"?: words = ["m", "v"]
        case "sgd"?: words = ["momentum"]
        case "rmsprop"?: words = ["velocity"]
        default: return
        }
        guard numbered.count - skip == parameters.count * words.count else { return }
        var bound = state
        for place in skip..<numbered.count {
            let parameter = parameters[(place - skip) / words.count]
            guard let position = table[parameter], index.tensors[position].shape == numbered[place].tensor.shape else { return }
            bound.slots[place].slot = words[(place - skip) % words.count]
            bound.slots[place].parameter = parameter
        }
        state = bound
    }
}

extension OptimizerState {
    /// Takes the step from the tensor that counts iterations, where it is one number and nothing is known yet.
    mutating func readStep(from checkpoint: any Checkpoint) throws(CheckpointError) {
        guard step == nil, let slot = slots.first(where: { $0.slot == "iteration" }), let position = NameTable(checkpoint.index)[slot.tensor] else { return }
        let tensor = checkpoint.index.tensors[position]
        guard tensor.shape.elementCount == 1, let cast = ElementCast(from: tensor.dtype, to: .int64), tensor.dtype.kind != .complex else { return }
        let (bytes, _) = cast.convert(try checkpoint.array(ofTensorAt: position))
        let value = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        step = Int(Int64(bitPattern: value))
    }
}
