import Architecture
import StrictJSON
import TestSupport
import Testing

@Suite("A network description")
struct DescriptionTests {
    @Test("the short string of CLI.md is read")
    func short() throws {
        let network = try NetworkDescription(parsing: "784-128:relu-64:leaky_relu(0.2)-10:softmax")
        #expect(network == NetworkDescription(input: 784, layers: [
            .dense(units: 128, useBias: true, activation: .relu),
            .dense(units: 64, useBias: true, activation: .leakyReLU(slope: 0.2)),
            .dense(units: 10, useBias: true, activation: .softmax),
        ]))
        #expect(network.output == 10)
    }

    @Test("every short string reads back the same", arguments: [
        "784-128:relu-64:leaky_relu(0.2)-10:softmax", "5-7!nobias:relu-6:tanh-4!nobias:softmax", "3-1", "4-8:hard_sigmoid(0.2,0.5)-2:elu(0.5)",
        "8-16-batchnorm(0.001)-relu-dropout(0.5)-12!nobias-batchnorm(1e-05)!noscale!nocenter-tanh-4:softmax", "7-flatten-3:relu_floor(-1e-05)-relu6",
        "6-layernorm(1e-05)!noscale-4:prelu-prelu-2:log_softmax",
    ])
    func roundTrip(text: String) throws {
        let network = try NetworkDescription(parsing: text)
        #expect(network.shortText == text)
        #expect(try NetworkDescription(json: JSONReader.read(network.json.text())) == network)
    }

    @Test("every activation there is reads back from both forms", arguments: ActivationForm.all.map(\.name))
    func activations(name: String) throws {
        let activation = try Activation(parsing: name == "relu_floor" ? "relu_floor(0.001)" : name)
        #expect(activation.name == name)
        #expect(try Activation(parsing: activation.shortText) == activation)
        #expect(try Activation(json: activation.json) == activation)
    }

    @Test("parameters may be named, and default to torch's")
    func parameters() throws {
        #expect(try Activation(parsing: "hard_sigmoid(beta=0.4,alpha=0.3)") == .hardSigmoid(alpha: 0.3, beta: 0.4))
        #expect(try Activation(parsing: "leaky_relu") == .leakyReLU(slope: 0.01))
        #expect(try Activation(parsing: "leaky_relu(-1e-3)") == .leakyReLU(slope: -0.001))
    }

    @Test("an error names the piece, and suggests a near name", arguments: [
        ("784-128:rleu-10", "piece \"128:rleu\": there is no activation \"rleu\"; did you mean relu"),
        ("784-128:swish-10", "did you mean silu?"), ("784-128:leaky_relu(x)-10", "\"x\" is not a number"),
        ("784-128!nobais:relu-10", "no option \"!nobais\""), ("a-3", "not the width of the input"), ("784", "no layers"),
        ("4-0:relu", "number of units of L0 is 0"), ("4--3", "empty"), ("4-3:leaky_relu(0.2-2", "not closed"), ("4-3)", "do not match"),
        ("4-3:relu(1)", "relu has no parameter number 1"), ("4-3-batchnrom(0.1)", "did you mean batchnorm?"),
        ("4-3:leaky_relu(0.2,slope=0.3)", "twice"), ("4-3:relu_floor", "needs its parameter e"), ("4-dropout(1)", "below 1"),
        ("4-99999999999999999999", "number of units"), ("9999999999-3", "1 to 2147483647"), ("", "empty"), ("4-3:elu(inf)", "is not a number"),
        ("4-3-dropout", "needs its rate"), ("4-3-tanh!nobias", "no option"), ("4-3x:relu", "begins with its number of units"),
    ])
    func errors(text: String, part: String) {
        let error = #expect(throws: DescriptionError.self) { try NetworkDescription(parsing: text) }
        #expect(error?.description.contains(part) == true, "\(String(describing: error))")
    }

    @Test("JSON that is no network is an error that says where", arguments: [
        (#"[]"#, "is an object"), (#"{"input":"4","layers":[]}"#, "\"input\""), (#"{"input":4}"#, "\"layers\""),
        (#"{"input":4,"layers":[{"type":"dens","units":3}]}"#, "layers[0]: there is no layer type \"dens\"; did you mean dense?"),
        (#"{"input":4,"layers":[{"type":"dense"}]}"#, "needs \"units\""), (#"{"input":4,"layers":[{"type":"dense","units":2.5}]}"#, "needs \"units\""),
        (#"{"input":4,"layers":[{"type":"dense","units":2,"activation":{"name":"leaky_relu","alpha":0.1}}]}"#, "leaky_relu has no parameter \"alpha\""),
        (#"{"input":4,"layers":[{"type":"dense","units":2,"use_bias":1}]}"#, "use_bias"),
        (#"{"input":4,"layers":[{"type":"dense","units":2}],"loss":{"kind":"mes"}}"#, "did you mean mse?"),
        (#"{"input":4,"layers":[{"type":"dense","units":2}],"subgradient":"numpy"}"#, "torch, jax, tensorflow, keras"),
        (#"{"input":4,"layers":[{"type":"batchnorm","eps":-1}]}"#, "eps of L0"),
    ])
    func badJSON(text: String, part: String) throws {
        let json = try JSONReader.read(text)
        let error = #expect(throws: DescriptionError.self) { try NetworkDescription(json: json) }
        #expect(error?.description.contains(part) == true, "\(String(describing: error))")
    }

    @Test("an activation that directly follows a linear dense layer is that layer's and has no number")
    func folding() throws {
        let network = try NetworkDescription(json: JSONReader.read("""
            {"input":4,"layers":[{"type":"dense","units":8},{"type":"activation","activation":"linear"},{"type":"activation","activation":{"name":"prelu"}},
            {"type":"activation","activation":"relu"},{"type":"dropout","rate":0.5},{"type":"activation","activation":"tanh"},{"type":"dense","units":3,"activation":"softmax"}]}
            """))
        #expect(network.shortText == "4-8:prelu-relu-dropout(0.5)-tanh-3:softmax")
        #expect(network.parameters.map(\.name) == ["L0.kernel", "L0.bias", "L0.alpha", "L4.kernel", "L4.bias"])
    }

    @Test("each spec.json is read, and its parameters are those that the file lists")
    func specs() throws {
        let names = Set(try #require(Fixtures.json("parity/index.json")["files"]?.array).compactMap { $0["path"]?.string?.split(separator: "/").first.map(String.init) })
        var read = 0
        for name in names.sorted() where !name.hasPrefix("_") && !name.hasSuffix(".json") {
            let spec = try Fixtures.json("parity/\(name)/spec.json")
            let network = try NetworkDescription(json: spec)
            let listed = try #require(spec["parameters"]?.array).map { ($0["name"]?.string, $0["shape"]?.array?.compactMap(\.int)) }
            #expect(network.parameters.map(\.name) == listed.map { $0.0 ?? "" }, "\(name)")
            #expect(network.parameters.map(\.shape) == listed.map { $0.1 ?? [] }, "\(name)")
            #expect(network.loss?.kind.rawValue == spec["loss"]?["kind"]?.string)
            #expect(try NetworkDescription(json: network.json) == network)
            #expect(try NetworkDescription(parsing: network.shortText).layers == network.layers)
            read += 1
        }
        #expect(read >= 20)
    }
}
