import Architecture
import Checkpoints
import MLP
@testable import Parity
import StrictJSON
import TestSupport
import Tensors
import Testing

@Suite("files against a framework's reference")
struct ReferenceParityTests {
    @Test("every network passes in both precisions, within what its spec allows", arguments: FixtureNetworks.all)
    func sound(_ name: String) throws {
        let spec = try Fixtures.json("parity/\(name)/spec.json")
        for precision in Precision.allCases {
            var options = ParityOptions()
            options.precision = precision
            let report = try NetworkParity(options).report([FixtureNetworks.model(name)], reference: FixtureNetworks.reference(name))
            let comparison = try #require(report.comparisons.first)
            #expect(report.verdict == .pass && comparison.firstDivergence == nil)
            #expect(comparison.smallestPassingTolerance <= comparison.tolerance)
            #expect(comparison.predictions.changed == 0)
            #expect(comparison.quantities.count > 8)
            let tolerance = try #require(spec["reference"]?["tolerance"])
            for quantity in comparison.quantities where !quantity.name.hasPrefix("param.") {
                let key = precision == .float64 ? "f64" : quantity.name.hasPrefix("grad.") ? "f32_grads" : "f32_values"
                #expect(quantity.scaled <= tolerance[key]?.double ?? 0, "\(quantity.name)")
            }
        }
    }

    @Test("one kernel rounded to float16 fails float32 parity, whichever it is", arguments: FixtureNetworks.all)
    func halfKernel(_ name: String) throws {
        var options = ParityOptions()
        options.precision = .float32
        let model = try FixtureNetworks.model(name), reference = try FixtureNetworks.reference(name)
        var count = 0
        for (parameter, _) in model.network.description.parameters where parameter.hasSuffix(".kernel") {
            var changed = false
            let other = try model.changing { parameters in
                let before = parameters[parameter] ?? []
                parameters[parameter] = rounded(before, to: .float16)
                changed = before != parameters[parameter]
            }
            // Weights that are float16 already lose nothing.
            guard changed else { continue }
            count += 1
            let report = try NetworkParity(options).report([other], reference: reference)
            #expect(report.verdict == .fail, "\(parameter): \(report.comparisons[0].quantities.map(\.noise).max() ?? 0)")
            let first = report.comparisons[0].firstDivergence ?? ""
            #expect(first.hasPrefix("\(parameter.prefix { $0 != "." })."), "\(parameter): \(first)")
            #expect(try NetworkParity(options).report([other, model]).verdict == .fail)
        }
        #expect(count > 0 || ["float16-net", "bfloat16-net", "exact-zero", "exact-zero-leaky"].contains(name))
    }

