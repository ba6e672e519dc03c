public import Architecture

/// A multilayer perceptron with its weights: a value. The weights lie in one aligned buffer in canonical orientation
/// (`kernel` [in, out], row-major), whatever file they came from, so that equal weights give equal bits.
public struct Network<Scalar: NetworkScalar>: Sendable {
    public let description: NetworkDescription
    private(set) var store: ParameterStore<Scalar>

    /// A network whose parameters are all zero, to be filled by `update(parameter:)`.
    /// Throws `description` or `memory`; the memory is taken at once, so the caller has proved the sizes against a file.
    public init(zeros description: NetworkDescription) throws(NetworkError) {
        let layout = try ParameterLayout(description, alignment: Scalar.alignment)
        self.description = description
        store = ParameterStore(layout: layout, buffer: try AlignedBuffer(count: layout.count))
    }

    /// A network with `parameters` by canonical name (`description.parameters`), each row-major.
    /// Throws when one is missing, unknown, or has another number of values than its shape.
    public init(_ description: NetworkDescription, parameters: [String: [Scalar]]) throws(NetworkError) {
        let layout = try ParameterLayout(description, alignment: Scalar.alignment)
        for entry in layout.entries {
            guard let values = parameters[entry.name] else {
                throw NetworkError(.parameterMissing, parameter: entry.name, "parameter \(entry.name) of shape \(entry.shape) is missing")
            }
            guard values.count == entry.count else {
                throw NetworkError(
                    .parameterShape, parameter: entry.name,
                    "parameter \(entry.name): shape \(entry.shape) has \(entry.count) values, \(values.count) were given")
            }
        }
        if let name = parameters.keys.filter({ layout[$0] == nil }).min() {
            throw NetworkError(
                .parameterUnknown, parameter: name, "\"\(name)\" is no parameter of this network, which has \(layout.entries.map(\.name))")
        }
        self.description = description
        store = ParameterStore(layout: layout, buffer: try AlignedBuffer(count: layout.count))
        for entry in layout.entries { store.buffer.store(parameters[entry.name] ?? [], at: entry.offset) }
    }

    /// The values of the parameter `name`, copied; nil when there is none of that name.
    public subscript(parameter name: String) -> [Scalar]? {
        store.layout[name].map { store.buffer.array(at: $0.offset, count: $0.count) }
    }

    /// Lends the values of the parameter `name` in place; nil when there is none of that name.
    public func withParameter<R, E: Error>(_ name: String, _ body: (Span<Scalar>) throws(E) -> R) throws(E) -> R? {
        guard let entry = store.layout[name] else { return nil }
        return try store.buffer.withValues(at: entry.offset, count: entry.count, body)
    }

    /// Lends the values of the parameter `name` for writing in place; nil when there is none of that name. Copies of this network keep
    /// their values. Throws what `body` throws, or `memory` from the copy, which is made only where the values are shared.
    public mutating func update<R>(parameter name: String, _ body: (inout MutableSpan<Scalar>) throws -> R) throws -> R? {
        guard let entry = store.layout[name] else { return nil }
        if !isKnownUniquelyReferenced(&store) { store = try store.copy() }
        return try store.buffer.withMutableValues(at: entry.offset, count: entry.count, body)
    }
}

/// The weights, shared by copies of a network and never changed while shared.
final class ParameterStore<Scalar: NetworkScalar>: @unchecked Sendable {
    let layout: ParameterLayout
    let buffer: AlignedBuffer<Scalar>

    init(layout: ParameterLayout, buffer: AlignedBuffer<Scalar>) {
        self.layout = layout
        self.buffer = buffer
    }

    func copy() throws(NetworkError) -> ParameterStore {
        let copy = try AlignedBuffer<Scalar>(count: layout.count)
        for entry in layout.entries { unsafe (copy.base + entry.offset).update(from: buffer.base + entry.offset, count: entry.count) }
        return ParameterStore(layout: layout, buffer: copy)
    }
}
