import Architecture
import Checkpoints
import Dialects
import StrictJSON
import Tensors
import Testing

@Suite("Recognition by names and shapes")
struct NameRecognitionTests {
    private func recognise(_ tensors: [(String, [Int])], _ network: String, format: String = "npz", dialect: Dialect? = nil, map: ParameterMap? = nil,
                           metadata: [(String, String)] = []) throws -> (found: Recognition, bound: [String]) {
        let index = try index(tensors, metadata)
        let found = Recognition(of: index, format: format, hints: RecognitionHints(network: try NetworkDescription(parsing: network), dialect: dialect, map: map))
        return (found, found.bound(in: index))
    }

    @Test("thirteen square layers are in the order of their numbers, not of their texts", arguments: ["npz", "safetensors", "hdf5", "mlpb"])
    func manyLayers(format: String) throws {
        let network = "5-" + Array(repeating: "5:relu", count: 12).joined(separator: "-") + "-5:softmax"
        for name in [{ "dense\($0 == 0 ? "" : "_\($0)")/kernel" }, { "layers.\($0 * 2).weight" }, { "fc\($0 + 1).weight" }, { "params/Dense_\($0)/kernel" }, { "coefs_\($0)" }] as [(Int) -> String] {
            var tensors: [(String, [Int])] = []
            for i in 0..<13 {
                let kernel = name(i)
                let bias = kernel.replacing("kernel", with: "bias").replacing("weight", with: "bias").replacing("coefs", with: "intercepts")
                tensors += [(kernel, [5, 5]), (bias, [5])]
            }
            for shuffled in [tensors, tensors.sorted { $0.0 < $1.0 }, tensors.reversed()] {
                let (found, bound) = try recognise(shuffled, network, format: format)
                #expect(found.failure == nil, "\(found.networkReason ?? "")")
                let turned = name(0).hasSuffix("weight") ? "^T" : ""
                #expect(bound.enumerated().allSatisfy { $1.hasPrefix("L\($0 / 2).") } && bound.indices.filter { $0 % 2 == 0 }.map { bound[$0] } == (0..<13).map { "L\($0).kernel=\(name($0))\(turned)" })
            }
        }
    }

    @Test("bias-less layers and one-unit heads are bound", arguments: [
        ([("0.weight", [7, 5]), ("2.weight", [6, 7]), ("2.bias", [6]), ("4.weight", [1, 6])], "5-7!nobias:relu-6:tanh-1!nobias:sigmoid",
         ["L0.kernel=0.weight^T", "L1.kernel=2.weight^T", "L1.bias=2.bias", "L2.kernel=4.weight^T"]),
        ([("net.out.weight", [1, 3]), ("net.out.bias", [1])], "3-1:sigmoid", ["L0.kernel=net.out.weight^T", "L0.bias=net.out.bias"]),
        ([("weight", [2, 3]), ("bias", [2])], "3-2", ["L0.kernel=weight^T", "L0.bias=bias"]),
        ([("W1", [3, 4]), ("b1", [1, 4]), ("W2", [4, 2]), ("b2", [1, 2])], "3-4:relu-2", ["L0.kernel=W1", "L0.bias=b1", "L1.kernel=W2", "L1.bias=b2"]),
        ([("weights.0", [3, 4]), ("biases.0", [4]), ("weights.1", [4, 2]), ("biases.1", [2])], "3-4:relu-2", ["L0.kernel=weights.0", "L0.bias=biases.0", "L1.kernel=weights.1", "L1.bias=biases.1"]),
        ([("mlp/~/linear_0/w", [3, 4]), ("mlp/~/linear_0/b", [4]), ("mlp/~/linear_1/w", [4, 2]), ("mlp/~/linear_1/b", [2])], "3-4:relu-2",
         ["L0.kernel=mlp/~/linear_0/w", "L0.bias=mlp/~/linear_0/b", "L1.kernel=mlp/~/linear_1/w", "L1.bias=mlp/~/linear_1/b"]),
        ([("module._orig_mod.fc1.weight", [4, 3]), ("module._orig_mod.fc1.bias", [4]), ("module._orig_mod.fc2.weight", [2, 4]), ("module._orig_mod.fc2.bias", [2])], "3-4:relu-2",
         ["L0.kernel=module._orig_mod.fc1.weight^T", "L0.bias=module._orig_mod.fc1.bias", "L1.kernel=module._orig_mod.fc2.weight^T", "L1.bias=module._orig_mod.fc2.bias"]),
        ([("dense_1/dense_1_W", [3, 4]), ("dense_1/dense_1_b", [4])], "3-4:relu", ["L0.kernel=dense_1/dense_1_W", "L0.bias=dense_1/dense_1_b"]),
        ([("model/layers/L3/kernel", [3, 4]), ("model/layers/L0/kernel", [3, 3])], "3-3!nobias-dropout(0.5)-tanh-4!nobias",
         ["L0.kernel=model/layers/L0/kernel", "L3.kernel=model/layers/L3/kernel"]),
    ] as [([(String, [Int])], String, [String])])
    func shapesOfNames(tensors: [(String, [Int])], network: String, expected: [String]) throws {
        let (found, bound) = try recognise(tensors, network)
        #expect(found.failure == nil, "\(found.networkReason ?? "")")
        #expect(bound == expected)
    }

