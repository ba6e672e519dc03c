public import Architecture

/// The memory of passes through networks of one shape, laid out once and reused: a step that finds its workspace warm allocates nothing.
///
/// Everything that can be decided before the numbers are known is decided when it is made: the loss, whose derivative is taken at kinks, the
/// kernels. It is used by one thread at a time; each run overwrites what the last one left.
public final class Workspace<Scalar: NetworkScalar> {
    public let description: NetworkDescription
    /// The most rows that a batch may have.
    public let capacity: Int
    public let loss: Loss?
    public let subgradient: Subgradient
    public let kernels: Kernels

    /// The rows of the last run.
    public private(set) var rows: Int
    /// Whether the last run came back: without gradients, only the quantities of the forward pass are there.
    public private(set) var hasGradients = false

    let plan: Plan
    let buffer: AlignedBuffer<Scalar>
    private let forward, all: [QuantityPlace]

    /// A workspace for batches of up to `rows` rows. `loss` and `subgradient` default to the description's own, then to no loss (forward
    /// passes only) and torch. Throws `description` or `memory`; the memory is taken at once, a small multiple of the parameters and of
    /// rows times the widths of the layers.
    public init(
        for description: NetworkDescription, rows: Int, loss: Loss? = nil, subgradient: Subgradient? = nil, kernels: Kernels = .automatic
    ) throws(NetworkError) {
        self.description = description
        self.loss = loss ?? description.loss
        self.subgradient = subgradient ?? description.subgradient ?? .torch
        self.kernels = kernels
        let layout = try ParameterLayout(description, alignment: Scalar.alignment)
        plan = try Plan(description, layout: layout, rows: rows, loss: self.loss?.kind, alignment: Scalar.alignment) { depth in
            SIMDKernels.scratch(depth: depth, of: Scalar.self)
        }
        buffer = try AlignedBuffer(count: plan.count)
        forward = plan.forwardQuantities(hasLoss: self.loss != nil)
        all = self.loss == nil ? forward : forward + plan.backwardQuantities(layout)
        capacity = rows
        self.rows = rows
    }

    /// The names and shapes of what the last run computed, in the order of execution (CLI.md, `validate`).
    public var quantities: [(name: String, shape: [Int])] { places.map { ($0.name, $0.shape(rows: rows)) } }

    /// Lends the values of a quantity of the last run, row-major, in place; nil when there is none of that name.
    public func withValues<R, E: Error>(of name: String, _ body: (Span<Scalar>) throws(E) -> R) throws(E) -> R? {
        guard let place = places.first(where: { $0.name == name }) else { return nil }
        return try buffer.withValues(at: place.offset, count: place.count(rows: rows), body)
    }

    /// The values of a quantity of the last run, copied.
    public func values(of name: String) -> [Scalar]? {
        places.first { $0.name == name }.map { buffer.array(at: $0.offset, count: $0.count(rows: rows)) }
    }

    /// All quantities of the last run, copied.
    public func pass() -> Pass<Scalar> {
        Pass(quantities: places.map { Quantity(name: $0.name, shape: $0.shape(rows: rows), values: buffer.array(at: $0.offset, count: $0.count(rows: rows))) })
    }

    private var places: [QuantityPlace] { hasGradients ? all : forward }

    func begin(rows: Int, gradients: Bool) {
        self.rows = rows
        hasGradients = gradients
    }
}

/// A named array of a pass.
public struct Quantity<Scalar: NetworkScalar>: Sendable, Equatable {
    public let name: String
    /// [] for the loss.
    public let shape: [Int]
    /// Row-major.
    public let values: [Scalar]
}

/// What a pass through a network computed: every quantity, in the order of execution (CLI.md, `validate`), which is also the order in which
/// a first divergence is looked for.
public struct Pass<Scalar: NetworkScalar>: Sendable, Equatable {
    public let quantities: [Quantity<Scalar>]

    /// The quantity of that name: `L0.pre`, `logits`, `loss`, `grad.L0.kernel`, `grad.x`, …
    public subscript(name: String) -> Quantity<Scalar>? { quantities.first { $0.name == name } }
}
