import Architecture
import MLP
import Testing

/// Losses from logits: stable for any, as the formulas say, divided as asked.
struct LossTests {
    /// A network whose logits are its input: the kernel is the identity.
    static func identity<Scalar: NetworkScalar>(_ width: Int, _ activation: Activation, _ loss: Loss.Kind, _: Scalar.Type) throws -> Network<Scalar> {
        var kernel = [Scalar](repeating: 0, count: width * width)
        for i in 0..<width { kernel[i * width + i] = 1 }
        let layers = [Layer.dense(units: width, useBias: false, activation: activation)]
        return try Network(NetworkDescription(input: width, layers: layers, loss: Loss(loss)), parameters: ["L0.kernel": kernel])
    }

    @Test("in float32 the loss of logits 0, 200, -200 for the last class is 400, whatever the head says", arguments: [
        Activation.linear, .softmax, .logSoftmax,
    ])
    func farAway(_ head: Activation) throws {
        let network = try Self.identity(3, head, .softmaxCE, Float.self)
        let pass = try network.pass(Batch(x: [0, 200, -200], rows: 1, targets: .classes([2])))
        #expect(pass["loss"]?.values == [400])
        #expect(pass["grad.logits"]?.values == [0, 1, -1])
    }

    @Test("cross-entropies are finite for the largest logits, in float32 too", arguments: [Float(1e30), 3e38, 1000, -3e38, 0])
    func anyLogits(_ size: Float) throws {
        for kind in [Loss.Kind.softmaxCE, .softmaxCESoft] {
            let network = try Self.identity(3, .softmax, kind, Float.self)
            let targets: Batch<Float>.Targets = kind == .softmaxCE ? .classes([1]) : .dense([0, 1, 0])
            let pass = try network.pass(Batch(x: [size / 2, size, 0], rows: 1, targets: targets))
            for quantity in pass.quantities { #expect(!quantity.values.contains { !$0.isFinite }, "\(kind) \(quantity.name)") }
        }
        let logistic = try Self.identity(1, .sigmoid, .bce, Float.self)
        for target in [Float(0), 0.25, 1] {
            let pass = try logistic.pass(Batch(x: [size], rows: 1, targets: .dense([target])))
            for quantity in pass.quantities { #expect(!quantity.values.contains { !$0.isFinite }, "bce \(quantity.name)") }
        }
    }

    @Test("a sure prediction keeps the digits of its loss and gradient")
    func sure() throws {
        let network = try Self.identity(2, .softmax, .softmaxCE, Float.self)
        let pass = try network.pass(Batch(x: [30, 0], rows: 1, targets: .classes([0])))
        let share = Float(9.357622968839299e-14)  // exp(-30) / (1 + exp(-30))
        #expect(pass["loss"]?.values == [share])
        #expect(pass["grad.logits"]?.values == [-share, share])
        let logistic = try Self.identity(1, .sigmoid, .bce, Float.self)
        let sure = try logistic.pass(Batch(x: [30], rows: 1, targets: .dense([1])))
        #expect(sure["loss"]?.values == [share])
        #expect(sure["grad.logits"]?.values == [-share])
    }

    @Test("reductions divide by what CLI.md says", arguments: Loss.Kind.allCases)
    func reductions(_ kind: Loss.Kind) throws {
        let network = try Self.identity(3, .linear, kind, Double.self)
        let batch = randomBatch(network.description, loss: kind, rows: 4, seed: 1)
        func pass(_ reduction: Loss.Reduction) throws -> Pass<Double> { try network.pass(batch, loss: Loss(kind, reduction: reduction)) }
        let (sum, mean, perRow) = (try pass(.sum), try pass(.mean), try pass(.batch))
        let divisor: Double = kind == .softmaxCE || kind == .softmaxCESoft ? 4 : 12
        for name in ["loss", "grad.logits", "grad.L0.kernel", "grad.x"] {
            let total = try #require(sum[name]).values
            #expect(scaled(try #require(mean[name]).values, total.map { $0 / divisor }) < 1e-15, "\(name)")
            #expect(scaled(try #require(perRow[name]).values, total.map { $0 / 4 }) < 1e-15, "\(name)")
        }
    }

    @Test("a network that ends in logits is completed by its loss, mse takes them as they are")
    func completion() throws {
        let x = [0.3, -1.2, 2.0]
        let total = x.reduce(0) { $0 + Activation.exp.value(at: $1)! }
        func output(_ kind: Loss.Kind) throws -> [Double] {
            let network = try Self.identity(3, .linear, kind, Double.self)
                let predicted = try network.predict(x, rows: 1)
            #expect(try network.pass(randomBatch(network.description, loss: kind, rows: 2, seed: 1))["output"]?.shape == [2, 3])
            return predicted
        }
        #expect(scaled(try output(.softmaxCE), x.map { Activation.exp.value(at: $0)! / total }) < 1e-15)
        #expect(scaled(try output(.softmaxCESoft), x.map { Activation.exp.value(at: $0)! / total }) < 1e-15)
        #expect(try output(.bce) == x.map { Activation.sigmoid.value(at: $0)! })
        #expect(try output(.mse) == x)
    }

    @Test("hard and soft cross-entropy agree on a one-hot target, and bce on one unit with softmax on two")
    func agreement() throws {
        let x = [0.4, -2.0, 1.1, 3.0, -0.5, 0.2]
        let hard = try Self.identity(3, .softmax, .softmaxCE, Double.self).pass(Batch(x: x, rows: 2, targets: .classes([2, 0])))
        let soft = try Self.identity(3, .softmax, .softmaxCESoft, Double.self)
            .pass(Batch(x: x, rows: 2, targets: .dense([0, 0, 1, 1, 0, 0])))
        for quantity in hard.quantities { #expect(scaled(try #require(soft[quantity.name]).values, quantity.values) < 1e-15, "\(quantity.name)") }
        let two = try Self.identity(2, .softmax, .softmaxCE, Double.self).pass(Batch(x: [0, 1.7], rows: 1, targets: .classes([1])))
        let one = try Self.identity(1, .sigmoid, .bce, Double.self).pass(Batch(x: [1.7], rows: 1, targets: .dense([1])))
        #expect(scaled(try #require(one["loss"]).values, try #require(two["loss"]).values) < 1e-15)
    }

    @Test("without a loss, softmax implies cross-entropy, soft for dense targets; sigmoid implies bce; anything else mse")
    func implied() {
        func loss(_ text: [Layer], dense: Bool) -> Loss.Kind { NetworkDescription(input: 2, layers: text).impliedLoss(denseTargets: dense).kind }
        #expect(loss([.dense(units: 2, useBias: true, activation: .softmax)], dense: false) == .softmaxCE)
        #expect(loss([.dense(units: 2, useBias: true, activation: .softmax), .dropout(rate: 0.5)], dense: true) == .softmaxCESoft)
        #expect(loss([.dense(units: 2, useBias: true, activation: .sigmoid)], dense: true) == .bce)
        #expect(loss([.dense(units: 2, useBias: true, activation: .linear)], dense: true) == .mse)
        #expect(loss([.dense(units: 2, useBias: true, activation: .softmax), .layerNorm(eps: 1, scale: true, center: true)], dense: true) == .mse)
    }
}
