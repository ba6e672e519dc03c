import Architecture
import Checkpoints
import Dialects
import StrictJSON
import Tensors
import Testing

@Suite("Keras' config")
struct KerasConfigTests {
    /// `{"class_name":…,"config":{"name":…, …}}`.
    private func layer(_ kind: String, _ name: String, _ config: String = "", _ more: String = "") -> String {
        #"{"class_name":"\#(kind)","config":{"name":"\#(name)"\#(config.isEmpty ? "" : "," + config)}\#(more.isEmpty ? "" : "," + more)}"#
    }

    private func dense(_ name: String, _ units: Int, _ activation: String = "\"linear\"", bias: Bool = true) -> String {
        layer("Dense", name, "\"units\":\(units),\"activation\":\(activation),\"use_bias\":\(bias)")
    }

    private func sequential(_ layers: [String]) -> String { #"{"class_name":"Sequential","config":{"name":"sequential","layers":[\#(layers.joined(separator: ","))]}}"# }

    private func recognise(_ config: String, _ tensors: [(String, [Int])] = [], version: String = "3.15.1", more: [(String, String)] = [], format: String = "keras-h5",
                           given: String? = nil) throws -> (found: Recognition, bound: [String]) {
        let index = try index(tensors, [("model_config", config), ("keras_version", version)] + more)
        let found = Recognition(of: index, format: format, hints: RecognitionHints(network: try given.map { try NetworkDescription(parsing: $0) }))
        return (found, found.bound(in: index))
    }

    private let input = #"{"class_name":"InputLayer","config":{"batch_shape":[null,3],"name":"input_layer"}}"#

    @Test("every spelling of an activation is read", arguments: [
        ("\"relu\"", "relu"), ("null", nil), ("\"linear\"", nil), ("\"swish\"", "silu"), ("\"silu\"", "silu"), ("\"leaky_relu\"", "leaky_relu(0.2)"), ("\"exponential\"", "exp"),
        ("\"gelu\"", "gelu"), ("\"hard_sigmoid\"", "hard_sigmoid(0.16666666666666666,0.5)"), ("\"log_softmax\"", "log_softmax"), ("\"relu6\"", "relu6"), ("\"elu\"", "elu(1)"),
        (#"{"module":"keras.activations","class_name":"function","config":"softsign","registered_name":"function"}"#, "softsign"),
        (#"{"class_name":"LeakyReLU","config":{"name":"l","negative_slope":0.125}}"#, "leaky_relu(0.125)"),
        (#"{"module":"keras.layers","class_name":"ReLU","config":{"max_value":6.0}}"#, "relu6"),
    ] as [(String, String?)])
    func activations(json: String, expected: String?) throws {
        let (found, _) = try recognise(sequential([input, dense("dense", 2, json)]), [("model_weights/dense/sequential/dense/kernel", [3, 2]), ("model_weights/dense/sequential/dense/bias", [2])])
        #expect(found.network?.shortText == "3-2\(expected.map { ":" + $0 } ?? "")", "\(found.networkReason ?? "")")
    }

    @Test("every activation layer is read, with the defaults and spellings of its era", arguments: [
        ("LeakyReLU", "", "leaky_relu(0.3)"), ("LeakyReLU", "\"alpha\":0.20000000298023224", "leaky_relu(0.2)"), ("LeakyReLU", "\"negative_slope\":0.1", "leaky_relu(0.1)"),
        ("LeakyReLU", #""alpha":{"class_name":"__numpy__","config":{"value":0.25}}"#, "leaky_relu(0.25)"),
        ("ReLU", "\"max_value\":null,\"negative_slope\":0.0,\"threshold\":0.0", "relu"), ("ReLU", "\"max_value\":6.0", "relu6"), ("ReLU", "\"negative_slope\":0.5", "leaky_relu(0.5)"),
        ("ELU", "\"alpha\":0.5", "elu(0.5)"), ("Softmax", "\"axis\":-1", "softmax"), ("Activation", "\"activation\":\"tanh\"", "tanh"),
    ])
    func activationLayers(kind: String, config: String, expected: String) throws {
        let (found, _) = try recognise(sequential([input, dense("dense", 2), layer(kind, "act", config)]), [("model_weights/dense/dense/kernel:0", [3, 2]), ("model_weights/dense/dense/bias:0", [2])], version: "2.15.0")
        #expect(found.network?.shortText == "3-2:\(expected)", "\(found.networkReason ?? "")")
    }

    @Test("what is not run is named: the first such layer", arguments: [
        (#"{"class_name":"Conv2D","config":{"name":"conv1","filters":8}}"#, "first unsupported layer: Conv2D conv1"),
        (#"{"class_name":"ReLU","config":{"name":"r","max_value":2.0}}"#, "first unsupported layer: ReLU r (max_value 2.0)"),
        (#"{"class_name":"ReLU","config":{"name":"r","threshold":1.0}}"#, "first unsupported layer: ReLU r (a threshold of 1.0)"),
        (#"{"class_name":"Dense","config":{"name":"d","units":3,"activation":"glu"}}"#, "first unsupported layer: Dense d (the activation \"glu\")"),
        (#"{"class_name":"PReLU","config":{"name":"p","shared_axes":[1]}}"#, "first unsupported layer: PReLU p (one slope for all units)"),
        (#"{"class_name":"LayerNormalization","config":{"name":"n","axis":[-1],"rms_scaling":true}}"#, "first unsupported layer: LayerNormalization n (RMS scaling)"),
        (#"{"class_name":"BatchNormalization","config":{"name":"n","axis":[3]}}"#, "first unsupported layer: BatchNormalization n (over an axis that is not the last)"),
        (#"{"class_name":"my>Embedding","config":{"name":"e"}}"#, "first unsupported layer: Embedding e"),
        (#"{"class_name":"Dense","config":{"name":"d","units":3,"activation":{"class_name":"__lambda__","config":{"value":"x"}}}}"#, "first unsupported layer: Dense d (the activation \"__lambda__\")"),
        (#"{"class_name":"Dense"}"#, "first unsupported layer: Dense"), (#"[]"#, "first unsupported layer"), ("3", "first unsupported layer"),
    ])
    func refusals(json: String, expected: String) throws {
        let (found, bound) = try recognise(sequential([input, dense("dense", 2), json, layer("LSTM", "later")]), [("conv1/kernel", [3, 3, 1, 8])])
        #expect(found.networkReason?.hasPrefix(expected) == true, "\(found.networkReason ?? "")")
        #expect(found.failure?.code == .unsupported && bound.isEmpty)
    }

    @Test("hard_sigmoid is another function in Keras 2, known by the version or by the spelling of the input")
    func hardSigmoid() throws {
        let config = sequential([#"{"class_name":"InputLayer","config":{"batch_input_shape":[null,3],"name":"i"}}"#, dense("dense", 2, "\"hard_sigmoid\"")])
        let tensors = [("dense/dense/kernel:0", [3, 2]), ("dense/dense/bias:0", [2])]
        #expect(try recognise(config, tensors, version: "2.21.0").found.network?.shortText == "3-2:hard_sigmoid(0.2,0.5)")
        #expect(try recognise(config, tensors, version: "").found.network?.shortText == "3-2:hard_sigmoid(0.2,0.5)")
        #expect(try recognise(config, tensors, version: "3.0.0").found.network?.shortText == "3-2:hard_sigmoid(0.16666666666666666,0.5)")
    }

    @Test("a functional chain with odd names, out of order in the config, is bound by name", arguments: [true, false])
    func functional(keras3: Bool) throws {
        func node(_ from: String) -> String {
            keras3 ? #""inbound_nodes":[{"args":[{"class_name":"__keras_tensor__","config":{"shape":[null,3],"keras_history":["\#(from)",0,0]}}],"kwargs":{"mask":null}}]"#
                : #""inbound_nodes":[[["\#(from)",0,0,{}]]]"#
        }
        func named(_ kind: String, _ name: String, _ config: String, _ from: String) -> String {
            #"{"class_name":"\#(kind)","name":"\#(name)","config":{"name":"\#(name)",\#(config)},\#(node(from))}"#
        }
        let layers = [
            named("Dense", "zeta", "\"units\":3,\"activation\":\"tanh\"", "x in"), named("Dense", "alpha", "\"units\":3", "slope"),
            #"{"class_name":"InputLayer","name":"x in","config":{"batch_shape":[null,3],"name":"x in"},"inbound_nodes":[]}"#,
            named("Dense", "dense_10", "\"units\":3,\"use_bias\":false", "zeta"), named("PReLU", "slope", "\"shared_axes\":null", "dense_10"),
        ]
        let outputs = keras3 ? #"["alpha",0,0]"# : #"[["alpha",0,0]]"#
        let config = #"{"class_name":"\#(keras3 ? "Functional" : "Model")","config":{"name":"m","layers":[\#(layers.joined(separator: ","))],"input_layers":[["x in",0,0]],"output_layers":\#(outputs)}}"#
        let legacy = [("model_weights/alpha/alpha/bias", [3]), ("model_weights/alpha/alpha/kernel", [3, 3]), ("model_weights/dense_10/dense_10/kernel", [3, 3]),
                      ("model_weights/slope/slope/alpha", [3]), ("model_weights/zeta/zeta/kernel", [3, 3]), ("model_weights/zeta/zeta/bias", [3])]
        let (found, bound) = try recognise(config, legacy)
        #expect(found.network?.shortText == "3-3:tanh-3!nobias:prelu-3", "\(found.networkReason ?? "")")
        #expect(bound.map { $0.split(separator: "/").last.map(String.init) ?? "" } == ["kernel", "bias", "kernel", "alpha", "kernel", "bias"])
        #expect(bound[0].contains("zeta") && bound[2].contains("dense_10") && bound[4].contains("model_weights/alpha/alpha/kernel"))
        // Keras 3 numbers classes in the config's order, whatever the order of execution.
        let numbered = [("layers/dense/vars/0", [3, 3]), ("layers/dense/vars/1", [3]), ("layers/dense_1/vars/0", [3, 3]), ("layers/dense_1/vars/1", [3]),
                        ("layers/dense_2/vars/0", [3, 3]), ("layers/p_re_lu/vars/0", [3])]
        #expect(try recognise(config, numbered, format: "keras").bound == [
            "L0.kernel=layers/dense/vars/0", "L0.bias=layers/dense/vars/1", "L1.kernel=layers/dense_2/vars/0", "L1.alpha=layers/p_re_lu/vars/0",
            "L2.kernel=layers/dense_1/vars/0", "L2.bias=layers/dense_1/vars/1",
        ])
    }

    @Test("a functional model that is no chain names the layer where it forks", arguments: [
        (#"[["b",0,0,{}],["a",0,0,{}]]"#, "Add sum"), (#"[["a",0,0,{}]],[["b",0,0,{}]]"#, "Add sum (it is used 2 times)"), (#"[["nowhere",0,0,{}]]"#, "is no layer"),
        (#"[["i",0,0,{}]]"#, "feeds more than one layer"), (#"[["sum",0,0,{}]]"#, "no chain"),
    ])
    func forks(nodes: String, expected: String) throws {
        let config = #"{"class_name":"Functional","config":{"name":"m","layers":[{"class_name":"InputLayer","name":"i","config":{"batch_shape":[null,3]},"inbound_nodes":[]},{"class_name":"Dense","name":"a","config":{"name":"a","units":3},"inbound_nodes":[[["i",0,0,{}]]]},{"class_name":"Dense","name":"b","config":{"name":"b","units":3},"inbound_nodes":[[["a",0,0,{}]]]},{"class_name":"Add","name":"sum","config":{"name":"sum"},"inbound_nodes":[\#(nodes)]}],"output_layers":[["sum",0,0]]}}"#
        let (found, _) = try recognise(config)
        #expect(found.networkReason?.contains(expected) == true, "\(found.networkReason ?? "")")
        #expect(found.failure?.code == .unsupported)
    }

    @Test("twelve Dense layers of Keras 3 are bound by number, also nested in another model")
    func nested() throws {
        let inner = #"{"class_name":"Sequential","config":{"name":"trunk","layers":[\#((0..<11).map { dense("d\($0)", 3, "\"relu\"") }.joined(separator: ","))]}}"#
        let config = sequential([input, dense("first", 3), inner, layer("Dropout", "drop", "\"rate\":0.5"), dense("last", 2, "\"softmax\"")])
        var tensors: [(String, [Int])] = [("layers/dense/vars/0", [3, 3]), ("layers/dense/vars/1", [3]), ("layers/dense_1/vars/0", [3, 2]), ("layers/dense_1/vars/1", [2])]
        var legacy: [(String, [Int])] = [("model_weights/first/first/kernel:0", [3, 3]), ("model_weights/first/first/bias:0", [3]), ("model_weights/last/last/kernel:0", [3, 2]), ("model_weights/last/last/bias:0", [2])]
        for i in (0..<11).reversed() {
            let name = "layers/sequential/layers/dense\(i == 0 ? "" : "_\(i)")/vars/"
            tensors += [(name + "1", [3]), (name + "0", [3, 3])]
            legacy += [("model_weights/trunk/d\(i)/kernel:0", [3, 3]), ("model_weights/trunk/d\(i)/bias:0", [3])]
        }
        let (found, bound) = try recognise(config, tensors, format: "keras")
        #expect(found.failure == nil, "\(found.networkReason ?? "")")
        #expect(bound.count == 26 && bound[0] == "L0.kernel=layers/dense/vars/0" && bound[22] == "L11.kernel=layers/sequential/layers/dense_10/vars/0" && bound[24] == "L13.kernel=layers/dense_1/vars/0")
        let (_, named) = try recognise(config, legacy)
        #expect(named.count == 26 && named[0] == "L0.kernel=model_weights/first/first/kernel:0" && named[22] == "L11.kernel=model_weights/trunk/d10/kernel:0")
    }

    @Test("norms, dropout, an image and bare lists of layers are read")
    func others() throws {
        let norms = sequential([
            #"{"class_name":"InputLayer","config":{"batch_shape":[null,2,2,1],"name":"i"}}"#, layer("Flatten", "flatten"), dense("dense", 5, bias: false),
            layer("BatchNormalization", "bn", "\"axis\":-1,\"epsilon\":0.01,\"scale\":false"), layer("Activation", "a", "\"activation\":\"relu\""), layer("Dropout", "d", "\"rate\":0.25"),
            layer("LayerNormalization", "ln", "\"axis\":[1],\"center\":false"), dense("out", 1, "\"sigmoid\""),
        ])
        let tensors = [("layers/dense/vars/0", [4, 5]), ("layers/batch_normalization/vars/0", [5]), ("layers/batch_normalization/vars/1", [5]), ("layers/batch_normalization/vars/2", [5]),
                       ("layers/layer_normalization/vars/0", [5]), ("layers/dense_1/vars/0", [5, 1]), ("layers/dense_1/vars/1", [1])]
        let (found, bound) = try recognise(norms, tensors, format: "keras")
        #expect(found.network?.shortText == "4-flatten-5!nobias-batchnorm(0.01)!noscale-relu-dropout(0.25)-layernorm(0.001)!nocenter-1:sigmoid", "\(found.networkReason ?? "")")
        #expect(bound == ["L1.kernel=layers/dense/vars/0", "L2.beta=layers/batch_normalization/vars/0", "L2.moving_mean=layers/batch_normalization/vars/1",
                          "L2.moving_var=layers/batch_normalization/vars/2", "L5.gamma=layers/layer_normalization/vars/0", "L6.kernel=layers/dense_1/vars/0", "L6.bias=layers/dense_1/vars/1"])
        // An image without Flatten is no row of numbers.
        let image = sequential([#"{"class_name":"InputLayer","config":{"batch_shape":[null,2,2],"name":"i"}}"#, dense("dense", 5)])
        #expect(try recognise(image).found.networkReason == "first unsupported layer: Dense dense (its input has 2 axes; only rows of numbers are run)")
        // Keras 1: a bare list, output_dim, W and b; no input shape but the kernel's.
        let old = #"{"class_name":"Sequential","config":[{"class_name":"Dense","config":{"name":"dense_1","output_dim":4,"activation":"relu","bias":true}},{"class_name":"Dense","config":{"name":"dense_2","output_dim":2,"activation":"softmax"}}]}"#
        let (first, names) = try recognise(old, [("dense_1/dense_1_W", [3, 4]), ("dense_1/dense_1_b", [4]), ("dense_2/dense_2_W", [4, 2]), ("dense_2/dense_2_b", [2])], version: "1.2.2")
        #expect(first.network?.shortText == "3-4:relu-2:softmax", "\(first.networkReason ?? "")")
        #expect(names == ["L0.kernel=dense_1/dense_1_W", "L0.bias=dense_1/dense_1_b", "L1.kernel=dense_2/dense_2_W", "L1.bias=dense_2/dense_2_b"])
    }

    @Test("the loss comes from the compile settings where it goes with the head", arguments: [
        ("\"categorical_crossentropy\"", "softmax", Loss(.softmaxCE)), ("\"sparse_categorical_crossentropy\"", "softmax", Loss(.softmaxCE)), ("\"binary_crossentropy\"", "sigmoid", Loss(.bce)),
        ("\"mse\"", "linear", Loss(.mse)), ("\"mean_squared_error\"", "tanh", Loss(.mse)), ("[\"mse\"]", "linear", Loss(.mse)), (#"{"out":"mse"}"#, "linear", Loss(.mse)),
        (#"{"class_name":"CategoricalCrossentropy","config":{"from_logits":true,"reduction":"sum_over_batch_size"}}"#, "linear", Loss(.softmaxCE)),
        (#"{"module":"keras.losses","class_name":"BinaryCrossentropy","config":{"from_logits":true,"reduction":"sum"}}"#, "linear", Loss(.bce, reduction: .sum)),
        (#"{"class_name":"CategoricalCrossentropy","config":{"from_logits":true}}"#, "softmax", nil), ("\"categorical_crossentropy\"", "linear", nil),
        (#"{"class_name":"CategoricalCrossentropy","config":{"label_smoothing":0.1}}"#, "softmax", nil), ("\"hinge\"", "linear", nil), ("null", "linear", nil),
        (#"{"class_name":"function","config":"mean_squared_error"}"#, "linear", Loss(.mse)),
    ] as [(String, String, Loss?)])
    func losses(json: String, head: String, expected: Loss?) throws {
        let tensors = [("d/d/kernel:0", [3, 2]), ("d/d/bias:0", [2])]
        let layers = [input, dense("d", 2, "\"\(head)\"")]
        let (legacy, _) = try recognise(sequential(layers), tensors, more: [("training_config", #"{"loss":\#(json),"optimizer_config":{"class_name":"Custom>Adam","config":{"learning_rate":0.01}}}"#)])
        #expect(legacy.network != nil && legacy.network?.loss == expected)
        let config = #"{"class_name":"Sequential","config":{"layers":[\#(layers.joined(separator: ","))]},"compile_config":{"loss":\#(json)}}"#
        #expect(try recognise(config, tensors).found.network?.loss == expected)
    }

    @Test("frozen layers have no optimizer state, and what follows them is bound all the same")
    func frozen() throws {
        let config = #"{"class_name":"Sequential","config":{"name":"s","layers":[\#(input),{"class_name":"Dense","config":{"name":"a","units":3,"trainable":false}},{"class_name":"Dense","config":{"name":"b","units":3}}]},"compile_config":{"optimizer":{"class_name":"Adam","config":{"learning_rate":0.5,"amsgrad":false}}}}"#
        let tensors = [("layers/dense/vars/0", [3, 3]), ("layers/dense/vars/1", [3]), ("layers/dense_1/vars/0", [3, 3]), ("layers/dense_1/vars/1", [3]), ("optimizer/vars/0", []), ("optimizer/vars/1", []),
                       ("optimizer/vars/2", [3, 3]), ("optimizer/vars/3", [3, 3]), ("optimizer/vars/4", [3]), ("optimizer/vars/5", [3])]
        let state = try #require(try recognise(config, tensors, format: "keras").found.optimizer)
        #expect(state.slots.map(\.parameter) == [nil, nil, "layers/dense_1/vars/0", "layers/dense_1/vars/0", "layers/dense_1/vars/1", "layers/dense_1/vars/1"])
        #expect(state.slots.map(\.slot) == ["iteration", "learning_rate", "m", "v", "m", "v"])
        #expect(state.settings["learning_rate"] == "0.5" && state.settings["amsgrad"] == "false" && state.kind == "adam")
    }

    @Test("a network that is given wins over the config, with a note; a wrong width is a mismatch")
    func given() throws {
        let config = sequential([input, dense("z", 3, "\"relu\""), dense("a", 3, "\"softmax\"")])
        let tensors = [("model_weights/a/a/kernel:0", [3, 3]), ("model_weights/a/a/bias:0", [3]), ("model_weights/z/z/kernel:0", [3, 3]), ("model_weights/z/z/bias:0", [3])]
        let (found, bound) = try recognise(config, tensors, format: "hdf5", given: "3-3:tanh-3:softmax")
        #expect(bound.first == "L0.kernel=model_weights/z/z/kernel:0")
        #expect(found.network?.shortText == "3-3:tanh-3:softmax")
        #expect(found.notes == ["--network says 3-3:tanh-3:softmax, the file itself 3-3:relu-3:softmax; --network is taken"])
        let (wrong, _) = try recognise(config, [("model_weights/a/a/kernel:0", [3, 3]), ("model_weights/a/a/bias:0", [3]), ("model_weights/z/z/kernel:0", [4, 3]), ("model_weights/z/z/bias:0", [3])])
        #expect(wrong.failure?.code == .mismatch)
    }

    @Test("a config that is broken is a reason, never a crash", arguments: [
        "", "{", "null", "[]", "{}", #"{"class_name":"Sequential"}"#, #"{"class_name":"Sequential","config":{"layers":{}}}"#, #"{"class_name":"Functional","config":{"layers":[]}}"#,
        #"{"class_name":"MyModel","config":{"name":"mine"}}"#, #"{"class_name":"Sequential","config":{"layers":[{"class_name":"InputLayer","config":{"batch_shape":[null,9223372036854775807,9223372036854775807]}},{"class_name":"Flatten","config":{"name":"f"}}]}}"#,
        #"{"class_name":"Sequential","config":{"layers":[{"class_name":"Dense","config":{"name":"d","units":-3}}]}}"#, #"{"class_name":"Sequential","config":{"layers":[{"class_name":"Dense","config":{"name":"d","units":9223372036854775807}}]}}"#,
        #"{"class_name":"Sequential","config":{"layers":[]}}"#, #"{"class_name":"Sequential","config":{"layers":[{"class_name":"Dropout","config":{"name":"d","rate":7}}],"build_input_shape":[null,3]}}"#,
    ])
    func broken(config: String) throws {
        let (found, _) = try recognise(config, [("model_weights/d/d/kernel:0", [3, 3]), ("model_weights/d/d/bias:0", [3])])
        #expect(found.network == nil && found.failure != nil && found.networkReason?.isEmpty == false)
    }
}
