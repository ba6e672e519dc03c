/// The sizes of a tensor's axes, slowest first; no axes is a scalar of one element. Element and byte counts cannot overflow: a shape
/// whose product of sizes (zeros counted as one) does not fit `Int` cannot be made.
public struct Shape: Sendable, Hashable, CustomStringConvertible {
    public let sizes: [Int]
    /// The product of the sizes: 1 for a scalar, 0 when an axis is empty.
    public let elementCount: Int

    public init(_ sizes: [Int]) throws(TensorError) {
        var span = 1
        for size in sizes {
            guard size >= 0 else { throw TensorError("shape \(Self.text(sizes)) has a negative axis") }
            let (product, overflow) = span.multipliedReportingOverflow(by: max(size, 1))
            guard !overflow else { throw TensorError("shape \(Self.text(sizes)) has more elements than 2^63") }
            span = product
        }
        self.sizes = sizes
        self.elementCount = sizes.contains(0) ? 0 : span
    }

    /// The shape of a lone number.
    public static let scalar = Shape(unchecked: [], elementCount: 1)

    private init(unchecked sizes: [Int], elementCount: Int) {
        self.sizes = sizes
        self.elementCount = elementCount
    }

    public var rank: Int { sizes.count }
    public var description: String { Self.text(sizes) }

    /// The same elements with the order of the axes turned round.
    public var reversed: Shape { Shape(unchecked: sizes.reversed(), elementCount: elementCount) }

    static func text(_ sizes: [Int]) -> String {
        "[" + sizes.map(String.init).joined(separator: ", ") + "]"
    }
}

/// A tensor that cannot exist: its sizes overflow, or it is asked for what its type does not have.
public struct TensorError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
