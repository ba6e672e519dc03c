import Architecture
import MLP
import Testing

/// Gradients against the loss itself: central differences for every element, and the remainder of Taylor's formula along random directions.
struct GradientTests {
    struct Case: CustomStringConvertible, Sendable {
        var name: String
        var description: String { name }
        var network: NetworkDescription
        var loss: Loss

        init(_ name: String, _ layers: [Layer], _ kind: Loss.Kind, _ reduction: Loss.Reduction = .mean) {
            self.name = name
            network = NetworkDescription(input: 5, layers: layers)
            loss = Loss(kind, reduction: reduction)
        }
    }

    static func hidden(_ activation: Activation) -> [Layer] {
        [.dense(units: 6, useBias: true, activation: activation), .dense(units: 4, useBias: true, activation: .softmax)]
    }

    static func head(_ activation: Activation) -> [Layer] {
        [.dense(units: 6, useBias: true, activation: .tanh), .dense(units: 3, useBias: true, activation: activation)]
    }

    static let cases: [Case] =
        ActivationTableTests.all.map { Case("hidden \($0)", hidden($0), .softmaxCE) }
        + [.softmax, .logSoftmax].map { Case("hidden \($0)", hidden($0), .softmaxCE) }
        + Loss.Kind.allCases.flatMap { kind in
            [Activation.linear, .softmax, .logSoftmax, .sigmoid, .tanh, .prelu, .relu].map { Case("head \($0) with \(kind)", head($0), kind) }
        }
        + Loss.Kind.allCases.flatMap { kind in Loss.Reduction.allCases.map { Case("\(kind) by \($0)", head(.linear), kind, $0) } }
        + [
            Case("no bias", [.dense(units: 6, useBias: false, activation: .silu), .dense(units: 3, useBias: false, activation: .softmax)], .softmaxCE),
            Case("one unit", [.dense(units: 6, useBias: true, activation: .relu), .dense(units: 1, useBias: true, activation: .sigmoid)], .bce),
            Case(
                "batch norm, then PReLU of its own, then dropout",
                [
                    .dense(units: 6, useBias: false, activation: .linear), .batchNorm(eps: 1e-3, scale: true, center: true), .activation(.prelu),
                    .dropout(rate: 0.5), .dense(units: 3, useBias: true, activation: .softmax),
                ], .softmaxCE),
            Case(
                "layer norm first, and last",
                [
                    .layerNorm(eps: 1e-5, scale: true, center: true), .dense(units: 4, useBias: true, activation: .gelu),
                    .layerNorm(eps: 1e-3, scale: true, center: true),
                ], .mse),
            Case(
                "norms without scale or center",
                [
                    .flatten, .batchNorm(eps: 1e-3, scale: false, center: true), .dense(units: 4, useBias: true, activation: .tanh),
                    .layerNorm(eps: 1e-3, scale: true, center: false), .dense(units: 3, useBias: true, activation: .linear),
                ], .bce),
            Case(
                "a head of its own, after dropout",
                [.dense(units: 4, useBias: true, activation: .linear), .dropout(rate: 0.1), .activation(.softmax), .flatten], .softmaxCE),
            Case(
                "a head of its own that the loss does not match",
                [.dense(units: 4, useBias: true, activation: .relu), .activation(.logSoftmax), .activation(.tanh)], .bce),
            Case("no layers", [], .mse), Case("only a dropout", [.dropout(rate: 0.5)], .softmaxCE), Case("only a softmax", [.activation(.softmax)], .softmaxCESoft),
        ]

    @Test("every gradient of every parameter and of the input is the central difference of the loss", arguments: cases)
    func centralDifferences(_ example: Case) throws {
        let parameters = randomParameters(example.network, seed: 11)
        let batch = randomBatch(example.network, loss: example.loss.kind, rows: 3, seed: 4)
        let network = try Network<Double>(example.network, parameters: parameters)
        let workspace = try Workspace<Double>(for: example.network, rows: 3, loss: example.loss, kernels: .reference)
        try network.run(batch, in: workspace)
        let pass = workspace.pass()
        func loss(_ name: String, _ index: Int, _ step: Double) throws -> Double {
            var (moved, movedBatch) = (parameters, batch)
            if name == "x" { movedBatch.x[index] += step } else { moved[name]?[index] += step }
            return try Network<Double>(example.network, parameters: moved).run(movedBatch, in: workspace)
        }
        let trained = parameters.keys.filter { !$0.contains("moving_") }
        for name in trained + ["x"] {
            let gradient = try #require(pass["grad.\(name)"], "grad.\(name)")
            let differences = try gradient.values.indices.map { (try loss(name, $0, 1e-5) - loss(name, $0, -1e-5)) / 2e-5 }
            #expect(scaled(gradient.values, differences) < 2e-8, "grad.\(name)")
        }
        #expect(pass.quantities.allSatisfy { $0.values.allSatisfy(\.isFinite) })
    }

    @Test("the first-order remainder along a random direction shrinks with the square of the step", arguments: cases)
    func taylor(_ example: Case) throws {
        let parameters = randomParameters(example.network, seed: 23)
        let batch = randomBatch(example.network, loss: example.loss.kind, rows: 3, seed: 8)
        let pass = try Network<Double>(example.network, parameters: parameters).pass(batch, loss: example.loss)
        var generator = Generator(99)
        var (direction, slope) = ([String: [Double]](), 0.0)
        for (name, values) in parameters.sorted(by: { $0.key < $1.key }) where !name.contains("moving_") {
            let step = generator.normals(values.count)
            direction[name] = step
            slope += zip(step, try #require(pass["grad.\(name)"]).values).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let stepX = generator.normals(batch.x.count)
        slope += zip(stepX, try #require(pass["grad.x"]).values).reduce(0) { $0 + $1.0 * $1.1 }
        let start = try #require(pass["loss"]).values[0]
        func remainder(_ h: Double) throws -> Double {
            var (moved, movedBatch) = (parameters, batch)
            for (name, step) in direction { moved[name] = zip(parameters[name] ?? [], step).map { $0 + h * $1 } }
            movedBatch.x = zip(batch.x, stepX).map { $0 + h * $1 }
            let there = try #require(try Network<Double>(example.network, parameters: moved).pass(movedBatch, loss: example.loss)["loss"]).values[0]
            return abs(there - start - h * slope)
        }
        // Quartered when the step is halved; the floor is the rounding of the loss.
        let (coarse, fine) = (try remainder(2e-4), try remainder(1e-4))
        #expect(fine <= max(0.3 * coarse, 1e-12), "\(coarse) -> \(fine)")
    }
}
