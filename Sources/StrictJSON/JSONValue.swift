/// A JSON text as a value. Objects keep the order of their members; numbers keep their digits, so that no integer is rounded.
public enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// The number as it is spelled.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    public struct Member: Sendable, Equatable {
        public var key: String
        public var value: JSONValue
        public init(_ key: String, _ value: JSONValue) {
            self.key = key
            self.value = value
        }
    }
}

extension JSONValue {
    /// The member `key` of an object; nil for anything else or when it is absent.
    public subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    public var string: String? { if case .string(let text) = self { text } else { nil } }
    public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    public var array: [JSONValue]? { if case .array(let items) = self { items } else { nil } }
    public var members: [Member]? { if case .object(let members) = self { members } else { nil } }
    public var isNull: Bool { self == .null }

    /// The number as an `Int`: nil for anything else, for a fraction or when it does not fit.
    public var int: Int? {
        guard case .number(let text) = self else { return nil }
        return Int(text) ?? Double(text).flatMap { Int(exactly: $0) }
    }

    /// The number as a `Double`, rounded to nearest; the names that CLI.md gives NaN and the infinities are taken too.
    public var double: Double? {
        switch self {
        case .number(let text): Double(text)
        case .string("NaN"): .nan
        case .string("Infinity"): .infinity
        case .string("-Infinity"): -.infinity
        default: nil
        }
    }

    /// An integer as CLI.md writes it: a string beyond 2^53.
    public static func integer(_ value: some BinaryInteger) -> JSONValue {
        value.magnitude > 1 << 53 ? .string(String(value)) : .number(String(value))
    }

    /// A number as CLI.md writes it: the shortest digits that read back the same, NaN and infinities as strings.
    public static func real(_ value: Double) -> JSONValue {
        if value.isNaN { return .string("NaN") }
        if value.isInfinite { return .string(value < 0 ? "-Infinity" : "Infinity") }
        if value == value.rounded(), abs(value) < 1e15 { return .number(value == 0 && value.sign == .minus ? "-0.0" : String(Int(value))) }
        return .number("\(value)")
    }

    public static func optional(_ value: JSONValue?) -> JSONValue { value ?? .null }
    public static func strings(_ values: some Sequence<String>) -> JSONValue { .array(values.map { .string($0) }) }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByIntegerLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements.map { Member($0.0, $0.1) }) }
    public init(integerLiteral value: Int) { self = .integer(value) }
}
