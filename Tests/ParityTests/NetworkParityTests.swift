import Architecture
import ByteIO
import Checkpoints
import MLP
import NPZ
@testable import Parity
import StrictJSON
import Tensors
import TestSupport
import Testing

@Suite("files against each other")
struct NetworkParityTests {
    /// A network with weights from a small generator, uniform in [-1, 1).
    private func model(_ text: String, seed: UInt64 = 1, file: String = "a", _ change: (inout [String: [Double]]) -> Void = { _ in }) throws -> ParityModel {
        let description = try NetworkDescription(parsing: text)
        let stream = SeededStream(seed: seed, .probe)
        var parameters: [String: [Double]] = [:]
        var drawn = 0
        for (name, shape) in description.parameters {
            let count = shape.reduce(1, *)
            parameters[name] = (0..<count).map { name.hasSuffix("moving_var") ? abs(stream.unit(at: drawn + $0)) + 0.1 : stream.unit(at: drawn + $0) }
            drawn += count
        }
        change(&parameters)
        return ParityModel(file: file, format: "npz", dialect: nil, network: try Network(description, parameters: parameters))
    }

    @Test("equal weights give equal bits, in both precisions", arguments: ["5-7:relu-4:softmax", "3-6:tanh-1:sigmoid", "4-9:gelu-8!nobias:leaky_relu(0.2)-2"])
    func equal(_ text: String) throws {
        for precision in Precision.allCases {
            var options = ParityOptions()
            options.precision = precision
            let report = try NetworkParity(options).report([model(text), model(text, file: "b"), model(text, file: "c")])
            #expect(report.verdict == .pass && report.comparisons.count == 2)
            for comparison in report.comparisons {
                #expect(comparison.bitwise && comparison.smallestPassingTolerance == 0 && comparison.skipped.isEmpty && comparison.b == "a")
                #expect(comparison.coverage == 1 && comparison.tolerance > 0)
                #expect(comparison.quantities.first?.name == "L0.pre" && comparison.quantities.last?.name == "grad.x")
            }
            #expect(report.seed == 0 && report.batch >= 32 && report.lossValue > 0)
        }
    }

    @Test("any weight changed by a millionth of itself fails in float64, and the first divergence is in its layer", arguments: ["5-7:relu-6:elu-4:softmax", "3-6:tanh-5:softplus-2:sigmoid"])
    func change(_ text: String) throws {
        let sound = try model(text)
        for (name, shape) in sound.network.description.parameters {
            let position = shape.reduce(1, *) / 2
            let report = try NetworkParity().report([sound, model(text, file: "b") { $0[name]?[position] *= 1.000001 }])
            #expect(report.verdict == .fail && report.comparisons[0].firstDivergence == "\(name.prefix(2)).pre", "\(name)")
            #expect(!report.comparisons[0].bitwise)
        }
    }

    @Test("--tolerance replaces the bound, and the smallest one that passes does")
    func tolerance() throws {
        let sound = try model("4-6:relu-3:softmax"), other = try model("4-6:relu-3:softmax", file: "b") { $0["L0.kernel"]?[0] += 1e-4 }
        let derived = try NetworkParity().report([sound, other])
        #expect(derived.verdict == .fail)
        let smallest = derived.comparisons[0].smallestPassingTolerance
        var options = ParityOptions()
        options.tolerance = smallest
        #expect(try NetworkParity(options).report([sound, other]).verdict == .pass)
        options.tolerance = smallest.nextDown
        let failing = try NetworkParity(options).report([sound, other])
        #expect(failing.verdict == .fail && failing.comparisons[0].tolerance == smallest.nextDown)
        #expect(failing.comparisons[0].quantities.contains { !$0.passes && $0.scaled == smallest } && failing.comparisons[0].quantities.allSatisfy { $0.passes == ($0.scaled < smallest) })
    }

    @Test("PARITY-31: the batch grows until every parameter is tested")
    func growth() throws {
        // A unit that only fires when both inputs are near 1: rare in 32 rows.
        let rare: (inout [String: [Double]]) -> Void = {
            $0["L0.kernel"] = [1, 1, -0.5, 1, 1, 0.25]
            $0["L0.bias"] = [0.1, -1.85, 0.2]
        }
        let report = try NetworkParity().report([model("2-3:relu-2:softmax", rare), model("2-3:relu-2:softmax", file: "b", rare)])
        #expect(report.verdict == .pass && report.comparisons[0].coverage == 1)
        #expect([64, 128, 256, 512, 1024].contains(report.batch))
    }

