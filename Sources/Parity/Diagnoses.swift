import Architecture

/// Causes that the parameters of the two sides prove by themselves.
enum Diagnoses {
    static func certain(_ model: PreparedModel, _ other: (String) -> [Double]?) -> [ParityComparison.Diagnosis] {
        var found: [ParityComparison.Diagnosis] = []
        for (name, shape) in model.description.parameters {
            guard let own = model.parameters[name], let theirs = other(name), own.count == theirs.count, own != theirs else { continue }
            let layer = String(name.prefix { $0 != "." })
            func isZero(_ values: [Double]) -> Bool { values.allSatisfy { $0 == 0 } }
            if shape.count == 2, shape[0] == shape[1], isTransposed(own, theirs, shape[0]) {
                found.append(.init(
                    cause: "transposed-kernel", layer: layer, alternatives: ["memory-order"],
                    evidence: "\(name) [\(shape[0]), \(shape[1])] equals the other side's with rows and columns exchanged, in every element; for a square kernel that is the same as another memory order",
                    remedy: "read it the other way round: name the right --dialect, or say \"transposed\" for it in --map"))
            } else if isZero(own) {
                let isBias = name.hasSuffix(".bias")
                found.append(.init(
                    cause: isBias ? "missing-bias" : "zeroed", layer: layer, alternatives: [],
                    evidence: "\(name) is zero in every element, the other side's is not",
                    remedy: "write the file again from its source; \(name) was lost on the way"))
            }
        }
        return found
    }

    private static func isTransposed(_ a: [Double], _ b: [Double], _ n: Int) -> Bool {
        for i in 0..<n { for j in 0..<n where a[i * n + j] != b[j * n + i] { return false } }
        return true
    }
}
