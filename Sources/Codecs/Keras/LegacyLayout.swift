import Checkpoints
import HDF5Container

/// The order of a legacy file's datasets, and the layer to which each belongs (KERAS-10 to 16).
struct LegacyLayout {
    /// Positions in the description's datasets, each once.
    private(set) var order: [Int] = []
    /// The layer that lists a dataset, by position.
    private(set) var owners: [Int: Owner] = [:]
    /// Positions of the optimizer's datasets.
    private(set) var optimizer: Set<Int> = []

    struct Owner {
        let layer: String
        /// The parts of the path under the layer's group.
        let parts: [String]
    }

    static let modelWeights = "model_weights", optimizerWeights = "optimizer_weights", topLevel = "top_level_model_weights"

    static func isLegacy(_ description: HDF5Description) -> Bool { base(of: description) != nil || isNumbered(description) }

    /// The group whose list `layer_names` orders the layers: the root of a file of weights, `model_weights` in a whole model.
    private static func base(of description: HDF5Description) -> HDF5Group? {
        if let root = description.groups.first, root.hasList("layer_names") { return root }
        return description.groups.first { $0.path == modelWeights && $0.hasList("layer_names") }
    }

    /// Keras before 1.0: the root's `nb_layers` counts groups `layer_0`, `layer_1` … of `param_0`, `param_1` … (KERAS-16).
    private static func isNumbered(_ description: HDF5Description) -> Bool {
        description.attributes.contains { $0.name == "nb_layers" } && description.groups.contains { $0.path == "layer_0" }
    }

    /// Throws `malformed` when there is no list, or one names a group or a dataset that is not there.
    init(_ description: HDF5Description) throws(CheckpointError) {
        guard let base = Self.base(of: description) else {
            guard Self.isNumbered(description) else {
                throw CheckpointError(.malformed, "neither the root nor the group model_weights has the list layer_names that orders a Keras file; read it with --from hdf5")
            }
            order = NaturalOrder.sorted(description.datasets.map(\.path))
            return
        }
        let groups = PathTable(description.groups.map(\.path)), datasets = PathTable(description.datasets.map(\.path))
        var taken = [Bool](repeating: false, count: description.datasets.count)
        func weights(of group: HDF5Group) throws(CheckpointError) -> [(position: Int, parts: [String])] {
            var found: [(position: Int, parts: [String])] = []
            for name in try group.list("weight_names") ?? [] {
                let parts = name.split(separator: "/").map(String.init).filter { $0 != "." }
                // A name is relative to its group, unless it starts at the root, as h5py has it.
                let path = name.utf8.first == UInt8(ascii: "/") ? parts.joined(separator: "/") : (Self.parts(group.path) + parts).joined(separator: "/")
                guard let position = datasets[path] else {
                    throw CheckpointError(.malformed, "the list weight_names of \(quoted("/" + group.path)) names \(quoted(name)), and there is no dataset \(quoted("/" + path)). The file is damaged; read what is there with --from hdf5", tensor: path)
                }
                guard !taken[position] else { continue }
                taken[position] = true
                found.append((position, parts))
            }
            return found
        }
        var seen = Set<[UInt8]>()
        for layer in try base.list("layer_names") ?? [] where seen.insert(Array(layer.utf8)).inserted {
            let path = (Self.parts(base.path) + Self.parts(layer)).joined(separator: "/")
            guard let position = groups[path], position > 0 else {
                throw CheckpointError(.malformed, "the list layer_names names \(quoted(layer)), and there is no group \(quoted("/" + path)). The file is damaged; read what is there with --from hdf5", tensor: path)
            }
            for (position, parts) in try weights(of: description.groups[position]) {
                order.append(position)
                owners[position] = Owner(layer: layer, parts: parts)
            }
        }
        if let position = groups[(Self.parts(base.path) + [Self.topLevel]).joined(separator: "/")] {
            order += try weights(of: description.groups[position]).map(\.position)
        }
        if let position = groups[Self.optimizerWeights] {
            let slots = try weights(of: description.groups[position]).map(\.position)
            order += slots
            optimizer = Set(slots)
        }
        // KERAS-13: nothing is lost; what no list names follows in the file's own order.
        order += taken.indices.filter { !taken[$0] }
    }

    private static func parts(_ path: String) -> [String] { path.split(separator: "/").map(String.init) }
}
