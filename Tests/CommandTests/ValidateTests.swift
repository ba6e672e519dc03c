import Checkpoints
import Foundation
import StrictJSON
import Tensors
import TestSupport
import Testing

@Suite("validate: verdicts and exit status") struct ValidateTests {
    static let net = "parity/seed-4-8-3"

    @Test("one network in two formats passes with 0, bit for bit; the JSON is that of CLI.md")
    func pass() throws {
        let network = try Fixtures.path("\(Self.net)/spec.json")
        let report = try run(["validate", Fixtures.path("\(Self.net)/keras3.keras"), Fixtures.path("\(Self.net)/model.safetensors"), Fixtures.path("\(Self.net)/generic.h5"), "--network", network])
        #expect(report["verdict"]?.string == "pass" && report["precision"]?.string == "float64" && report["seed"]?.int == 0 && report["mode"]?.string == "inference")
        let wanted = ["verdict", "precision", "mode", "batch", "seed", "loss", "models", "comparisons", "gradcheck", "resume"]
        #expect(report.keys.filter { $0 != "notes" } == wanted)
        #expect(report["loss"]?.keys == ["kind", "reduction", "value"])
        #expect(report["models"]?.array?.count == 3 && report["models"]?.array?.allSatisfy { $0.keys == ["file", "format", "dialect", "network"] } == true)
        let comparisons = report["comparisons"]?.array ?? []
        #expect(comparisons.count == 2)
        for comparison in comparisons {
            #expect(comparison["bitwise"]?.bool == true && comparison["verdict"]?.string == "pass" && comparison["firstDivergence"]?.isNull == true)
            #expect(comparison.keys.filter { $0 != "untested" && $0 != "notes" } == ["a", "b", "verdict", "bitwise", "coverage", "tolerance", "smallestPassingTolerance", "firstDivergence", "predictions", "quantities", "skipped", "diagnosis"])
            #expect(comparison["coverage"]?.double == 1)
            #expect(comparison["predictions"]?.keys == ["compared", "changed", "smallestMargin"])
            let quantities = comparison["quantities"]?.array ?? []
            #expect(quantities.allSatisfy { $0.keys == ["name", "maxAbs", "scaled", "noise", "passes"] && $0["scaled"]?.double == 0 })
            #expect(quantities.first?["name"]?.string == "L0.pre" && quantities.last?["name"]?.string == "grad.x")
        }
    }

    @Test("files that carry their network pass against the reference without --network, also renamed and alone in a folder, in both precisions", arguments: [
        "seed-4-8-3", "regression-mse", "smooth-zoo", "prelu-net",
    ])
    func carried(net: String) throws {
        let reference = try Fixtures.path("parity/\(net)/reference.npz")
        for file in ["keras3.keras", "keras3_legacy.h5"] {
            guard let source = try? Fixtures.path("parity/\(net)/\(file)") else { continue }
            try withTemporaryFolder { folder in
                try write(bytes(source), to: "\(folder)/x.bin")
                for precision in ["float64", "float32"] {
                    // Slopes that Keras stores as float32 may cost 1e-8 (issue 2).
                    let report = try run(["validate", "x.bin", "--reference", reference, "--precision", precision] + (precision == "float64" && net == "smooth-zoo" ? ["--tolerance", "1e-8"] : []), folder: folder)
                    #expect(report["verdict"]?.string == "pass" && report["precision"]?.string == precision, "\(net)/\(file) \(precision)")
                    #expect(report["models"]?.array?.first?["file"]?.string == "x.bin")
                }
            }
        }
    }

    @Test("a changed weight fails with 1 and names where the passes part; equal shapes do not hide it", arguments: ["bias", "kernel"])
    func fail(part: String) throws {
        try withTemporaryFolder { folder in
            let network = try Fixtures.path("\(Self.net)/spec.json")
            try run(["convert", Fixtures.path("\(Self.net)/keras3.keras"), "good.npz", "--to-dialect", "canonical", "--drop", "optimizer"], folder: folder)
            let listed = try run(["inspect", "good.npz"], folder: folder)["tensors"]?.array?.compactMap { $0["name"]?.string } ?? []
            let name = try #require(listed.first { $0.hasSuffix(part) && $0.contains("1") })
            let values = try run(["inspect", "good.npz", "--tensor", name], folder: folder)
            let shape = values["shape"]?.array?.compactMap(\.int) ?? []
            var all: [MemoryTensor] = []
            for tensor in listed {
                let read = try run(["inspect", "good.npz", "--tensor", tensor], folder: folder)
                var numbers = flat(read["values"]).map(Float.init)
                if tensor == name { numbers[numbers.count / 2] += 0.25 }
                all.append(try floats(tensor, numbers, read["shape"]?.array?.compactMap(\.int) ?? []))
            }
            #expect(!shape.isEmpty)
            try npz("\(folder)/bad.npz", all)
            let report = try run(["validate", "good.npz", "bad.npz", "--network", network], 1, folder: folder)
            #expect(report["verdict"]?.string == "fail")
            let comparison = try #require(report["comparisons"]?.array?.first)
            #expect(comparison["firstDivergence"]?.string == "L1.pre" && comparison["bitwise"]?.bool == false)
            #expect(comparison["quantities"]?.array?.contains { $0["passes"]?.bool == false } == true)
            #expect((comparison["smallestPassingTolerance"]?.double ?? 0) > (comparison["tolerance"]?.double ?? 1))
            #expect(try run(["validate", "bad.npz", "--network", network, "--reference", Fixtures.path("\(Self.net)/reference.npz")], 1, folder: folder)["verdict"]?.string == "fail")
            // A tolerance that was asked for is the bound.
            #expect(try run(["validate", "good.npz", "bad.npz", "--network", network, "--tolerance", "1e9"], folder: folder)["verdict"]?.string == "pass")
        }
    }