    @Test("names without numbers are ordered by their shapes where only one order fits")
    func chained() throws {
        let tensors = [("encoder.weight", [8, 5]), ("encoder.bias", [8]), ("final.weight", [2, 3]), ("final.bias", [2]), ("body.weight", [3, 8]), ("body.bias", [3])]
        let (found, bound) = try recognise(tensors, "5-8:relu-3:relu-2", format: "safetensors")
        #expect(bound.first == "L0.kernel=encoder.weight^T" && bound.last == "L2.bias=final.bias")
        #expect(found.notes.contains { $0.contains("the order of the layers follows from their shapes") })
    }

    @Test("names without numbers whose shapes fit in several orders are refused, unless the file keeps its order or a map says it")
    func ambiguous() throws {
        let tensors = [("hidden.bias", [8]), ("hidden.weight", [8, 8]), ("extra.bias", [8]), ("extra.weight", [8, 8]), ("out.weight", [2, 8]), ("out.bias", [2])]
        let network = "8-8:relu-8:relu-2"
        for format in ["safetensors", "hdf5"] {
            let (found, _) = try recognise(tensors.sorted { $0.0 < $1.0 }, network, format: format)
            #expect(found.failure?.code == .ambiguous)
            #expect(found.networkReason?.contains("\"extra\"") == true && found.networkReason?.contains("--map") == true)
        }
        // A writer's own order, which safetensors keeps where our metadata restores it.
        for format in ["npz", "safetensors"] {
            let (found, kept) = try recognise(tensors, network, format: format)
            #expect(kept.first == "L0.kernel=hidden.weight^T")
            #expect(found.notes.contains { $0.contains("is taken from the file") })
        }
        let map = try ParameterMap(json: JSONReader.read("""
            {"L0.kernel":{"tensor":"hidden.weight","transposed":true},"L0.bias":"hidden.bias","L1.kernel":"extra.weight","L1.bias":"extra.bias",
            "L2.kernel":"out.weight","L2.bias":{"tensor":"out.bias"}}
            """))
        let (mapped, bound) = try recognise(tensors, network, format: "safetensors", map: map)
        #expect(mapped.failure == nil, "\(mapped.networkReason ?? "")")
        #expect(bound == ["L0.kernel=hidden.weight^T", "L0.bias=hidden.bias", "L1.kernel=extra.weight^T", "L1.bias=extra.bias", "L2.kernel=out.weight^T", "L2.bias=out.bias"])
    }

    @Test("kernels that lie against the custom of their names are turned, square ones with them, and a note says so")
    func turned() throws {
        let (found, bound) = try recognise([("0.weight", [5, 8]), ("0.bias", [8]), ("2.weight", [8, 8]), ("2.bias", [8])], "5-8:relu-8")
        #expect(bound == ["L0.kernel=0.weight", "L0.bias=0.bias", "L1.kernel=2.weight", "L1.bias=2.bias"])
        #expect(found.notes.contains { $0.contains("against the custom") })
        let (_, forced) = try recognise([("0.weight", [8, 8]), ("0.bias", [8])], "8-8", dialect: .keras)
        #expect(forced.first == "L0.kernel=0.weight")
        let (_, byNames) = try recognise([("0.weight", [8, 8]), ("0.bias", [8])], "8-8")
        #expect(byNames.first == "L0.kernel=0.weight^T")
        let (_, positional) = try recognise([("arr_0", [8, 8]), ("arr_1", [8])], "8-8", dialect: .torch)
        #expect(positional.first == "L0.kernel=arr_0^T")
    }

