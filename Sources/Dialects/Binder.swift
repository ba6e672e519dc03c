import Architecture
import Checkpoints
import Tensors

/// Puts a file's layers in the places that a description has for them.
struct Binder {
    let index: CheckpointIndex
    /// Whether the dialect keeps kernels as [out, in].
    let transposed: Bool
    private(set) var notes: [String] = []

    init(index: CheckpointIndex, transposed: Bool) {
        self.index = index
        self.transposed = transposed
    }

    /// How a kernel lies, seen against the custom of the dialect.
    enum Lie { case asAssumed, turned }

    /// Binds `groups` to the slots of `network`, kind by kind.
    /// - Parameter file: how far the order of `groups` is the order of layers.
    mutating func bind(_ groups: [TensorGroup], to network: NetworkDescription, file: FileOrder) throws(CheckpointError) -> [Binding] {
        let slots = Slot.slots(of: network)
        var pairs: [(Slot, TensorGroup)] = []
        let groups = try settlingLoneVectors(groups, slots)
        for kind in [TensorGroup.Kind.dense, .batchNorm, .layerNorm, .prelu] {
            let wanted = slots.filter { $0.kind == kind }, found = groups.filter { $0.kind == kind }
            guard wanted.count == found.count else { throw wrongCount(kind, wanted, found, network) }
            guard !wanted.isEmpty else { continue }
            let order = layerOrder(of: found.map(\.name), file: file)
            pairs += zip(wanted, try settle(order.map { found[$0] }, wanted, file, network))
        }
        return try bind(pairs, network)
    }

    /// Binds each group to its slot, whose match is already certain.
    mutating func bind(_ pairs: [(Slot, TensorGroup)], _ network: NetworkDescription) throws(CheckpointError) -> [Binding] {
        var turned = false
        if let lie = commonLie(pairs), lie == .turned {
            turned = true
            notes.append("kernels lie as \(transposed ? "[in, out]" : "[out, in]"), against the custom of their names: the shapes allow nothing else")
        }
        var found: [String: Binding] = [:]
        for (slot, group) in pairs {
            for (parameter, position, shape) in try parts(of: group, for: slot) {
                found[parameter] = try bind(parameter, position, shape, turned: turned)
            }
        }
        var bindings: [Binding] = []
        for parameter in network.parameters {
            guard let binding = found[parameter.name] else {
                throw CheckpointError(.mismatch, "nothing in the file is \(parameter.name) \(parameter.shape) of the network \(brief(network))")
            }
            bindings.append(binding)
        }
        return bindings
    }

    /// Binds one tensor after its shape; `turned` says that this file's kernels lie against the custom.
    mutating func bind(_ parameter: String, _ position: Int, _ shape: [Int], turned: Bool) throws(CheckpointError) -> Binding {
        let tensor = index.tensors[position], sizes = tensor.shape.sizes
        guard tensor.dtype.isFloat || tensor.dtype == .void16 || tensor.dtype.kind == .unsigned || tensor.dtype.kind == .signed else {
            throw CheckpointError(.mismatch, "\(parameter) would be of \(tensor.dtype.rawValue), which is no real number", tensor: tensor.name)
        }
        if !tensor.dtype.isFloat, tensor.dtype != .void16 {
            notes.append("\(parameter) is of \(tensor.dtype.rawValue), taken as whole numbers; if they are the bits of floats, say so with --read-as, as in --read-as '*=bfloat16'")
        }
        if shape.count == 2 {
            let transposed = self.transposed != turned
            if sizes == (transposed ? shape.reversed() : shape) { return Binding(parameter: parameter, tensor: position, transposed: transposed) }
            if sizes == (transposed ? shape : shape.reversed()) {
                notes.append("\(quoted(tensor.name)) lies as \(transposed ? "[in, out]" : "[out, in]"), unlike the others: its shape allows nothing else")
                return Binding(parameter: parameter, tensor: position, transposed: !transposed)
            }
        } else if sizes == shape {
            return Binding(parameter: parameter, tensor: position, transposed: false)
        } else if sizes.filter({ $0 != 1 }) == shape.filter({ $0 != 1 }), tensor.shape.elementCount == shape.reduce(1, *), sizes.count == 2 {
            // [1, n] and [n, 1] are how matrix code keeps a bias.
            return Binding(parameter: parameter, tensor: position, transposed: false)
        }
        let both = shape.count == 2 ? "\(shape) or, transposed, \(Array(shape.reversed()))" : "\(shape)"
        let slope = parameter.hasSuffix(".alpha") && tensor.shape.elementCount == 1 ? "; a PReLU with one slope for all units is not run here" : ""
        throw CheckpointError(.mismatch, "its shape is \(tensor.shape), the network's \(parameter) is \(both)\(slope); check --network", tensor: tensor.name)
    }

