import Architecture

/// Which layer of one network is which of another: by number, or, where one counts dropouts and flattens that the other leaves out, by their
/// order among the layers that compute something.
struct LayerAlignment {
    private let numbers: [Int: Int]

    /// From numbers of `a` to those of `b`.
    init(_ a: NetworkDescription, _ b: NetworkDescription) {
        func computing(_ network: NetworkDescription) -> [Int] { network.layers.indices.filter { !network.layers[$0].isIdentity } }
        let (left, right) = (computing(a), computing(b))
        if left.count == right.count {
            numbers = Dictionary(uniqueKeysWithValues: zip(left, right))
        } else {
            numbers = Dictionary(uniqueKeysWithValues: a.layers.indices.map { ($0, $0) })
        }
    }

    func layer(_ number: Int) -> Int? { numbers[number] }

    /// `grad.L3.kernel` of `a` as `b` names it; names without a layer stay. Nil for a layer that `b` does not have.
    func name(_ name: String) -> String? {
        var parts = name.split(separator: ".").map(String.init)
        for (position, part) in parts.enumerated() where part.first == "L" {
            guard let number = Int(part.dropFirst()) else { continue }
            guard let other = numbers[number] else { return nil }
            parts[position] = "L\(other)"
            break
        }
        return parts.joined(separator: ".")
    }
}
