import Checkpoints
@testable import Parity
import StrictJSON
import TestSupport
import Tensors
import Testing

@Suite("diff says how each tensor relates to its counterpart")
struct CheckpointDiffTests {
    private func one(_ a: MemoryTensor, _ b: MemoryTensor, _ diff: CheckpointDiff = CheckpointDiff()) throws -> DiffReport.Tensor {
        try diff.report(MemoryCheckpoint([a]), MemoryCheckpoint([b])).tensors[0]
    }

    @Test("values are compared as numbers: -0 is 0, a NaN is a NaN, and the dtype does not matter where every number is equal")
    func numbers() throws {
        let a = try tensor("w", [4], [0, .nan, 1.5, -.infinity])
        #expect(try one(a, tensor("w", [4], [-0.0, -.nan, 1.5, -.infinity])).relation == .identical)
        let wide = try one(a, tensor("w", [4], [0, .nan, 1.5, -.infinity], as: .float64))
        #expect(wide.relation == .identical && wide.maxAbs == 0 && wide.maxULP == 0)
        #expect(try one(tensor("n", [3], [1, 2, 3], as: .int64), tensor("n", [3], [1, 2, 3], as: .float16)).relation == .identical)
        #expect(try one(tensor("e", [0, 3], []), tensor("e", [0, 3], [])).relation == .identical)
        #expect(try one(a, tensor("w", [4], [0, 1, 1.5, -.infinity])).maxULP == .max)
    }

    @Test("integers beyond 2^53 are told apart")
    func wideIntegers() throws {
        func integers(_ values: [Int64]) throws -> MemoryTensor {
            MemoryTensor(try TensorInfo(name: "n", dtype: .int64, sizes: [values.count]), values.flatMap { value in unsafe withUnsafeBytes(of: value.littleEndian) { unsafe Array($0) } })
        }
        let entry = try one(integers([1 << 60, 5]), integers([1 << 60 + 1, 5]))
        #expect(entry.relation == .different && entry.maxAbs == 1 && entry.maxULP == 1)
        #expect(try one(integers([1 << 60]), tensor("n", [1], [0x1p60], as: .float64)).relation == .identical)
        #expect(try one(integers([1 << 60 + 1]), tensor("n", [1], [0x1p60], as: .float64)).relation == .equalAfterCast)
    }

    @Test("a correctly rounded copy is equal after a cast, a truncated one is different")
    func casts() throws {
        let values = (0..<9000).map { 0.1 * Double($0) - 37.3 }
        let full = try tensor("w", [90, 100], values)
        for dtype in [DType.float16, .bfloat16] {
            for (a, b) in [(full, try tensor("w", [90, 100], values.map { Double(Float($0)) }, as: dtype)), (try tensor("w", [90, 100], values.map { Double(Float($0)) }, as: dtype), full)] {
                let entry = try one(a, b)
                #expect(entry.relation == .equalAfterCast && entry.maxAbs ?? 0 > 0 && entry.maxULP == 0)
                let report = try CheckpointDiff().report(MemoryCheckpoint([a]), MemoryCheckpoint([b]))
                #expect(!report.same)
                var allowing = CheckpointDiff()
                allowing.allowCast = true
                #expect(try allowing.report(MemoryCheckpoint([a]), MemoryCheckpoint([b])).same)
            }
        }
        let truncated = try tensor("w", [90, 100], values.map { $0 * 0.9995 }, as: .float16)
        #expect(try one(full, truncated).relation == .different)
    }

