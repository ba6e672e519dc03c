import Architecture

/// Which parameters a pass tests: those whose gradient is neither zero nor lost in NaN or infinity (PARITY-30).
struct Coverage {
    /// For each parameter, in the description's order, the elements that are not tested.
    private(set) var untested: [(name: String, shape: [Int], elements: [Int])] = []
    private(set) var total = 0

    init(_ description: NetworkDescription, _ pass: PassValues) {
        for (name, shape) in description.parameters {
            let count = shape.reduce(1, *)
            total += count
            let tested: (Int) -> Bool
            if let gradient = pass["grad.\(name)"] {
                tested = { $0 < gradient.values.count && gradient.values[$0] != 0 && gradient.values[$0].isFinite }
            } else if let layer = name.split(separator: ".").first, let gradient = pass["grad.\(layer).act"] {
                // Moving statistics have no gradient of their own: what comes back to the layer's column tells.
                let columns = Set(gradient.values.indices.filter { gradient.values[$0] != 0 && gradient.values[$0].isFinite }.map { $0 % max(count, 1) })
                tested = { columns.contains($0) }
            } else {
                tested = { _ in false }
            }
            let elements = (0..<count).filter { !tested($0) }
            if !elements.isEmpty { untested.append((name, shape, elements)) }
        }
    }

    /// The same under the names of another side; what it does not have stays out.
    mutating func rename(_ name: (String) -> String?) {
        untested = untested.compactMap { entry in name(entry.name).map { ($0, entry.shape, entry.elements) } }
    }

    var share: Double {
        total == 0 ? 0 : 1 - Double(untested.reduce(0) { $0 + $1.elements.count }) / Double(total)
    }

    /// Whether what is not tested is proven dead.
    func isComplete(but dead: DeadParameters?) -> Bool {
        guard let dead else { return untested.isEmpty }
        return untested.allSatisfy { entry in entry.elements.allSatisfy { dead.contains(entry.name, $0) } }
    }
}
