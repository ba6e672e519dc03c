import Architecture
import Bridge
import Checkpoints
import Dialects
import MLP
import NPZ
@testable import Parity
import TestSupport

/// The networks of the fixtures.
enum FixtureNetworks {
    /// Every network that ships; a missing one fails its test.
    static let all = [
        "batchnorm-dropout", "bfloat16-net", "binary-logistic", "dead-relu", "deep-relu-20-64-32-16-10", "exact-zero", "exact-zero-leaky",
        "extreme-logistic", "extreme-logits", "float16-net", "float64-net", "gelu-tanh", "layernorm-gelu", "leaky-mix", "mnist-784-128-10",
        "multilabel-3", "nobias", "prelu-net", "regression-mse", "seed-4-8-3", "sigmoid-tanh-soft", "smooth-zoo",
    ]

    static func description(_ name: String) throws -> NetworkDescription {
        try NetworkDescription(json: Fixtures.json("parity/\(name)/spec.json"))
    }

    static func open(_ path: String) throws -> any Checkpoint {
        try NPZCodec().open(CheckpointInput(path: Fixtures.path("parity/\(path)")), limits: .default)
    }

    /// The network as `file`, an npz, holds it, with the description of its spec.
    static func model(_ name: String, _ file: String = "model.npz") throws -> ParityModel {
        let checkpoint = try open("\(name)/\(file)")
        let recognition = try Recognition(of: checkpoint, format: "npz", hints: RecognitionHints(network: description(name)))
        return try ParityModel(file: file, format: "npz", checkpoint: checkpoint, recognition: recognition)
    }

    static func reference(_ name: String) throws -> Reference {
        try Reference(open("\(name)/reference.npz"), file: "reference.npz")
    }
}

extension ParityModel {
    /// The same model with some parameters changed.
    func changing(_ description: NetworkDescription? = nil, _ change: (inout [String: [Double]]) -> Void) throws -> ParityModel {
        var parameters = Dictionary(uniqueKeysWithValues: network.description.parameters.map { ($0.name, network[parameter: $0.name] ?? []) })
        change(&parameters)
        return ParityModel(file: "changed", format: format, dialect: dialect, network: try Network(description ?? network.description, parameters: parameters))
    }
}