    @Test("tolerances: absolute, relative to b, and in units in the last place")
    func tolerances() throws {
        let a = try tensor("w", [3], [1, 100, -3]), b = try tensor("w", [3], [Double(Float(1).nextUp), 100.001, -3])
        let plain = try one(a, b)
        #expect(plain.relation == .different && abs((plain.maxAbs ?? 0) - 0.001) < 1e-5 && abs((plain.maxRel ?? 0) - 1e-5) < 1e-7)
        var diff = CheckpointDiff()
        diff.atol = 0.002
        #expect(try one(a, b, diff).relation == .withinTolerance)
        #expect(try diff.report(MemoryCheckpoint([a]), MemoryCheckpoint([b])).same)
        diff = CheckpointDiff()
        diff.rtol = 2e-5
        #expect(try one(a, b, diff).relation == .withinTolerance)
        diff.rtol = 1e-6
        #expect(try one(a, b, diff).relation == .different)
        diff = CheckpointDiff()
        diff.maxULP = 1
        #expect(try one(tensor("w", [1], [1]), tensor("w", [1], [Double(Float(1).nextUp)]), diff).relation == .withinTolerance)
        #expect(try one(tensor("w", [1], [1]), tensor("w", [1], [Double(Float(1).nextUp.nextUp)]), diff).relation == .different)
        #expect(try one(tensor("w", [1], [Double(Float.leastNonzeroMagnitude)]), tensor("w", [1], [-Double(Float.leastNonzeroMagnitude)]), diff).maxULP == 2)
        diff.rtol = 1
        #expect(try one(tensor("w", [1], [1]), tensor("w", [1], [.infinity]), diff).relation == .different)
    }

    @Test("a transposition that nothing explains is named, square or not; one that the dialects explain is none")
    func transposed() throws {
        let values = (0..<12).map { Double($0 * $0) }
        func turned(_ rows: Int, _ columns: Int) -> [Double] { (0..<columns).flatMap { c in (0..<rows).map { values[$0 * columns + c] } } }
        #expect(try one(tensor("w", [3, 4], values), tensor("w", [4, 3], turned(3, 4))).relation == .transposedEqual)
        let square = Array(values.prefix(9)), squareTurned = (0..<9).map { square[$0 % 3 * 3 + $0 / 3] }
        #expect(try one(tensor("w", [3, 3], square), tensor("w", [3, 3], squareTurned)).relation == .transposedEqual)
        #expect(try one(tensor("w", [3, 4], values), tensor("w", [4, 3], values)).relation == .shape)

        let a = MemoryCheckpoint([try tensor("dense/kernel", [3, 4], values)]), b = MemoryCheckpoint([try tensor("0.weight", [4, 3], turned(3, 4), as: .float64)])
        let explained = TensorCorrespondence(name: "L0.kernel", a: .init(position: 0), b: .init(position: 0, isTransposed: true))
        let report = try CheckpointDiff().report(a, b, by: [explained])
        #expect(report.same && report.tensors[0].relation == .identical && report.tensors[0].nameInB == "0.weight")
        let wrong = TensorCorrespondence(name: "L0.kernel", a: .init(position: 0), b: .init(position: 0, isTransposed: true))
        let square2 = try CheckpointDiff().report(MemoryCheckpoint([tensor("w", [3, 3], square)]), MemoryCheckpoint([tensor("w", [3, 3], square)]), by: [wrong])
        #expect(square2.tensors[0].relation == .transposedEqual)
    }

    @Test("axes of any number are turned round, across the borders of the buffer")
    func transposedLarge() throws {
        let sizes = [70, 61, 83]
        let values = (0..<70 * 61 * 83).map { Double(($0 &* 2_654_435_761) % 100_003) }
        var turned = [Double](repeating: 0, count: values.count)
        for i in 0..<70 { for j in 0..<61 { for k in 0..<83 { turned[(k * 61 + j) * 70 + i] = values[(i * 61 + j) * 83 + k] } } }
        #expect(try one(tensor("w", sizes, values), tensor("w", sizes.reversed(), turned)).relation == .transposedEqual)
        turned.swapAt(0, 200_000)
        #expect(try one(tensor("w", sizes, values), tensor("w", sizes.reversed(), turned)).relation == .shape)
    }

    @Test("the same numbers in another order are named so; one number changed is different")
    func permuted() throws {
        let values = (0..<20).map { Double($0) + 0.25 }
        var rows = Array(values[5...]) + values[..<5]
        #expect(try one(tensor("w", [4, 5], values), tensor("w", [4, 5], rows)).relation == .permutedEqual)
        #expect(try one(tensor("w", [20], values), tensor("w", [20], values.reversed(), as: .float64)).relation == .permutedEqual)
        rows[3] += 1
        #expect(try one(tensor("w", [4, 5], values), tensor("w", [4, 5], rows)).relation == .different)
    }