    /// Whether the kernels that are not square all lie one way. Nil when there is none, or when they differ.
    private func commonLie(_ pairs: [(Slot, TensorGroup)]) -> Lie? {
        var common: Lie?
        for (slot, group) in pairs where slot.kind == .dense {
            guard let shape = slot.wanted.first?.shape, shape[0] != shape[1], let sizes = kernelSizes(group) else { continue }
            let asAssumed = transposed ? shape.reversed() : shape
            guard sizes == asAssumed || sizes == asAssumed.reversed() else { continue }
            let lie: Lie = sizes == asAssumed ? .asAssumed : .turned
            if let common, common != lie { return nil }
            common = lie
        }
        return common
    }

    private func kernelSizes(_ group: TensorGroup) -> [Int]? {
        (group.parts[.kernel] ?? group.numbered.first).map { index.tensors[$0].shape.sizes }
    }

    /// The position of each parameter that `slot` wants in `group`. Throws when one is missing or one is left.
    private func parts(of group: TensorGroup, for slot: Slot) throws(CheckpointError) -> [(String, Int, [Int])] {
        if group.parts.isEmpty {
            guard group.numbered.count == slot.wanted.count else {
                throw CheckpointError(.mismatch, "\(quoted(group.name)) holds \(group.numbered.count) variables where \(slot.text) wants \(slot.wanted.count); check --network")
            }
            return zip(slot.wanted, group.numbered).map { ($0.parameter, $1, $0.shape) }
        }
        var parts = group.parts, found: [(String, Int, [Int])] = []
        for want in slot.wanted {
            guard let position = parts.removeValue(forKey: want.part) else {
                throw CheckpointError(.mismatch, "\(quoted(group.name)) has no \(want.part.rawValue) where \(slot.text) wants one; check --network (a layer without bias is written 128!nobias)")
            }
            found.append((want.parameter, position, want.shape))
        }
        if let extra = parts.keys.map(\.rawValue).sorted().first {
            throw CheckpointError(.mismatch, "\(quoted(group.name)) has a \(extra), for which \(slot.text) has no place; check --network")
        }
        return found
    }

    /// A lone vector named `weight` is a slope or the scale of a norm without a shift: the description tells which.
    private func settlingLoneVectors(_ groups: [TensorGroup], _ slots: [Slot]) throws(CheckpointError) -> [TensorGroup] {
        guard let lone = groups.first(where: { $0.kind == .lone }) else { return groups }
        let slopes = slots.contains { $0.kind == .prelu }
        let scales = slots.contains { $0.kind == .layerNorm && $0.wanted.map(\.part) == [.gamma] }
        guard slopes != scales else {
            throw CheckpointError(.mismatch, slopes
                ? "\(quoted(lone.name)) may be a PReLU's slope or a norm's scale; say which with --map"
                : "\(quoted(lone.name)) holds a lone vector, for which the network has no place; check --network")
        }
        return groups.map { group in
            guard group.kind == .lone, let weight = group.parts[.weight] else { return group }
            return TensorGroup(name: group.name, parts: [slopes ? .alpha : .gamma: weight], kind: slopes ? .prelu : .layerNorm, first: group.first)
        }
    }

    private func wrongCount(_ kind: TensorGroup.Kind, _ wanted: [Slot], _ found: [TensorGroup], _ network: NetworkDescription) -> CheckpointError {
        let names = found.prefix(6).map { quoted($0.name) }.joined(separator: ", ") + (found.count > 6 ? " …" : "")
        return CheckpointError(.mismatch, "the network \(brief(network)) has \(wanted.count) \(kind.rawValue) layers with parameters, the file \(found.count)\(found.isEmpty ? "" : ": \(names)"); check --network")
    }
}

// MARK: the order of layers

