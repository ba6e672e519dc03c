import Architecture
import Foundation
import MLP
import TestSupport
import Testing

/// `Specs/MLP.md` and the code hold the same table.
struct SpecTests {
    static let spec = Result {
        try String(contentsOfFile: "\(Fixtures.root)/Specs/MLP.md", encoding: .utf8).replacingOccurrences(of: "\\|", with: "|")
    }

    @Test("every activation stands in Specs/MLP.md with the formulas of the code, and whether it is analytic",
        arguments: ActivationTableTests.all + [.softmax, .logSoftmax])
    func activations(_ activation: Activation) throws {
        let facts = activation.facts()
        let row = try #require(try Self.spec.get().split(separator: "\n").first { $0.hasPrefix("| `") && $0.contains("`\(activation.name)") })
        #expect(row.contains("| `\(facts.formula)` | `\(facts.derivativeFormula)` |"))
        #expect(row.hasSuffix(facts.isAnalytic ? "| yes |" : "| no |"))
    }

    @Test("every loss stands in Specs/MLP.md with the formulas of the code", arguments: Loss.Kind.allCases)
    func losses(_ kind: Loss.Kind) throws {
        let row = try #require(try Self.spec.get().split(separator: "\n").first { $0.hasPrefix("| `\(kind.rawValue)`, ") })
        #expect(row.contains("| `\(kind.formula.loss)` | `\(kind.formula.gradient)` |"))
    }
}
