import Checkpoints
import HDF5Container

/// What makes an HDF5 file a `.weights.h5`, and the order of its variables (KERAS-30 and 31).
enum WeightsLayout {
    /// Groups that stand at the root of Keras' files and under which, or in which, variables lie in `vars`.
    private static let roots = ["layers", "_layer_checkpoint_dependencies", "vars"]

    /// Texts at the root that a generic file made from a Keras file has, and Keras' own has not.
    static let foreign = ["model_config", MetadataKey.order, "layer_names", "layer_names0"]

    /// Whether tensors of these names make such a file.
    static func isWeights(_ names: [String]) -> Bool {
        let variables = names.count(where: isVariable)
        return variables > 0 && (variables == names.count || names.contains { roots.contains(String($0.prefix { $0 != "/" })) })
    }

    static func isWeights(_ description: HDF5Description) -> Bool {
        // A generic file that came from a Keras file has its paths, and text at the root; Keras' own has none there.
        guard !description.attributes.contains(where: { foreign.contains($0.name) }) else { return false }
        let variables = description.datasets.count { isVariable($0.path) }
        if description.groups.contains(where: { roots.contains($0.path) }) {
            return variables > 0 || description.groups.contains { last(of: $0.path) == "vars" }
        }
        return variables > 0 && variables == description.datasets.count
    }

    /// `…/vars/12`, or `vars/12`.
    private static func isVariable(_ path: String) -> Bool {
        let parts = path.split(separator: "/")
        return parts.count >= 2 && parts[parts.count - 2] == "vars" && parts[parts.count - 1].utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func last(of path: String) -> Substring { path.split(separator: "/").last ?? "" }

    /// Positions of the datasets: the model's, numbers as numbers; after them those of metrics and of the optimizer.
    static func order(of description: HDF5Description) -> [Int] {
        let sorted = NaturalOrder.sorted(description.datasets.map(\.path))
        func rank(_ position: Int) -> Int {
            switch description.datasets[position].path.split(separator: "/").first {
            case "metrics": 1
            case "optimizer": 2
            default: 0
            }
        }
        let ranks = sorted.map(rank)
        return (0...2).flatMap { wanted in sorted.indices.filter { ranks[$0] == wanted }.map { sorted[$0] } }
    }
}
