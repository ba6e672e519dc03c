import Architecture
import MLP
import MallocCount
import Testing

struct AllocationTests {
    static let description = NetworkDescription(
        input: 20, layers: [
            .dense(units: 30, useBias: true, activation: .prelu), .layerNorm(eps: 1e-5, scale: true, center: true), .activation(.gelu),
            .batchNorm(eps: 1e-3, scale: true, center: true), .dense(units: 5, useBias: true, activation: .softmax),
        ], loss: Loss(.softmaxCE))

    /// How often `body` takes memory from malloc on this thread.
    private func allocations(_ body: () throws -> Void) rethrows -> Int {
        malloc_count_reset()
        try body()
        return malloc_count()
    }

    @Test("a step that finds its workspace warm allocates nothing, in either precision, with any kernels",
        .enabled(if: malloc_count_works() != 0), arguments: Kernels.allCases)
    func warm(_ kernels: Kernels) throws {
        try measure(Float.self, kernels)
        try measure(Double.self, kernels)
    }

    @Test("the count sees an allocation where there is one", .enabled(if: malloc_count_works() != 0))
    func counts() throws {
        var kept: [[Int]] = []
        #expect(allocations { for i in 1...10 { kept.append(Array(repeating: i, count: i)) } } >= 10)
        #expect(kept.count == 10)
    }

    private func measure<Scalar: NetworkScalar>(_: Scalar.Type, _ kernels: Kernels) throws {
        let parameters = randomParameters(Self.description, seed: 1).mapValues { $0.map { Scalar($0) } }
        let network = try Network<Scalar>(Self.description, parameters: parameters)
        var generator = Generator(5)
        let batch = Batch<Scalar>(x: generator.normals(16 * 20).map { Scalar($0) }, rows: 16, targets: .classes((0..<16).map { $0 % 5 }))
        let workspace = try Workspace<Scalar>(for: Self.description, rows: 16, kernels: kernels)
        try network.run(batch, in: workspace)
        let taken = try allocations { for _ in 0..<10 { try network.run(batch, in: workspace) } }
        #expect(taken == 0)
    }
}
