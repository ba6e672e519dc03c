import Architecture
import MLP
import StrictJSON
import TestSupport
import Testing

/// Every fixture network against PyTorch's autograd in float64 (jax agrees with it): values, losses and every gradient.
struct ReferenceTests {
    static let networks = [
        "batchnorm-dropout", "bfloat16-net", "binary-logistic", "dead-relu", "deep-relu-20-64-32-16-10", "exact-zero", "exact-zero-leaky",
        "extreme-logistic", "extreme-logits", "float16-net", "float64-net", "gelu-tanh", "layernorm-gelu", "leaky-mix", "mnist-784-128-10",
        "multilabel-3", "nobias", "prelu-net", "regression-mse", "seed-4-8-3", "sigmoid-tanh-soft", "smooth-zoo",
    ]

    struct Fixture {
        let spec: JSONValue
        let description: NetworkDescription
        let reference: [String: (shape: [Int], values: [Double])]
        let parameters: [String: [Double]]
        let batch: Batch<Double>

        init(_ name: String) throws {
            spec = try Fixtures.json("parity/\(name)/spec.json")
            description = try NetworkDescription(json: spec)
            reference = try NumPyArchive("parity/\(name)/reference.npz").arrays
            var parameters = [String: [Double]]()
            for (key, array) in reference where key.hasPrefix("param.") { parameters[String(key.dropFirst(6))] = array.values }
            if parameters.isEmpty {
                let model = try NumPyArchive("parity/\(name)/model.npz").arrays
                for member in try #require(spec["files"]?["model.npz"]?.members) {
                    parameters[try #require(member.value["param"]?.string)] = try #require(model[member.key]).values
                }
            }
            self.parameters = parameters
            let x = try #require(reference["x"])
            let targets: Batch<Double>.Targets =
                if description.loss?.kind == .softmaxCE {
                    .classes(try #require(reference["y.index"]).values.map { Int($0) })
                } else {
                    .dense(try #require(reference["y.dense"]).values)
                }
            batch = Batch(x: x.values, rows: x.shape[0], targets: targets)
        }
    }

    /// Compares a pass with all arrays of the reference under `prefix`, and returns how many there were.
    private func compare<Scalar: NetworkScalar>(
        _ pass: Pass<Scalar>, _ fixture: Fixture, prefix: String = "f64.", values: Double, gradients: Double
    ) throws -> Int {
        var compared = 0
        for (key, array) in fixture.reference.sorted(by: { $0.key < $1.key }) where key.hasPrefix(prefix) {
            let name = String(key.dropFirst(prefix.count))
            if name == "loss_sum" || name.hasPrefix("alt_") { continue }
            let quantity = try #require(pass[name], "\(key)")
            #expect(quantity.shape == array.shape, "\(key)")
            let difference = scaled(quantity.values, array.values)
            #expect(difference <= (name.hasPrefix("grad.") ? gradients : values), "\(key)")
            compared += 1
        }
        return compared
    }

    @Test("float64 agrees with torch to 1e-12 in every quantity, with every kind of kernels", arguments: networks, [
        Kernels.automatic, .reference, .simd,
    ])
    func float64(_ name: String, _ kernels: Kernels) throws {
        let fixture = try Fixture(name)
        if name.hasPrefix("mnist"), kernels == .reference { return try mnistReference(fixture) }
        let network = try Network<Double>(fixture.description, parameters: fixture.parameters)
        let pass = try network.pass(fixture.batch, kernels: kernels)
        let compared = try compare(pass, fixture, values: 1e-12, gradients: 1e-12)
        let trained = fixture.description.parameters.filter { !$0.name.contains("moving_") }.count
        #expect(compared >= 2 * fixture.description.layers.count - 6 + trained + 4)
        for (parameter, _) in fixture.description.parameters where !parameter.contains("moving_") {
            #expect(fixture.reference["f64.grad.\(parameter)"] != nil, "the reference lacks \(parameter)")
        }
        let loss = try #require(fixture.description.loss)
        let sum = try network.pass(fixture.batch, loss: Loss(loss.kind, reduction: .sum))
        #expect(scaled(try #require(sum["loss"]).values, try #require(fixture.reference["f64.loss_sum"]).values) <= 1e-12)
        #expect(try network.predict(fixture.batch.x, rows: fixture.batch.rows, kernels: kernels) == pass["output"]?.values)
    }

    /// The textbook's loops over 784 x 128 weights are slow without optimisation: the forward pass of one row will do.
    private func mnistReference(_ fixture: Fixture) throws {
        let network = try Network<Double>(fixture.description, parameters: fixture.parameters)
        let output = try network.predict(Array(fixture.batch.x.prefix(784)), rows: 1, kernels: .reference)
        #expect(scaled(output, Array(try #require(fixture.reference["f64.output"]).values.prefix(10))) <= 1e-12)
    }

    @Test("float32 agrees with torch's float64 to what spec.json allows", arguments: networks)
    func float32(_ name: String) throws {
        let fixture = try Fixture(name)
        let network = try Network<Float>(fixture.description, parameters: fixture.parameters.mapValues { $0.map { Float($0) } })
        let tolerance = try #require(fixture.spec["reference"]?["tolerance"])
        for kernels in [Kernels.automatic, .simd] {
            let pass = try network.pass(fixture.batch.single, kernels: kernels)
            _ = try compare(
                pass, fixture, values: try #require(tolerance["f32_values"]?.double), gradients: try #require(tolerance["f32_grads"]?.double))
        }
    }

    @Test("at exact zeros jax's gradients are jax's, and torch's are not those")
    func jaxAtKinks() throws {
        let fixture = try Fixture("exact-zero-leaky")
        let network = try Network<Double>(fixture.description, parameters: fixture.parameters)
        let compared = try compare(try network.pass(fixture.batch, subgradient: .jax), fixture, prefix: "f64.alt_jax.", values: 0, gradients: 1e-12)
        #expect(compared == 5)
        let torch = try #require(try network.pass(fixture.batch)["grad.L0.kernel"]).values
        #expect(scaled(torch, try #require(fixture.reference["f64.alt_jax.grad.L0.kernel"]).values) > 1e-3)
    }
}
