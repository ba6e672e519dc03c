public import Architecture
public import Checkpoints

/// Whose names and axes a checkpoint's tensors have (CLI.md, "Names").
public enum Dialect: String, Sendable, Hashable, CaseIterable {
    case keras, torch, sklearn, flax, onnx, canonical
    /// Names and axes untouched.
    case keep

    /// Whether kernels lie as [out, in]. ONNX says so node by node, in its bindings.
    public var storesKernelsTransposed: Bool { self == .torch }
}

/// Where one parameter of a network lies in a checkpoint.
public struct Binding: Sendable, Hashable {
    /// The canonical name, `L0.kernel`.
    public var parameter: String
    /// The tensor's position in the index.
    public var tensor: Int
    /// The file has the kernel as [out, in].
    public var transposed: Bool
    /// The file's graph multiplies the tensor by this (a Gemm's alpha or beta); the product, rounded to the tensor's own type, is the parameter.
    public var scale: Double

    public init(parameter: String, tensor: Int, transposed: Bool, scale: Double = 1) {
        self.parameter = parameter
        self.tensor = tensor
        self.transposed = transposed
        self.scale = scale
    }
}

/// What a checkpoint's index says of the network in it: the dialect, the description, and which tensor is which parameter.
public struct Recognition: Sendable {
    /// The format of the file, by its codec's name; nil where nothing was recognised yet.
    public var format: String?
    /// Nil where the names follow no convention (`arr_0` …).
    public var dialect: Dialect?
    /// The network, with every parameter bound; nil when it is none that we run or cannot be read with certainty.
    public var network: NetworkDescription?
    /// Why there is no network: `unsupported`, `networkNeeded`, `mismatch` or `ambiguous`, with what to do. Nil when there is one.
    public var failure: CheckpointError?
    /// Where there is no network only because nothing says the activations: its widths, with `relu` in their place. It shows which tensor is
    /// which parameter, and is not to be run.
    public var outline: NetworkDescription?
    /// One for every parameter of `network`, in the order of `network.parameters`; empty without a network.
    public var bindings: [Binding] = []
    /// The optimizer's state: what the format said of it, else what names and shapes prove.
    public var optimizer: OptimizerState?
    /// Positions of tensors that are neither parameters nor optimizer state.
    public var leftovers: [Int] = []
    /// What a user should know: a description overruled, kernels that lie against the dialect's custom, an order that shapes decided.
    public var notes: [String] = []

    /// `networkReason` of `inspect`: "first unsupported layer: Conv2D conv1", or what to pass.
    public var networkReason: String? { failure?.message }

    public func binding(of parameter: String) -> Binding? { bindings.first { $0.parameter == parameter } }

    /// The network, or the error that says why there is none.
    public func requireNetwork() throws(CheckpointError) -> NetworkDescription {
        if let network { return network }
        throw failure ?? CheckpointError(.networkNeeded, "no network is recognised in it; say which it is with --network")
    }
}

/// What a user says of a file; each wins over what the file says of itself.
public struct RecognitionHints: Sendable {
    /// `--network`.
    public var network: NetworkDescription?
    /// `--dialect`.
    public var dialect: Dialect?
    /// `--map`: canonical parameter -> tensor.
    public var map: ParameterMap?

    public init(network: NetworkDescription? = nil, dialect: Dialect? = nil, map: ParameterMap? = nil) {
        self.network = network
        self.dialect = dialect
        self.map = map
    }
}
