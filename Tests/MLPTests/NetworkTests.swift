import Architecture
import MLP
import Testing

/// What is refused, and what a network and a workspace promise.
struct NetworkTests {
    static let description = NetworkDescription(
        input: 3, layers: [
            .dense(units: 4, useBias: true, activation: .relu), .batchNorm(eps: 1e-3, scale: true, center: true), .activation(.prelu),
            .dense(units: 2, useBias: true, activation: .softmax),
        ], loss: Loss(.softmaxCE))
    static let parameters = randomParameters(description, seed: 1)

    private func error(_ body: () throws -> Void) -> NetworkError? {
        do { try body() } catch let error as NetworkError { return error } catch { return nil }
        return nil
    }

    @Test("a missing, unknown or wrongly sized parameter is an error that names it and both sizes")
    func parameters() throws {
        var missing = Self.parameters
        missing["L3.bias"] = nil
        let first = try #require(error { _ = try Network<Double>(Self.description, parameters: missing) })
        #expect(first.code == .parameterMissing && first.parameter == "L3.bias")
        var unknown = Self.parameters
        unknown["L9.kernel"] = [1]
        let second = try #require(error { _ = try Network<Double>(Self.description, parameters: unknown) })
        #expect(second.code == .parameterUnknown && second.message.contains("L9.kernel"))
        var short = Self.parameters
        short["L0.kernel"]?.removeLast()
        let third = try #require(error { _ = try Network<Double>(Self.description, parameters: short) })
        #expect(third.code == .parameterShape && third.message == "parameter L0.kernel: shape [3, 4] has 12 values, 11 were given")
    }

    @Test("widths below 1 and sizes beyond an Int are refused before any memory is taken", arguments: [
        NetworkDescription(input: 0, layers: []), NetworkDescription(input: -1, layers: []),
        NetworkDescription(input: 2, layers: [.dense(units: 0, useBias: true, activation: .relu)]),
        NetworkDescription(input: .max, layers: [.dense(units: 3, useBias: true, activation: .relu)]),
        NetworkDescription(input: 1 << 31, layers: [.dense(units: 1 << 31, useBias: true, activation: .relu), .dense(units: 1 << 31, useBias: true, activation: .relu)]),
    ])
    func hostile(_ description: NetworkDescription) throws {
        let code = try #require(error { _ = try Network<Float>(zeros: description) }).code
        #expect(code == .description || code == .memory)
        #expect(error { _ = try Workspace<Double>(for: description, rows: 4) } != nil)
    }

    @Test("rows beyond what can be addressed are refused", arguments: [0, -1, Int.max, Int.max / 4])
    func rows(_ rows: Int) {
        #expect(error { _ = try Workspace<Double>(for: Self.description, rows: rows) } != nil)
        #expect(error { _ = try Network<Double>(zeros: Self.description).pass(Batch(x: [], rows: rows, targets: .classes([]))) } != nil)
    }

    @Test("a batch that does not fit, a class outside the range and targets of the wrong kind are errors")
    func batches() throws {
        let network = try Network<Double>(Self.description, parameters: Self.parameters)
        let x = [Double](repeating: 0.5, count: 6)
        func code(_ batch: Batch<Double>, _ loss: Loss.Kind = .softmaxCE) -> NetworkError.Code? {
            error { _ = try network.pass(batch, loss: Loss(loss)) }?.code
        }
        #expect(code(Batch(x: x, rows: 2, targets: .classes([0, 1]))) == nil)
        #expect(code(Batch(x: x, rows: 2, targets: .classes([0, 2]))) == .target)
        #expect(code(Batch(x: x, rows: 2, targets: .classes([-1, 0]))) == .target)
        #expect(code(Batch(x: x, rows: 2, targets: .classes([0]))) == .batchShape)
        #expect(code(Batch(x: x, rows: 3, targets: .classes([0, 0, 0]))) == .batchShape)
        #expect(code(Batch(x: x, rows: 2, targets: .dense([1, 0, 1, 0]))) == .target)
        #expect(code(Batch(x: x, rows: 2, targets: .classes([0, 1])), .mse) == .target)
        #expect(code(Batch(x: x, rows: 2, targets: .dense([1, 0, 1])), .bce) == .batchShape)
    }

