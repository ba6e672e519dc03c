public import Architecture
import Bridge
public import Checkpoints
public import Dialects
public import MLP

/// What is asked of `validate`, besides the files.
public struct ParityOptions: Sendable {
    public enum Mode: String, Sendable, CaseIterable { case inference, training }

    public var loss: Loss.Kind?
    public var reduction: Loss.Reduction?
    public var subgradient: Subgradient?
    /// Rows of a seeded batch to begin with.
    public var rows = 32
    public var seed: UInt64 = 0
    public var precision = Precision.float64
    public var mode = Mode.inference
    /// Replaces the derived bounds: a quantity passes when its scaled difference is at most this.
    public var tolerance: Double?
    public var kernels = Kernels.automatic

    public init() {}
}

/// A file's network, with its weights in float64.
public struct ParityModel: Sendable {
    public var file: String
    public var format: String
    public var dialect: String?
    public var network: Network<Double>

    public init(file: String, format: String, dialect: String?, network: Network<Double>) {
        self.file = file
        self.format = format
        self.dialect = dialect
        self.network = network
    }

    /// The network that `recognition` found in `checkpoint`. Throws why there is none, with the file's name.
    public init(file: String, format: String, checkpoint: any Checkpoint, recognition: Recognition) throws(CheckpointError) {
        do throws(CheckpointError) {
            self.init(file: file, format: format, dialect: recognition.dialect?.rawValue, network: try Network(reading: checkpoint, as: recognition))
        } catch {
            throw error.at(file: file, format: format)
        }
    }

    var parameters: [String: [Double]] {
        Dictionary(uniqueKeysWithValues: network.description.parameters.map { ($0.name, network[parameter: $0.name] ?? []) })
    }
}

/// A model as it is run: completed by the loss where it ends in logits.
struct PreparedModel {
    let description: NetworkDescription
    let parameters: [String: [Double]]

    init(_ model: ParityModel, loss: Loss) {
        var description = model.network.description
        if description.head == .linear, let head = loss.kind.impliedHead,
            let last = description.layers.lastIndex(where: { $0 != .flatten && !$0.isDropout }),
            case .dense(let units, let useBias, _) = description.layers[last]
        {
            description.layers[last] = .dense(units: units, useBias: useBias, activation: head)
        }
        self.description = description
        parameters = model.parameters
    }

    /// One pass in the given precision, widened to float64.
    func pass(_ batch: ParityBatch, _ loss: Loss, _ subgradient: Subgradient, _ precision: Precision, _ kernels: Kernels) throws(CheckpointError) -> PassValues {
        precision == .float64
            ? try run(batch, loss, subgradient, kernels, as: Double.self)
            : try run(batch, loss, subgradient, kernels, as: Float.self)
    }

    private func run<Scalar: NetworkScalar>(
        _ batch: ParityBatch, _ loss: Loss, _ subgradient: Subgradient, _ kernels: Kernels, as: Scalar.Type
    ) throws(CheckpointError) -> PassValues {
        do throws(NetworkError) {
            let network = try Network<Scalar>(description, parameters: parameters.mapValues { $0.map { Scalar($0) } })
            let targets: Batch<Scalar>.Targets = switch batch.targets {
            case .classes(let classes): .classes(classes)
            case .dense(let values): .dense(values.map { Scalar($0) })
            }
            let pass = try network.pass(
                Batch(x: batch.x.map { Scalar($0) }, rows: batch.rows, targets: targets), loss: loss, subgradient: subgradient, kernels: kernels)
            return PassValues(pass)
        } catch {
            throw CheckpointError(error.code == .memory ? .limit : .mismatch, error.message)
        }
    }
}

/// The quantities of a pass, in the order of execution.
struct PassValues {
    struct Entry {
        var name: String
        var shape: [Int]
        var values: [Double]
    }

    var entries: [Entry]
    private var positions: [String: Int]

    init<Scalar: NetworkScalar>(_ pass: Pass<Scalar>) {
        entries = pass.quantities.map { Entry(name: $0.name, shape: $0.shape, values: $0.values.map { Double($0) }) }
        positions = Dictionary(entries.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    subscript(name: String) -> Entry? { positions[name].map { entries[$0] } }
}

extension Layer {
    var isDropout: Bool { if case .dropout = self { true } else { false } }
    /// Whether it computes nothing in inference.
    var isIdentity: Bool { self == .flatten || isDropout }
}