    @Test("what one side lacks, and shapes that do not fit, are named")
    func missing() throws {
        let a = MemoryCheckpoint([try tensor("w", [2], [1, 2]), try tensor("u", [2], [1, 2])]), b = MemoryCheckpoint([try tensor("v", [1], [3]), try tensor("w", [1, 2], [1, 2])])
        let report = try CheckpointDiff().report(a, b)
        #expect(report.tensors.map(\.name) == ["w", "u", "v"])
        #expect(report.tensors.map(\.relation) == [.shape, .onlyInA, .onlyInB])
        #expect(!report.same && report.tensors[0].maxAbs == nil)
    }

    @Test("two bytes without a meaning are equal by their bits, and to nothing else")
    func void() throws {
        let raw = MemoryTensor(try TensorInfo(name: "w", dtype: .void16, sizes: [2]), [1, 2, 3, 4])
        #expect(try one(raw, raw).relation == .identical)
        #expect(try one(raw, MemoryTensor(raw.info, [1, 2, 3, 5])).relation == .different)
        #expect(try one(raw, tensor("w", [2], [1, 2], as: .bfloat16)).relation == .different)
    }

    @Test("complex numbers are compared by their parts")
    func complex() throws {
        let info = try TensorInfo(name: "c", dtype: .complex64, sizes: [2])
        let a = try tensor("c", [4], [1, 2, 3, 4]).bytes, b = try tensor("c", [4], [1, 2, 3, 4.5]).bytes
        #expect(try one(MemoryTensor(info, a), MemoryTensor(info, a)).relation == .identical)
        let entry = try one(MemoryTensor(info, a), MemoryTensor(info, b))
        #expect(entry.relation == .different && entry.maxAbs == 0.5)
    }

    @Test("the scope leaves optimizer state and metadata aside, or counts them")
    func scope() throws {
        let slots = OptimizerState(slots: [.init(tensor: "m", slot: "m", parameter: "w")])
        let a = MemoryCheckpoint([try tensor("w", [1], [1]), try tensor("m", [1], [7])], metadata: Metadata([("epoch", "3"), ("mlpconv.order", "[]")]), optimizer: slots)
        let b = MemoryCheckpoint([try tensor("w", [1], [1])], metadata: Metadata([("epoch", "4"), ("by", "us")]))
        var diff = CheckpointDiff()
        diff.scope = .parameters
        let narrow = try diff.report(a, b)
        #expect(narrow.same && narrow.tensors.map(\.name) == ["w"] && narrow.metadata.isEmpty)
        diff.scope = .all
        let wide = try diff.report(a, b)
        #expect(!wide.same && wide.tensors.map(\.name) == ["w", "m"] && wide.metadata.map(\.key) == ["epoch", "by"])
        diff.countsMetadata = false
        #expect(try diff.report(b, MemoryCheckpoint([tensor("w", [1], [1])])).same)
    }

    @Test("the JSON is CLI.md's")
    func json() throws {
        var diff = CheckpointDiff()
        diff.scope = .parameters
        let report = try diff.report(MemoryCheckpoint([tensor("w", [2], [1, 3])]), MemoryCheckpoint([tensor("w", [2], [1, 2]), tensor("v", [0], [])]))
        #expect(report.json.text() == """
            {"same":false,"scope":"parameters","tensors":[{"name":"w","nameInA":"w","nameInB":"w","class":"different","maxAbs":1,"maxRel":0.5,"maxULP":4194304},\
            {"name":"v","nameInA":null,"nameInB":"v","class":"only-in-b","maxAbs":null,"maxRel":null,"maxULP":null}]}
            """)
    }

    @Test("an error names the side and the tensor")
    func errors() throws {
        let info = try TensorInfo(name: "w", dtype: .float32, sizes: [4])
        let short = MemoryCheckpoint([MemoryTensor(info, [0, 0])]), good = MemoryCheckpoint([try tensor("w", [4], [0, 0, 0, 0])])
        let error = #expect(throws: CheckpointError.self) { try CheckpointDiff().report(good, short, fileA: "a.npz", fileB: "b.npz") }
        #expect(error?.place.file == "b.npz" && error?.place.tensor == "w")
    }
}