    @Test("what does not fit is a mismatch that names both shapes", arguments: [
        ([("0.weight", [8, 5]), ("0.bias", [8])], "6-8", "its shape is [8, 5], the network's L0.kernel is [6, 8] or, transposed, [8, 6]"),
        ([("0.weight", [8, 5]), ("0.bias", [8])], "5-8:relu-3", "has 2 dense layers with parameters, the file 1: \"0\""),
        ([("0.weight", [8, 5]), ("0.bias", [8])], "5-8!nobias", "\"0\" has a bias"),
        ([("0.weight", [8, 5])], "5-8", "no bias"), ([("0.weight", [8, 5]), ("0.bias", [7])], "5-8", "its shape is [7], the network's L0.bias is [8]"),
        ([("0.weight", [8, 5]), ("0.bias", [8]), ("1.weight", [1])], "5-8:prelu", "one slope for all units"),
        ([("arr_0", [8, 5]), ("arr_1", [8]), ("arr_2", [2])], "5-8:relu", "the file 0"),
    ] as [([(String, [Int])], String, String)])
    func mismatch(tensors: [(String, [Int])], network: String, part: String) throws {
        let (found, bound) = try recognise(tensors, network)
        #expect(found.failure?.code == .mismatch)
        #expect(found.networkReason?.contains(part) == true, "\(found.networkReason ?? "")")
        #expect(found.network == nil && bound.isEmpty)
    }

    @Test("arr_10 comes after arr_9, and numbers of batches and counters are no parameters")
    func positional() throws {
        var tensors = [("arr_0", [4, 4]), ("arr_1", [4])]
        for i in 1..<7 { tensors += [("arr_\(2 * i)", [4, 4]), ("arr_\(2 * i + 1)", [4])] }
        let network = "4-" + Array(repeating: "4:tanh", count: 7).joined(separator: "-")
        for order in [tensors, tensors.sorted { $0.0 < $1.0 }] {
            let (_, bound) = try recognise(order, network)
            #expect(bound == (0..<14).map { "L\($0 / 2).\($0 % 2 == 0 ? "kernel" : "bias")=arr_\($0)" })
        }
        let (_, apart) = try recognise([("arr_0", [4, 3]), ("arr_1", [3, 2]), ("arr_2", [3]), ("arr_3", [2]), ("arr_4", [])], "4-3:relu-2")
        #expect(apart == ["L0.kernel=arr_0", "L0.bias=arr_2", "L1.kernel=arr_1", "L1.bias=arr_3"])
        let (_, letters) = try recognise([("a", [4, 3]), ("b", [3])], "4-3")
        #expect(letters == ["L0.kernel=a", "L0.bias=b"])
        let (found, bound) = try recognise([("0.weight", [4, 3]), ("0.bias", [4]), ("1.weight", [4]), ("1.bias", [4]), ("1.running_mean", [4]), ("1.running_var", [4]),
                                            ("1.num_batches_tracked", []), ("epoch", [])], "3-4-batchnorm(1e-05)-relu")
        #expect(bound == ["L0.kernel=0.weight^T", "L0.bias=0.bias", "L1.gamma=1.weight", "L1.beta=1.bias", "L1.moving_mean=1.running_mean", "L1.moving_var=1.running_var"])
        #expect(found.leftovers == [6, 7])
    }

    @Test("our own metadata wins over names; a network that is given wins over it, with a note")
    func explicit() throws {
        let network = try NetworkDescription(parsing: "3-4:tanh-4:relu")
        let map = ParameterMap(entries: zip(network.parameters.map(\.name), ["b", "b1", "a", "a1"]).map { .init(parameter: $0, tensor: $1, transposed: $0 == "L1.kernel") })
        let text = NetworkText(network: network, parameters: map).text
        let tensors = [("a", [4, 4]), ("a1", [4]), ("b", [3, 4]), ("b1", [4])]
        let found = Recognition(of: try index(tensors, [(MetadataKey.network, text), (MetadataKey.dialect, "torch")]), format: "safetensors")
        #expect(found.network == network && found.dialect == .torch)
        #expect(found.bound(in: try index(tensors)) == ["L0.kernel=b", "L0.bias=b1", "L1.kernel=a^T", "L1.bias=a1"])
        let (given, bound) = try recognise(tensors, "3-4:tanh-4:sigmoid", format: "safetensors", metadata: [(MetadataKey.network, text)])
        #expect(bound == ["L0.kernel=b", "L0.bias=b1", "L1.kernel=a^T", "L1.bias=a1"])
        #expect(given.notes == ["--network says 3-4:tanh-4:sigmoid, the file itself 3-4:tanh-4:relu; --network is taken"])
        // After a renaming the text no longer fits, and is passed over with a note.
        let renamed = Recognition(of: try index([("dense/kernel", [3, 4]), ("dense/bias", [4]), ("dense_1/kernel", [4, 4]), ("dense_1/bias", [4])], [(MetadataKey.network, text)]), format: "npz")
        #expect(renamed.network == network && renamed.notes.count == 1)
        for bad in ["{", "[]", #"{"input":0,"layers":[]}"#, #"{"input":3,"layers":[{"type":"dense","units":4}],"parameters":[]}"#] {
            let found = Recognition(of: try index(tensors, [(MetadataKey.network, bad)]), format: "npz")
            #expect(found.network == nil && found.notes.first?.contains("passed over") == true)
        }
    }

