import Architecture
import MLP
import Testing

/// The fast kernels against the textbook, through whole passes: every shape class that they treat apart.
struct KernelTests {
    @Test("SIMD and BLAS kernels agree with the reference in both precisions, on every odd shape", arguments: [
        [1, 1, 1], [3, 5, 2], [4, 8, 8], [7, 9, 17], [16, 33, 1], [1, 64, 10], [40, 23, 31], [5, 200, 3],
    ], [1, 2, 3, 4, 5, 7, 8, 33])
    func kernelsAgree(_ widths: [Int], _ rows: Int) throws {
        let description = NetworkDescription(
            input: widths[0], layers: [
                .dense(units: widths[1], useBias: true, activation: .tanh), .dense(units: widths[2], useBias: false, activation: .linear),
            ], loss: Loss(.mse))
        let parameters = randomParameters(description, seed: UInt64(rows))
        let batch = randomBatch(description, loss: .mse, rows: rows, seed: 5)
        let double = try Network<Double>(description, parameters: parameters)
        let single = try Network<Float>(description, parameters: parameters.mapValues { $0.map { Float($0) } })
        let expected = try double.pass(batch, kernels: .reference)
        for kernels in [Kernels.simd, .blas, .automatic] {
            let (pass, passSingle) = (try double.pass(batch, kernels: kernels), try single.pass(batch.single, kernels: kernels))
            #expect(pass.quantities.map(\.name) == expected.quantities.map(\.name))
            for quantity in expected.quantities {
                #expect(scaled(try #require(pass[quantity.name]).values, quantity.values) < 1e-13, "\(kernels) \(quantity.name)")
                #expect(scaled(try #require(passSingle[quantity.name]).values, quantity.values, floor: 0.1) < 2e-5, "\(kernels) \(quantity.name) in float32")
            }
        }
    }

    @Test("a layer too large for one block of a kernel agrees with the reference")
    func large() throws {
        let description = NetworkDescription(
            input: 150, layers: [.dense(units: 70, useBias: true, activation: .relu), .dense(units: 3, useBias: true, activation: .softmax)],
            loss: Loss(.softmaxCE))
        let network = try Network<Double>(description, parameters: randomParameters(description, seed: 3))
        let batch = randomBatch(description, loss: .softmaxCE, rows: 130, seed: 9)
        let expected = try network.pass(batch, kernels: .reference)
        for kernels in [Kernels.simd, .blas] {
            let pass = try network.pass(batch, kernels: kernels)
            for quantity in expected.quantities {
                #expect(scaled(try #require(pass[quantity.name]).values, quantity.values) < 1e-13, "\(kernels) \(quantity.name)")
            }
        }
    }

    @Test("equal weights give equal bits, in another network, another workspace, and again", arguments: Kernels.allCases)
    func equalBits(_ kernels: Kernels) throws {
        let description = NetworkDescription(
            input: 37, layers: [.dense(units: 65, useBias: true, activation: .gelu), .dense(units: 10, useBias: true, activation: .softmax)],
            loss: Loss(.softmaxCE))
        let parameters = randomParameters(description, seed: 1).mapValues { $0.map { Float($0) } }
        let batch = randomBatch(description, loss: .softmaxCE, rows: 32, seed: 2).single
        let (a, b) = (try Network<Float>(description, parameters: parameters), try Network<Float>(description, parameters: parameters))
        let first = try a.pass(batch, kernels: kernels)
        #expect(try b.pass(batch, kernels: kernels) == first)
        let workspace = try Workspace<Float>(for: description, rows: 50, kernels: kernels)
        for network in [a, b, a] {
            try network.run(batch, in: workspace)
            #expect(workspace.pass() == first)
        }
    }
}