    @Test("PARITY-32 PARITY-33: a dead unit is proven dead, and its weights are compared themselves")
    func dead() throws {
        let kill: (inout [String: [Double]]) -> Void = { $0["L0.bias"]?[2] = -50 }
        let a = try model("4-5:relu-3:softmax", kill), b = try model("4-5:relu-3:softmax", file: "b", kill)
        let report = try NetworkParity().report([a, b])
        #expect(report.verdict == .pass && report.batch == 32)
        #expect(report.notes.contains { $0.contains("dead") })
        // 4 weights and a bias in, 3 weights out.
        #expect(report.comparisons[0].untested.map(\.count) == [4, 1, 3] && report.comparisons[0].untested.allSatisfy(\.compared))
        #expect(abs(report.comparisons[0].coverage - (1 - 8.0 / 43)) < 1e-12)
        let changed = try model("4-5:relu-3:softmax", file: "b") {
            kill(&$0)
            $0["L1.kernel"]?[7] += 1e-9
        }
        // File against file, the gradient at the dead unit's output sees it; a framework's reference, without that, has the weights themselves.
        #expect(try NetworkParity().report([a, changed]).comparisons[0].firstDivergence == "grad.L0.act")
        let reference = try Reference(without(NetworkParity().reference(of: a)) { $0.hasSuffix(".act") && $0.contains("grad") }, file: "r")
        let unequal = try NetworkParity().report([changed], reference: reference)
        #expect(unequal.verdict == .fail && unequal.comparisons[0].firstDivergence == "param.L1.kernel")
    }

    @Test("a whole layer that nothing tests is compared where it can be, and else inconclusive")
    func blind() throws {
        let kill: (inout [String: [Double]]) -> Void = { $0["L0.bias"] = [-50, -50, -50] }
        let a = try model("4-3:relu-2:softmax", kill)
        #expect(try NetworkParity().report([a, model("4-3:relu-2:softmax", file: "b", kill)]).verdict == .pass)
        let full = try NetworkParity().reference(of: a)
        #expect(try NetworkParity().report([a], reference: Reference(full, file: "r")).verdict == .pass)
        let report = try NetworkParity().report([a], reference: Reference(without(full) { $0.hasPrefix("param.") }, file: "r"))
        #expect(report.verdict == .inconclusive && report.comparisons[0].firstDivergence == nil)
        // Half of a layer is listed, not held against it.
        let half = try model("4-6:relu-2:softmax") { $0["L0.bias"]?[1] = -50 }
        let reference = try Reference(without(NetworkParity().reference(of: half)) { $0.hasPrefix("param.") }, file: "r")
        let listed = try NetworkParity().report([half], reference: reference)
        #expect(listed.verdict == .pass && listed.comparisons[0].untested.count == 3 && !listed.comparisons[0].untested[0].compared)
    }

    private func without(_ checkpoint: any Checkpoint, _ drop: (String) -> Bool) throws -> MemoryCheckpoint {
        MemoryCheckpoint(try checkpoint.index.tensors.indices.filter { !drop(checkpoint.index.tensors[$0].name) }.map {
            MemoryTensor(checkpoint.index.tensors[$0], try checkpoint.array(ofTensorAt: $0))
        })
    }

    @Test("a network of NaN is inconclusive or compared, never a pass by NaN alone")
    func notANumber() throws {
        let a = try model("3-4:relu-2:softmax") { $0["L0.kernel"] = $0["L0.kernel"]?.map { _ in .nan } }
        let reference = try Reference(without(NetworkParity().reference(of: a)) { $0.hasPrefix("param.") }, file: "r")
        #expect(try NetworkParity().report([a], reference: reference).verdict == .inconclusive)
        let b = try model("3-4:relu-2:softmax", file: "b")
        let report = try NetworkParity().report([b, a])
        #expect(report.verdict == .fail && report.comparisons[0].quantities[0].maxAbs == .infinity)
    }

