import Checkpoints
import StrictJSON
import Tensors
import TestSupport
import Testing

@Suite("diff: classes, tolerances and exit status") struct DiffTests {
    private func pair(_ a: [MemoryTensor], _ b: [MemoryTensor], _ options: [String], status: Int32) throws -> JSONValue {
        try withTemporaryFolder { folder in
            try npz("\(folder)/a.npz", a)
            try npz("\(folder)/b.npz", b)
            return try run(["diff", "a.npz", "b.npz"] + options, status, folder: folder)
        }
    }

    private func classOf(_ a: MemoryTensor, _ b: MemoryTensor, _ options: [String] = [], status: Int32) throws -> String {
        let report = try pair([a], [b], options, status: status)
        #expect(report["same"]?.bool == (status == 0))
        return report["tensors"]?.array?.first?["class"]?.string ?? ""
    }

    @Test("values are compared as numbers: -0 is 0, NaN is NaN, and a type of more bits with the same numbers is the same")
    func same() throws {
        let values: [Float] = [0, -0.0, .nan, 1.5, .infinity]
        #expect(try classOf(floats("w", values), floats("w", values), status: 0) == "identical")
        #expect(try classOf(floats("w", values), floats("w", [-0.0, 0, -.nan, 1.5, .infinity]), status: 0) == "identical")
        #expect(try classOf(floats("w", [1, 2]), floats("w", [1, 3]), status: 1) == "different")
        #expect(try classOf(floats("w", [.nan]), floats("w", [1]), status: 1) == "different")
        #expect(try classOf(floats("w", [1, 2]), floats("w", [1, 2], [2, 1]), status: 1) == "shape")
    }

    @Test("transposed and permuted copies are named, and are not the same")
    func rearranged() throws {
        let matrix: [Float] = [1, 2, 3, 4, 5, 6]
        #expect(try classOf(floats("w", matrix, [2, 3]), floats("w", [1, 4, 2, 5, 3, 6], [3, 2]), status: 1) == "transposed-equal")
        #expect(try classOf(floats("w", [1, 2, 3, 4], [2, 2]), floats("w", [1, 3, 2, 4], [2, 2]), status: 1) == "transposed-equal")
        #expect(try classOf(floats("w", [1, 2, 3]), floats("w", [3, 1, 2]), status: 1) == "permuted-equal")
    }

    @Test("tolerances count only where they are asked for: absolute, relative, in units of the last place, and a correctly rounded copy with --allow-cast")
    func tolerances() throws {
        let a = try floats("w", [1, 100]), b = try floats("w", [1.0000001, 100.00001])
        #expect(try classOf(a, b, status: 1) == "different")
        #expect(try classOf(a, b, ["--atol", "1e-4"], status: 0) == "within-tolerance")
        #expect(try classOf(a, b, ["--rtol", "1e-6"], status: 0) == "within-tolerance")
        #expect(try classOf(a, b, ["--rtol", "1e-9"], status: 1) == "different")
        #expect(try classOf(a, b, ["--max-ulp", "2"], status: 0) == "within-tolerance")
        let half = MemoryTensor(try TensorInfo(name: "w", dtype: .float16, sizes: [1]), [0x66, 0x2E])  // 0.1 rounded
        #expect(try classOf(floats("w", [0.1]), half, status: 1) == "equal-after-cast")
        #expect(try classOf(floats("w", [0.1]), half, ["--allow-cast"], status: 0) == "equal-after-cast")
        #expect(try classOf(floats("w", [0.11]), half, ["--allow-cast"], status: 1) == "different")
    }

    @Test("tensors of one side alone are listed, and make a difference; the JSON is that of CLI.md")
    func alone() throws {
        let report = try pair([floats("a", [1]), floats("w", [1])], [floats("w", [1]), floats("b", [1])], [], status: 1)
        #expect(report.keys.prefix(3) == ["same", "scope", "tensors"] && report["scope"]?.string == "all")
        let tensors = report["tensors"]?.array ?? []
        #expect(tensors.allSatisfy { $0.keys == ["name", "nameInA", "nameInB", "class", "maxAbs", "maxRel", "maxULP"] })
        #expect(report.first("tensors", where: "name", is: "a")?["class"]?.string == "only-in-a")
        #expect(report.first("tensors", where: "name", is: "b")?["class"]?.string == "only-in-b")
        #expect(report.first("tensors", where: "name", is: "b")?["nameInA"]?.isNull == true)
    }

    @Test("files of different frameworks that hold one network are the same by role; optimizer and metadata count only under --scope all")
    func byRole() throws {
        let folder = "parity/seed-4-8-3", network = try Fixtures.path("\(folder)/spec.json")
        for file in ["keras3_legacy.h5", "model.safetensors", "model_fortran.npz", "generic.h5"] {
            let report = try run(["diff", Fixtures.path("\(folder)/keras3.keras"), Fixtures.path("\(folder)/\(file)"), "--network", network])
            #expect(report["same"]?.bool == true && report["scope"]?.string == "parameters", "\(file)")
            #expect(report["tensors"]?.array?.compactMap { $0["name"]?.string } == ["L0.kernel", "L0.bias", "L1.kernel", "L1.bias"])
        }
        let all = try run(["diff", Fixtures.path("\(folder)/keras3.keras"), Fixtures.path("\(folder)/model.safetensors"), "--network", network, "--scope", "all"], 1)
        #expect(all["tensors"]?.array?.contains { $0["class"]?.string == "only-in-a" } == true)
        let other = try run(["diff", Fixtures.path("\(folder)/keras3.keras"), Fixtures.path("parity/exact-zero/keras3.keras")], 1)
        #expect(other["same"]?.bool == false)
    }

    @Test("either file missing or damaged is trouble that names it")
    func trouble() throws {
        try withTemporaryFolder { folder in
            try npz("\(folder)/a.npz", [floats("w", [1])])
            for arguments in [["a.npz", "none.npz"], ["none.npz", "a.npz"]] {
                let error = try run(["diff"] + arguments, 2, folder: folder)
                #expect(error.code == "io" && error["error"]?["file"]?.string == "none.npz")
            }
        }
    }
}
