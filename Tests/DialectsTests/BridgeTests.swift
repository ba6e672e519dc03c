import Architecture
import Bridge
import Checkpoints
import Dialects
import MLP
import Tensors
import Testing

@Suite("A network seen as a checkpoint")
struct BridgeTests {
    @Test("a network said in any dialect is read back with every weight", arguments: [Dialect.keras, .torch, .flax, .canonical])
    func roundTrip(dialect: Dialect) throws {
        let network = try Network<Double>(NetworkDescription(parsing: "3-4:prelu-layernorm(1e-05)-4:tanh-2!nobias"), parameters: [
            "L0.kernel": (0..<12).map { Double($0) / 7 }, "L0.bias": [1, 2, 3, 4], "L0.alpha": [0.1, 0.2, 0.3, 0.4], "L1.gamma": [1, 1, 1, 2], "L1.beta": [0, 0, 0, -1],
            "L2.kernel": (0..<16).map { Double($0) * 0.3 }, "L2.bias": [5, 6, 7, 8], "L3.kernel": [1, 2, 3, 4, 5, 6, 7, 8],
        ])
        let phrased = try NetworkCheckpoint(network).phrased(as: dialect)
        #expect(phrased.index.metadata[MetadataKey.dialect] == dialect.rawValue)
        let found = Recognition(of: phrased.index, format: "mlpb")
        #expect(found.dialect == dialect && found.network == network.description)
        let again = try Network<Double>(reading: phrased, as: found)
        for parameter in network.description.parameters { #expect(again[parameter: parameter.name] == network[parameter: parameter.name]) }
        // Without our metadata the names alone do, given the network.
        let bare = try MappedCheckpoint(phrased, TensorAdaptation.all(of: phrased.index), metadata: Metadata())
        let read = try Network<Double>(reading: bare, as: Recognition(of: bare.index, format: "npz", hints: RecognitionHints(network: network.description)))
        for parameter in network.description.parameters { #expect(read[parameter: parameter.name] == network[parameter: parameter.name]) }
    }
}