    @Test("a reference that we save is a file that passes, and fails other weights", arguments: ["4-6:relu-3:softmax", "3-5:tanh-2", "4-5:relu-3", "3-4:selu-2:sigmoid"])
    func saved(_ text: String) throws {
        let a = try model(text)
        let bytes = try written(NetworkParity().reference(of: a), as: NPZCodec())
        let back = try NPZCodec().open(CheckpointInput(MemorySource(bytes)), limits: .default)
        for precision in Precision.allCases {
            var options = ParityOptions()
            options.precision = precision
            let report = try NetworkParity(options).report([a], reference: Reference(back, file: "REF.npz"))
            #expect(report.verdict == .pass && report.seed == nil && report.comparisons[0].skipped.isEmpty)
            if precision == .float64 { #expect(report.comparisons[0].bitwise) }
            #expect(try NetworkParity(options).report([model(text, seed: 2)], reference: Reference(back, file: "REF.npz")).verdict == .fail)
        }
        // What has only f32.* is used as it is.
        let single = try Reference(without(back) { $0.hasPrefix("f64.") }, file: "REF.npz")
        #expect(single.precision == .float32)
        #expect(try NetworkParity().report([a], reference: single).verdict == .pass)
        // What is absent is skipped, and listed.
        let few = try NetworkParity().report([a], reference: Reference(without(back) { $0 == "f64.grad.L0.kernel" }, file: "REF.npz"))
        #expect(few.comparisons[0].skipped == ["f64.grad.L0.kernel: not in the reference"] && few.verdict == .pass)
    }

    @Test("a network that ends in logits is completed by the loss, whichever side says so")
    func logits() throws {
        let soft = try model("4-6:relu-3:softmax")
        var open = try model("4-6:relu-3", file: "b")
        var description = open.network.description
        description.loss = Loss(.softmaxCE)
        open.network = try Network(description, parameters: open.parameters)
        #expect(try NetworkParity().report([soft, open]).verdict == .pass)
        #expect(try NetworkParity().report([open, soft]).comparisons[0].bitwise)
        let reference = try Reference(NetworkParity().reference(of: soft), file: "r")
        var options = ParityOptions()
        options.loss = .softmaxCE
        #expect(try NetworkParity(options).report([model("4-6:relu-3")], reference: reference).verdict == .pass)
    }

    @Test("the loss is what was asked for, else the description's, else what the head implies")
    func losses() throws {
        func loss(_ text: String, _ change: (inout ParityOptions) -> Void = { _ in }) throws -> Loss {
            var options = ParityOptions()
            change(&options)
            return try NetworkParity(options).report([model(text), model(text, file: "b")]).loss
        }
        #expect(try loss("4-3:softmax") == Loss(.softmaxCE))
        #expect(try loss("4-3:sigmoid") == Loss(.bce))
        #expect(try loss("4-3:tanh") == Loss(.mse))
        #expect(try loss("4-3:softmax") { ($0.loss, $0.reduction) = (.softmaxCESoft, .sum) } == Loss(.softmaxCESoft, reduction: .sum))
        let soft = try NetworkParity().reference(of: model("4-3:softmax"))
        let dense = try tensor("y.dense", [32, 3], (0..<96).map { $0 % 3 == 0 ? 0.5 : 0.25 })
        let data = MemoryCheckpoint([MemoryTensor(soft.index.tensors[0], try soft.array(ofTensorAt: 0)), dense])
        let report = try NetworkParity().report([model("4-3:softmax"), model("4-3:softmax", file: "b")], inputs: ParityData(data, file: "d"))
        #expect(report.loss.kind == .softmaxCESoft && report.batch == 32 && report.seed == nil)
    }

    @Test("changed predictions are counted, and the smallest margin is b's")
    func predictions() throws {
        let a = try model("4-8:relu-3:softmax"), b = try model("4-8:relu-3:softmax", seed: 2, file: "b")
        let found = try NetworkParity().report([a, b]).comparisons[0].predictions
        #expect(found.compared == 32 && found.changed > 0 && (found.smallestMargin ?? -1) >= 0)
        #expect(try NetworkParity().report([model("4-3:tanh"), model("4-3:tanh", file: "b")]).comparisons[0].predictions.compared == 0)
        #expect(try NetworkParity().report([model("4-3:sigmoid"), model("4-3:sigmoid", file: "b")]).comparisons[0].predictions.compared == 96)
    }

    @Test("dropouts that one side counts and the other leaves out do not shift the layers")
    func alignment() throws {
        let plain = try model("4-6:relu-5:tanh-3:softmax")
        var layers = plain.network.description.layers
        layers.insert(.dropout(rate: 0.5), at: 1)
        layers.insert(.flatten, at: 0)
        let counted = NetworkDescription(input: 4, layers: layers)
        let names = ["L0": "L1", "L1": "L3", "L2": "L4"]
        let parameters = Dictionary(uniqueKeysWithValues: plain.parameters.map { ("\(names[String($0.key.prefix(2))] ?? "")\($0.key.dropFirst(2))", $0.value) })
        let other = ParityModel(file: "b", format: "keras", dialect: "keras", network: try Network(counted, parameters: parameters))
        let report = try NetworkParity().report([plain, other])
        #expect(report.verdict == .pass && report.comparisons[0].quantities.contains { $0.name == "L3.pre" })
        #expect(try NetworkParity().report([other, plain]).verdict == .pass)
    }

    @Test("networks of other widths are refused, one file alone proves nothing")
    func refusals() throws {
        let error = #expect(throws: CheckpointError.self) { try NetworkParity().report([model("4-3:softmax"), model("5-3:softmax", file: "b")]) }
        #expect(error?.code == .mismatch && error?.place.file == "b")
        #expect(throws: CheckpointError.self) { try NetworkParity().report([]) }
        #expect(try NetworkParity().report([model("4-3:softmax")]).verdict == .inconclusive)
        var options = ParityOptions()
        options.mode = .training
        #expect(throws: CheckpointError.self) { try NetworkParity(options).report([model("4-3:softmax"), model("4-3:softmax")]) }
    }

    @Test("the JSON has CLI.md's keys in CLI.md's order")
    func json() throws {
        let json = try NetworkParity().report([model("2-2:relu-2:softmax"), model("2-2:relu-2:softmax", seed: 3, file: "b")]).json
        #expect(json.members?.map(\.key) == ["verdict", "precision", "mode", "batch", "seed", "loss", "models", "comparisons", "gradcheck", "resume", "notes"])
        #expect(json["loss"]?.members?.map(\.key) == ["kind", "reduction", "value"])
        #expect(json["models"]?.array?[0].members?.map(\.key) == ["file", "format", "dialect", "network"])
        let comparison = json["comparisons"]?.array?[0]
        #expect(comparison?.members?.map(\.key).starts(with: [
            "a", "b", "verdict", "bitwise", "coverage", "tolerance", "smallestPassingTolerance", "firstDivergence", "predictions", "quantities", "skipped", "diagnosis",
        ]) == true)
        #expect(comparison?["quantities"]?.array?[0].members?.map(\.key) == ["name", "maxAbs", "scaled", "noise", "passes"])
        #expect(comparison?["a"]?.string == "b" && comparison?["b"]?.string == "a" && json["verdict"]?.string == "fail")
    }

    @Test("PARITY-23: errors that add up because weights are alike are allowed for, and a fault is still seen", arguments: ["constant", "positive", "low rank", "sorted"])
    func alike(_ kind: String) throws {
        let text = "24" + String(repeating: "-24:tanh", count: 7) + "-5:softmax"
        let a = try model(text) { parameters in
            for (name, values) in parameters where name.hasSuffix(".kernel") {
                let width = values.count / 24
                let rows = (0..<24).map { SeededStream(seed: 3, .probe).unit(at: $0) }, columns = (0..<width).map { SeededStream(seed: 4, .probe).unit(at: $0) }
                parameters[name] = switch kind {
                case "constant": values.map { _ in Double(Float(0.043)) }
                case "positive": values.map { abs($0) * 0.125 }
                case "sorted": values.map { $0 * 0.25 }.sorted()
                default: values.indices.map { Double(Float(rows[$0 / width] * columns[$0 % width])) }
                }
            }
        }
        let reference = try Reference(NetworkParity().reference(of: a), file: "r")
        var options = ParityOptions()
        options.precision = .float32
        for kernels in [Kernels.automatic, .simd, .reference] {
            options.kernels = kernels
            let comparison = try NetworkParity(options).report([a], reference: reference).comparisons[0]
            #expect(comparison.firstDivergence == nil, "\(comparison.firstDivergence ?? "")")
        }
        let half = try model(text) { parameters in
            for (name, values) in a.parameters { parameters[name] = name == "L2.kernel" ? rounded(values, to: .float16) : values }
        }
        #expect(try NetworkParity(options).report([half], reference: reference).verdict == .fail)
    }

    @Test("PARITY-34: where rounding could hide anything, a pass is no pass")
    func ill() throws {
        // The sum of huge terms that cancel: float32 keeps nothing of it.
        let a = try model("2-2:linear-2:softmax") {
            $0["L0.kernel"] = [1e9, 1e9, 1e9, 1e9]
            $0["L1.kernel"] = [1, 1, -1, -1]
        }
        let reference = try Reference(NetworkParity().reference(of: a), file: "r")
        var options = ParityOptions()
        options.precision = .float32
        let report = try NetworkParity(options).report([a], reference: reference)
        #expect(report.verdict != .pass)
        #expect(try NetworkParity().report([a], reference: reference).verdict == .pass)
    }
}
