import Checkpoints
import Tensors

/// A part of a tensor, spelled as numpy does: one item an axis, `start:stop:step` or an index, negative from the end; missing axes are whole.
struct TensorSlice {
    private enum Item {
        case index(Int)
        case range(from: Int?, to: Int?, step: Int)
    }

    /// The positions kept along one axis: `from`, `from + step`, ...
    struct Positions {
        var from: Int
        var step: Int
        var count: Int

        subscript(index: Int) -> Int { from + index * step }
    }

    private let items: [Item]
    private let text: String

    /// The whole tensor.
    init() {
        items = []
        text = ""
    }

    /// Throws `NoSlice` when `text` is no slice.
    init(parsing text: String) throws(NoSlice) {
        var items: [Item] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let fields = part.filter { $0 != " " }.split(separator: ":", omittingEmptySubsequences: false)
            let numbers = fields.map { Int($0) }
            guard fields.count <= 3, zip(fields, numbers).allSatisfy({ $0.isEmpty || $1 != nil }) else { throw NoSlice(part: String(part)) }
            switch fields.count {
            case 2, 3:
                let step = fields.count == 3 ? numbers[2] ?? 1 : 1
                guard step > 0 else { throw NoSlice(part: String(part)) }
                items.append(.range(from: numbers[0], to: numbers[1], step: step))
            default:
                guard let index = numbers.first ?? nil else { throw NoSlice(part: String(part)) }
                items.append(.index(index))
            }
        }
        self.items = items
        self.text = text
    }

    struct NoSlice: Error, CustomStringConvertible {
        var part: String
        var description: String { "--slice: \(quoted(part)) is no slice; write start:stop, start:stop:step or an index" }
    }

    /// What it keeps along each axis of `shape`. Throws `mismatch` when it has more axes, or an index lies outside.
    func positions(in shape: Shape) throws(CheckpointError) -> [Positions] {
        guard items.count <= shape.rank else {
            throw CheckpointError(.mismatch, "--slice \(quoted(text)) has \(items.count) axes, the tensor has shape \(shape)")
        }
        var kept: [Positions] = []
        for (axis, size) in shape.sizes.enumerated() {
            func settled(_ value: Int) -> Int { value < 0 ? value &+ size : value }
            switch axis < items.count ? items[axis] : .range(from: nil, to: nil, step: 1) {
            case .index(let index):
                let at = settled(index)
                guard at >= 0, at < size else { throw CheckpointError(.mismatch, "--slice: index \(index) is outside axis \(axis) of \(shape)") }
                kept.append(Positions(from: at, step: 1, count: 1))
            case .range(let from, let to, let step):
                let start = min(max(settled(from ?? 0), 0), size), stop = min(max(settled(to ?? size), 0), size)
                kept.append(Positions(from: start, step: step, count: start < stop ? (stop - start - 1) / step + 1 : 0))
            }
        }
        return kept
    }
}