extension Binder {
    /// `groups`, given in the likely order, in the order in which they fit `slots`: as they are where that is certain and fits; else the one
    /// arrangement that keeps numbered families in order and fits. Throws where none fits, or several do and nothing says which.
    private mutating func settle(_ groups: [TensorGroup], _ slots: [Slot], _ file: FileOrder, _ network: NetworkDescription) throws(CheckpointError) -> [TensorGroup] {
        let families = groups.map { NumberedName($0.name).skeleton }
        for lies in [[Lie.asAssumed], [.turned], [.asAssumed, .turned]] {
            func fits(_ group: Int, _ slot: Int) -> Bool { self.fits(groups[group], slots[slot], lies) }
            let asListed = groups.indices.allSatisfy { fits($0, $0) }
            if asListed, file == .authoritative || Set(families).count == 1 { return groups }
            let (count, arrangement) = arrangements(families, fits)
            if asListed, file == .kept {
                if count > 1 { notes.append("that \(groups.prefix(6).map { quoted($0.name) }.joined(separator: ", ")) come in this order is taken from the file; their shapes would fit another") }
                return groups
            }
            if count == 0 { continue }
            if count == 1 {
                if !asListed { notes.append("the order of the layers follows from their shapes: \(arrangement.map { quoted(groups[$0].name) }.joined(separator: ", "))") }
                return arrangement.map { groups[$0] }
            }
            throw CheckpointError(.ambiguous, "which of \(groups.map { quoted($0.name) }.joined(separator: ", ")) comes first cannot be known: the file keeps no order, and their shapes fit \(slots[0].kind.rawValue) layers in several; say which is which with --map")
        }
        // Nothing fits: let the binding of the likely order name the first shape that does not.
        return groups
    }

    private func fits(_ group: TensorGroup, _ slot: Slot, _ lies: [Lie]) -> Bool {
        guard let first = slot.wanted.first else { return false }
        if group.parts.isEmpty {
            guard group.numbered.count == slot.wanted.count else { return false }
        } else {
            guard Set(group.parts.keys) == Set(slot.wanted.map(\.part)) else { return false }
        }
        guard first.shape.count == 2 else {
            return (group.parts[first.part] ?? group.numbered.first).map { index.tensors[$0].shape.elementCount == first.shape[0] } ?? false
        }
        guard let sizes = kernelSizes(group) else { return false }
        return lies.contains { sizes == ((transposed != ($0 == .turned)) ? first.shape.reversed() : first.shape) }
    }

    /// How many arrangements (none, one, or 2 for several) keep each family in its order and fit, and the first of them.
    private func arrangements(_ families: [String], _ fits: (_ group: Int, _ slot: Int) -> Bool) -> (count: Int, first: [Int]) {
        var queues: [[Int]] = [], place: [String: Int] = [:]
        for (index, family) in families.enumerated() {
            if let queue = place[family] { queues[queue].append(index) } else {
                place[family] = queues.count
                queues.append([index])
            }
        }
        // So many names without a common number would have to be tried in every order.
        if queues.count > 64 { return (2, []) }
        // Depth first with a stack of our own; states that lead nowhere are kept, and a search that grows too large counts as undecided.
        var taken = [Int](repeating: 0, count: queues.count), path: [(queue: Int, group: Int)] = [], next = [0]
        var dead: Set<[Int]> = [], solved: [[Int]] = [], before: [Int] = [0], steps = 0
        while let queue = next.last {
            steps += 1
            if steps > 50_000 { return (2, []) }
            if queue == queues.count || dead.contains(taken) {
                if solved.count == before[before.count - 1] { dead.insert(taken) }
                next.removeLast()
                before.removeLast()
                if let step = path.popLast() { taken[step.queue] -= 1 }
                continue
            }
            next[next.count - 1] += 1
            guard taken[queue] < queues[queue].count, fits(queues[queue][taken[queue]], path.count) else { continue }
            path.append((queue, queues[queue][taken[queue]]))
            taken[queue] += 1
            if path.count == families.count {
                solved.append(path.map(\.group))
                if solved.count == 2 { return (2, solved[0]) }
                taken[queue] -= 1
                path.removeLast()
                continue
            }
            next.append(0)
            before.append(solved.count)
        }
        return (solved.count, solved.first ?? [])
    }
}