    @Test("a transposed square kernel, a zeroed bias, a wrong slope and swapped layers fail, and what the weights prove is named")
    func faults() throws {
        for name in ["smooth-zoo"] {
            let model = try FixtureNetworks.model(name), reference = try FixtureNetworks.reference(name)
            let turned = try model.changing { $0["L5.kernel"] = transposed($0["L5.kernel"] ?? [], 8) }
            let report = try NetworkParity().report([turned], reference: reference)
            #expect(report.verdict == .fail && report.comparisons[0].firstDivergence == "L5.pre")
            #expect(report.comparisons[0].diagnosis.map(\.cause) == ["transposed-kernel"] && report.comparisons[0].diagnosis[0].layer == "L5")
            #expect(try NetworkParity().report([model, turned]).comparisons[0].diagnosis.map(\.cause) == ["transposed-kernel"])
        }
        for (name, bias) in [("seed-4-8-3", "L0.bias"), ("leaky-mix", "L2.bias"), ("multilabel-3", "L1.bias"), ("mnist-784-128-10", "L1.bias")] {
            let model = try FixtureNetworks.model(name)
            let without = try model.changing { $0[bias] = ($0[bias] ?? []).map { _ in 0 } }
            let report = try NetworkParity().report([without], reference: FixtureNetworks.reference(name))
            #expect(report.verdict == .fail && report.comparisons[0].firstDivergence == "\(bias.prefix(2)).pre")
            #expect(name == "mnist-784-128-10" || report.comparisons[0].diagnosis.map(\.cause) == ["missing-bias"])
        }
        let leaky = try FixtureNetworks.model("leaky-mix")
        for (layer, slope) in [(0, 0.2), (1, 0.01), (2, 0.3000001)] {
            var description = leaky.network.description
            guard case .dense(let units, let useBias, _) = description.layers[layer] else { continue }
            description.layers[layer] = .dense(units: units, useBias: useBias, activation: .leakyReLU(slope: slope))
            let report = try NetworkParity().report([leaky.changing(description) { _ in }], reference: FixtureNetworks.reference("leaky-mix"))
            #expect(report.verdict == .fail && report.comparisons[0].firstDivergence == "L\(layer).act")
        }
        for (name, one, other) in [("smooth-zoo", "L4.bias", "L5.bias"), ("regression-mse", "L0.kernel", "L0.kernel")] {
            let model = try FixtureNetworks.model(name)
            let swapped = try model.changing {
                let kept = $0[one]
                $0[one] = one == other ? $0[one]?.reversed() : $0[other]
                if one != other { $0[other] = kept }
            }
            #expect(try NetworkParity().report([swapped], reference: FixtureNetworks.reference(name)).verdict == .fail)
        }
    }

    @Test("PARITY-28: a slope that a file keeps as float32 passes, another slope does not")
    func attributes() throws {
        let model = try FixtureNetworks.model("leaky-mix"), reference = try FixtureNetworks.reference("leaky-mix")
        func with(_ slopes: [Double]) throws -> ParityModel {
            var description = model.network.description
            for (i, slope) in slopes.enumerated() {
                guard case .dense(let units, let useBias, _) = description.layers[i] else { continue }
                description.layers[i] = .dense(units: units, useBias: useBias, activation: .leakyReLU(slope: slope))
            }
            return try model.changing(description) { _ in }
        }
        let single = try with([0.01, 0.2, 0.3].map { Double(Float($0)) })
        let report = try NetworkParity().report([single], reference: reference)
        #expect(report.verdict == .pass && report.comparisons[0].smallestPassingTolerance < 1e-7 && report.comparisons[0].smallestPassingTolerance > 1e-10)
        #expect(!report.comparisons[0].notes.isEmpty)
        #expect(try NetworkParity().report([model, single]).verdict == .pass)
        #expect(try NetworkParity().report([with([0.01, 0.2 + 1e-7, 0.3])], reference: reference).verdict == .fail)
        #expect(try NetworkParity().report([model, with([0.01, 0.2 + 1e-8, 0.3])]).verdict == .fail)
    }

    @Test("the framework's derivative at a kink is told apart from another one's")
    func subgradient() throws {
        var options = ParityOptions()
        options.subgradient = .jax
        let report = try NetworkParity(options).report([FixtureNetworks.model("exact-zero-leaky")], reference: FixtureNetworks.reference("exact-zero-leaky"))
        #expect(report.verdict == .fail && report.comparisons[0].firstDivergence?.hasPrefix("grad.") == true)
    }

    @Test("a reference of another network, and a file that is no reference, are refused with the reason")
    func mismatched() throws {
        let model = try FixtureNetworks.model("seed-4-8-3")
        let other = #expect(throws: CheckpointError.self) { try NetworkParity().report([model], reference: FixtureNetworks.reference("leaky-mix")) }
        #expect(other?.code == .mismatch && other?.place.file == "reference.npz")
        #expect(throws: CheckpointError.self) { try Reference(FixtureNetworks.open("seed-4-8-3/model.npz"), file: "model.npz") }
    }

    private func transposed(_ kernel: [Double], _ n: Int) -> [Double] { (0..<n * n).map { kernel[$0 % n * n + $0 / n] } }
}