    @Test("a network that is no MLP names the first layer that is not run; nothing crashes on odd names")
    func noMLP() throws {
        let conv = Recognition(of: try index([("conv1.weight", [8, 3, 3, 3]), ("conv1.bias", [8]), ("fc.weight", [10, 8]), ("fc.bias", [10])]), format: "safetensors")
        #expect(conv.failure?.code == .unsupported && conv.networkReason?.hasPrefix("first unsupported layer: conv1") == true)
        let recurrent = Recognition(of: try index([("fc.weight", [10, 8]), ("fc.bias", [10]), ("lstm.weight_ih_l0", [16, 8])]), format: "safetensors")
        #expect(recurrent.networkReason?.contains("lstm.weight_ih_l0") == true)
        let odd = try index([("", [2, 2]), ("/", [2]), (".", [2, 2]), ("vars/0", [2, 2]), ("a/vars/99999999999999999999", [2]), ("W", [2, 2]), (":0", [2]), ("é/kernel", [2, 2]), ("e\u{301}/kernel", [2, 2]), ("_", [2]), ("__W", [2, 2])])
        for format in ["npz", "safetensors", "keras-h5"] {
            _ = Recognition(of: odd, format: format)
            _ = Recognition(of: odd, format: format, hints: RecognitionHints(network: try NetworkDescription(parsing: "2-2:relu-2")))
        }
    }

    @Test("scikit-learn's strings, delivered as metadata, name the network")
    func sklearn() throws {
        let tensors = [("coefs_0", [3, 4]), ("coefs_1", [4, 2]), ("intercepts_0", [4]), ("intercepts_1", [2])]
        let found = Recognition(of: try index(tensors, [("activation", "logistic"), ("out_activation_", "softmax")]), format: "npz")
        #expect(found.network?.shortText == "3-4:sigmoid-2:softmax" && found.bindings.count == 4 && found.dialect == .sklearn)
    }

    @Test("forty layers of one width without numbers are refused, not searched for ever")
    func bounded() throws {
        var tensors: [(String, [Int])] = []
        for i in 0..<40 {
            let name = String(repeating: "x", count: i + 1)
            tensors += [("\(name).weight", [6, 6]), ("\(name).bias", [6])]
        }
        tensors += [("y.weight", [7, 6]), ("y.bias", [7])]
        tensors.sort { $0.0 < $1.0 }
        let widths = Array(repeating: "6:relu", count: 40).joined(separator: "-")
        #expect(try recognise(tensors, "6-\(widths)-7", format: "safetensors").found.failure?.code == .ambiguous)
        #expect(try recognise(tensors, "6-\(widths)-8", format: "safetensors").found.failure?.code != nil)
    }

    @Test("six thousand layers are answered in seconds, in every way of asking", .timeLimit(.minutes(2)))
    func large() throws {
        let count = 6000
        let layers = (0..<count).map { i in #"{"class_name":"Dense","config":{"name":"d\#(i)","units":1,"trainable":false}}"# }.joined(separator: ",")
        let config = #"{"class_name":"Sequential","config":{"layers":[{"class_name":"InputLayer","config":{"batch_shape":[null,1]}},\#(layers)]}}"#
        var tensors: [TensorInfo] = []
        for i in 0..<count {
            tensors += [try TensorInfo(name: "model_weights/d\(i)/d\(i)/kernel:0", dtype: .float32, sizes: [1, 1]), try TensorInfo(name: "model_weights/d\(i)/d\(i)/bias:0", dtype: .float32, sizes: [1])]
        }
        let keras = CheckpointIndex(tensors: tensors, metadata: Metadata([("model_config", config)]))
        let found = Recognition(of: keras, format: "keras-h5")
        #expect(found.bindings.count == 2 * count)
        _ = try found.adaptations(of: keras, to: .torch)
        let text = try #require(found.networkText(of: keras))
        #expect(Recognition(of: CheckpointIndex(tensors: tensors, metadata: Metadata([(MetadataKey.network, text)])), format: "mlpb").network == found.network)
        // No numbers in common: refused at once.
        let names = try (0..<count).map { try TensorInfo(name: String(String($0, radix: 2).map { $0 == "1" ? Character("a") : "b" }) + ".weight", dtype: .float32, sizes: [1, 1]) }
        let sorted = CheckpointIndex(tensors: names.sorted { $0.name < $1.name })
        let bias = NetworkDescription(input: 1, layers: Array(repeating: .dense(units: 1, useBias: false, activation: .linear), count: count))
        #expect(Recognition(of: sorted, format: "safetensors", hints: RecognitionHints(network: bias)).failure?.code == .ambiguous)
    }
}
