import Architecture

/// Where each parameter of a network lies in one aligned buffer. Weights and their gradients have the same layout.
struct ParameterLayout: Sendable, Hashable {
    struct Entry: Sendable, Hashable {
        var name: String
        var shape: [Int]
        var offset: Int
        var count: Int
    }

    let entries: [Entry]
    /// The whole size, in scalars.
    let count: Int

    /// Throws `description` when a width is below 1 or a size overflows.
    init(_ description: NetworkDescription, alignment: Int) throws(NetworkError) {
        guard description.input >= 1 else {
            throw NetworkError(.description, "a network needs an input of at least 1 column, this one says \(description.input)")
        }
        for (i, layer) in description.layers.enumerated() {
            if case .dense(let units, _, _) = layer, units < 1 {
                throw NetworkError(.description, "layer L\(i) has \(units) units; a dense layer needs at least 1")
            }
        }
        var entries: [Entry] = []
        var end = 0
        for (name, shape) in description.parameters {
            var count = 1
            var fits = true
            for axis in shape {
                let (product, overflow) = count.multipliedReportingOverflow(by: axis)
                fits = fits && !overflow
                count = product
            }
            guard fits, let next = roundedUp(end, adding: count, to: alignment) else {
                throw NetworkError(.description, parameter: name, "parameter \(name): shape \(shape) has more values than this machine can count")
            }
            entries.append(Entry(name: name, shape: shape, offset: end, count: count))
            end = next
        }
        self.entries = entries
        self.count = end
    }

    subscript(name: String) -> Entry? { entries.first { $0.name == name } }
}

/// `end + count`, rounded up to a multiple of `alignment`; nil when it overflows.
func roundedUp(_ end: Int, adding count: Int, to alignment: Int) -> Int? {
    let (sum, overflow) = end.addingReportingOverflow(count)
    let (padded, overflowToo) = sum.addingReportingOverflow(alignment - 1)
    return overflow || overflowToo ? nil : padded / alignment * alignment
}

extension NetworkScalar {
    /// How many scalars 64 bytes hold.
    static var alignment: Int { 64 / MemoryLayout<Self>.stride }
}
