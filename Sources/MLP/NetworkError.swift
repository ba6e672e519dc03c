/// Why a network cannot be made or run.
public struct NetworkError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        /// The description is of no network: a width below 1, or sizes beyond what an `Int` holds.
        case description
        case parameterMissing, parameterUnknown
        /// A parameter has another number of values than its shape.
        case parameterShape
        /// Rows or targets of a batch have another size than the network's.
        case batchShape
        /// Targets of the wrong kind, or a class outside 0..<K.
        case target
        /// A workspace made for another network or for fewer rows.
        case workspace
        case memory
    }

    public let code: Code
    /// The canonical name of the parameter concerned.
    public let parameter: String?
    public let message: String

    init(_ code: Code, parameter: String? = nil, _ message: String) {
        self.code = code
        self.parameter = parameter
        self.message = message
    }

    public var description: String { message }
}