    @Test("a workspace refuses another network and more rows than it was made for, and takes fewer")
    func workspaces() throws {
        let network = try Network<Double>(Self.description, parameters: Self.parameters)
        let workspace = try Workspace<Double>(for: Self.description, rows: 4)
        let batch = randomBatch(Self.description, loss: .softmaxCE, rows: 2, seed: 3)
        try network.run(batch, in: workspace)
        #expect(workspace.pass() == (try network.pass(batch)))
        #expect(error { try network.run(randomBatch(Self.description, loss: .softmaxCE, rows: 5, seed: 3), in: workspace) }?.code == .workspace)
        var other = Self.description
        other.layers[0] = .dense(units: 4, useBias: true, activation: .tanh)
        let foreign = try Workspace<Double>(for: other, rows: 4)
        #expect(error { try network.run(batch, in: foreign) }?.code == .workspace)
        var silent = Self.description
        silent.loss = nil
        let lossless = try Workspace<Double>(for: silent, rows: 4)
        #expect(error { try network.run(batch, in: lossless) }?.code == .workspace)
        try network.forward(batch.x, rows: 2, in: lossless)
        #expect(lossless.values(of: "output") == (try network.pass(batch)["output"]?.values))
        #expect(lossless.values(of: "loss") == nil && lossless.values(of: "grad.x") == nil)
    }

    @Test("the quantities are CLI.md's, in the order of execution")
    func order() throws {
        let network = try Network<Double>(Self.description, parameters: Self.parameters)
        let pass = try network.pass(randomBatch(Self.description, loss: .softmaxCE, rows: 2, seed: 3))
        #expect(pass.quantities.map(\.name) == [
            "L0.pre", "L0.act", "L1.act", "L2.act", "L3.pre", "L3.act", "logits", "output", "loss", "grad.logits", "grad.L3.pre", "grad.L3.kernel",
            "grad.L3.bias", "grad.L2.act", "grad.L2.alpha", "grad.L1.act", "grad.L1.gamma", "grad.L1.beta", "grad.L0.act", "grad.L0.pre",
            "grad.L0.kernel", "grad.L0.bias", "grad.x",
        ])
        #expect(pass["loss"]?.shape == [] && pass["grad.L0.kernel"]?.shape == [3, 4] && pass["L0.act"]?.shape == [2, 4] && pass["grad.x"]?.shape == [2, 3])
        let head = NetworkDescription(input: 3, layers: [.dense(units: 2, useBias: false, activation: .tanh)], loss: Loss(.mse))
        let unmatched = try Network<Double>(zeros: head).pass(randomBatch(head, loss: .mse, rows: 1, seed: 1))
        #expect(unmatched.quantities.map(\.name) == [
            "L0.pre", "L0.act", "logits", "output", "loss", "grad.L0.act", "grad.logits", "grad.L0.pre", "grad.L0.kernel", "grad.x",
        ])
    }

    @Test("an update in place leaves copies of the network as they were")
    func update() throws {
        let original = try Network<Double>(Self.description, parameters: Self.parameters)
        var nudged = original
        #expect(try nudged.update(parameter: "L0.kernel") { $0[5] += 1 } != nil)
        #expect(try nudged.update(parameter: "L7.kernel") { $0[0] = 0 } == nil)
        #expect(original[parameter: "L0.kernel"] == Self.parameters["L0.kernel"])
        #expect(nudged[parameter: "L0.kernel"]?[5] == (Self.parameters["L0.kernel"]?[5] ?? 0) + 1)
        #expect(nudged[parameter: "L3.bias"] == Self.parameters["L3.bias"])
        #expect(nudged[parameter: "none"] == nil)
    }

    @Test("the framework's derivative at a kink is taken from the description, or from who makes the workspace")
    func subgradients() throws {
        var description = NetworkDescription(input: 1, layers: [.activation(.leakyReLU(slope: 0.25))], loss: Loss(.mse))
        let batch = Batch(x: [0.0], rows: 1, targets: .dense([-0.5]))
        func slope(_ choice: Subgradient?) throws -> [Double]? {
            try Network<Double>(zeros: description).pass(batch, subgradient: choice)["grad.x"]?.values
        }
        #expect(try slope(nil) == [0.25] && slope(.jax) == [1])
        description.subgradient = .jax
        #expect(try slope(nil) == [1] && slope(.torch) == [0.25])
        let prelu = NetworkDescription(input: 1, layers: [.activation(.prelu)], loss: Loss(.mse))
        let learned = try Network<Double>(prelu, parameters: ["L0.alpha": [0.3]])
        for (choice, expected) in [(Subgradient.torch, 0.3), (.keras, 0), (.tensorflow, 0), (.jax, 1)] {
            let pass = try learned.pass(batch, subgradient: choice)
            #expect(pass["grad.x"]?.values == [expected] && pass["grad.L0.alpha"]?.values == [0])
        }
    }
}
