import Architecture
import Checkpoints
import Dialects
import Tensors
import TestSupport
import Testing

@Suite("Phrasing a network in a dialect")
struct PhrasingTests {
    private let deep = "8-16-batchnorm(0.001)-relu-dropout(0.5)-12!nobias:prelu-layernorm(1e-05)-4:softmax"

    @Test("each dialect has the names and axes of its framework")
    func names() throws {
        let network = try NetworkDescription(parsing: deep)
        func names(_ dialect: Dialect) throws -> [String] { try dialect.placements(of: network).map { $0.name + ($0.transposed ? "^T" : "") } }
        #expect(try names(.keras) == ["dense/kernel", "dense/bias", "batch_normalization/gamma", "batch_normalization/beta", "batch_normalization/moving_mean", "batch_normalization/moving_variance",
                                      "dense_1/kernel", "p_re_lu/alpha", "layer_normalization/gamma", "layer_normalization/beta", "dense_2/kernel", "dense_2/bias"])
        #expect(try names(.torch) == ["0.weight^T", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "4.weight^T", "5.weight", "6.weight", "6.bias", "7.weight^T", "7.bias"])
        #expect(try names(.flax) == ["params/Dense_0/kernel", "params/Dense_0/bias", "params/BatchNorm_0/scale", "params/BatchNorm_0/bias", "batch_stats/BatchNorm_0/mean", "batch_stats/BatchNorm_0/var",
                                     "params/Dense_1/kernel", "params/PReLU_0/negative_slope", "params/LayerNorm_0/scale", "params/LayerNorm_0/bias", "params/Dense_2/kernel", "params/Dense_2/bias"])
        #expect(try names(.canonical) == network.parameters.map(\.name))
        #expect(try Dialect.sklearn.placements(of: NetworkDescription(parsing: "3-4:relu-2")).map(\.name) == ["coefs_0", "intercepts_0", "coefs_1", "intercepts_1"])
        #expect(throws: CheckpointError.self) { try Dialect.sklearn.placements(of: network) }
        #expect(throws: CheckpointError.self) { try Dialect.sklearn.placements(of: NetworkDescription(parsing: "3-4!nobias")) }
        #expect(throws: CheckpointError.self) { try Dialect.onnx.placements(of: network) }
    }

    @Test("what a dialect says is read back as the same network, twelve layers of one width too", arguments: [Dialect.keras, .torch, .flax, .canonical, .sklearn], ["npz", "safetensors", "hdf5"])
    func readBack(dialect: Dialect, format: String) throws {
        let square = "4-" + Array(repeating: "4:tanh", count: 12).joined(separator: "-")
        for text in dialect == .sklearn ? [square] : [deep, square, "5-7!nobias:relu-1!nobias"] {
            let network = try NetworkDescription(parsing: text)
            let shapes = Dictionary(uniqueKeysWithValues: network.parameters.map { ($0.name, $0.shape) })
            let placements = try dialect.placements(of: network)
            var tensors = try placements.map { try TensorInfo(name: $0.name, dtype: .float32, sizes: $0.transposed ? (shapes[$0.parameter] ?? []).reversed() : shapes[$0.parameter] ?? []) }
            if format != "npz" { tensors.sort { $0.name < $1.name } }
            let index = CheckpointIndex(tensors: tensors)
            let found = Recognition(of: index, format: format, hints: RecognitionHints(network: network))
            #expect(found.failure == nil, "\(found.networkReason ?? "")")
            #expect(found.dialect == dialect)
            #expect(found.bindings.map { Placement(parameter: $0.parameter, name: index.tensors[$0.tensor].name, transposed: $0.transposed) } == placements)
        }
    }

    @Test("a torch file said in Keras' way holds the turned kernels, and every other value as it was")
    func translated() throws {
        let base = MemoryCheckpoint([try .sample("0.weight", .float32, [5, 3]), try .sample("0.bias", .float32, [5], seed: 2), try .sample("step", .int64, [], seed: 3)])
        let found = Recognition(of: base.index, format: "safetensors", hints: RecognitionHints(network: try NetworkDescription(parsing: "3-5:relu")))
        let adaptations = try found.adaptations(of: base.index, to: .keras)
        let mapped = try MappedCheckpoint(base, adaptations, metadata: Metadata([(MetadataKey.network, try #require(found.networkText(of: base.index, after: adaptations)))]))
        #expect(mapped.index.tensors.map(\.name) == ["dense/kernel", "dense/bias", "step"])
        let before = try base.array(ofTensorAt: 0), after = try mapped.array(ofTensorAt: 0)
        for row in 0..<5 { for column in 0..<3 { #expect(Array(before[(row * 3 + column) * 4..<(row * 3 + column) * 4 + 4]) == Array(after[(column * 5 + row) * 4..<(column * 5 + row) * 4 + 4])) } }
        #expect(try mapped.array(ofTensorAt: 1) == base.array(ofTensorAt: 1))
        let again = Recognition(of: mapped.index, format: "npz")
        #expect(again.network?.shortText == "3-5:relu" && again.bindings.allSatisfy { !$0.transposed })
        #expect(throws: CheckpointError.self) { try Recognition(of: base.index, format: "npz").adaptations(of: base.index, to: .keras) }
    }
}