    @Test("one file alone is inconclusive, with 1: nothing was compared")
    func alone() throws {
        let report = try run(["validate", Fixtures.path("\(Self.net)/keras3.keras")], 1)
        #expect(report["verdict"]?.string == "inconclusive" && report["comparisons"]?.array?.isEmpty == true)
        let text = try Command.mlpconv(["validate", Fixtures.path("\(Self.net)/keras3.keras")])
        #expect(text.status == 1 && text.output.contains("INCONCLUSIVE") && text.output.contains("--reference"))
    }

    @Test("a file that says nothing of its network asks for --network; one that is no network says what in it is none")
    func networkNeeded() throws {
        let error = try run(["validate", Fixtures.path("\(Self.net)/model.npz")], 2)
        #expect(error.code == "networkNeeded" && error["error"]?["message"]?.string?.contains("--network") == true)
        try withTemporaryFolder { folder in
            try npz("\(folder)/a.npz", [.sample("conv", .float32, [3, 3, 2, 4])])
            let error = try run(["validate", "a.npz"], 2, folder: folder)
            #expect(["unsupported", "networkNeeded"].contains(error.code ?? "") && error["error"]?["message"]?.string?.isEmpty == false)
            #expect(try run(["validate", "a.npz", "--network", "3-4:relu"], 2, folder: folder).code != nil)
        }
    }

    @Test("seed and batch make another batch, reported as asked; the same ones the same numbers")
    func batches() throws {
        let files = try ["keras3.keras", "keras2.h5"].map { try Fixtures.path("\(Self.net)/\($0)") }
        let a = try run(["validate"] + files + ["--seed", "7", "--batch", "9"]), b = try run(["validate"] + files + ["--seed", "7", "--batch", "9"]), c = try run(["validate"] + files)
        #expect(a["seed"]?.int == 7 && a["batch"]?.int == 9)
        #expect(a.text() == b.text())
        #expect(a["loss"]?["value"]?.double != c["loss"]?["value"]?.double)
    }

    @Test("--save-reference writes what --reference reads, and never over a file that exists")
    func savedReference() throws {
        try withTemporaryFolder { folder in
            let model = try Fixtures.path("\(Self.net)/keras3.keras")
            try run(["validate", model, "--save-reference", "ref.npz", "--seed", "5"], 1, folder: folder)
            let names = try run(["inspect", "ref.npz"], folder: folder)["tensors"]?.array?.compactMap { $0["name"]?.string } ?? []
            for name in ["x", "f64.logits", "f64.loss", "f64.grad.L0.kernel", "f64.grad.x", "f32.output", "param.L1.bias"] { #expect(names.contains(name), "\(name)") }
            let report = try run(["validate", model, Fixtures.path("\(Self.net)/keras2.h5"), "--reference", "ref.npz"], folder: folder)
            #expect(report["comparisons"]?.array?.allSatisfy { $0["bitwise"]?.bool == true } == true)
            let old = try bytes("\(folder)/ref.npz")
            let refused = try run(["validate", model, "--save-reference", "ref.npz"], 2, folder: folder)
            #expect(refused.code == "exists" && refused["error"]?["file"]?.string == "ref.npz")
            #expect(try bytes("\(folder)/ref.npz") == old && files(in: folder) == ["ref.npz"])
        }
    }

    @Test("a reference that is none, or of another network, is trouble in words")
    func badReferences() throws {
        let model = try Fixtures.path("\(Self.net)/keras3.keras")
        try withTemporaryFolder { folder in
            try npz("\(folder)/empty.npz", [floats("something", [1])])
            #expect(try run(["validate", model, "--reference", "empty.npz"], 2, folder: folder)["error"]?["file"]?.string == "empty.npz")
            #expect(try run(["validate", model, "--reference", "none.npz"], 2, folder: folder).code == "io")
            let other = try run(["validate", model, "--reference", Fixtures.path("parity/regression-mse/reference.npz")], 2, folder: folder)
            #expect(other.code == "mismatch", "\(other.text())")
        }
    }

    private func flat(_ value: JSONValue?) -> [Double] {
        if let items = value?.array { return items.flatMap { flat($0) } }
        return value?.double.map { [$0] } ?? []
    }
}
