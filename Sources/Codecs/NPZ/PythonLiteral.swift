/// The part of Python's literals that a `.npy` header is written in. Nothing is ever evaluated: what is no literal is an error.
enum PythonLiteral: Equatable {
    case string(String)
    /// An integer as it is spelled, without the `L` of Python 2.
    case integer(String)
    case bool(Bool)
    case none
    case list([PythonLiteral])
    case tuple([PythonLiteral])
    case dict([Pair])

    struct Pair: Equatable {
        let key: String
        let value: PythonLiteral
    }
}

/// Reads one literal, and blanks around it, from text (NPZ-5). Nesting is bounded.
struct PythonLiteralReader {
    struct Failure: Error {
        /// The byte offset in the text.
        let offset: Int
        let reason: String
    }

    private let text: [UInt8]
    private var at = 0
    private static let maxDepth = 16

    static func read(_ text: [UInt8]) throws(Failure) -> PythonLiteral {
        var reader = PythonLiteralReader(text: text)
        let value = try reader.value(depth: 0)
        reader.skipBlanks()
        guard reader.at == text.count else { throw reader.fail("text follows the dictionary") }
        return value
    }

    private init(text: [UInt8]) { self.text = text }

    // The recursion is bounded by maxDepth.
    private mutating func value(depth: Int) throws(Failure) -> PythonLiteral {
        skipBlanks()
        guard depth < Self.maxDepth else { throw fail("it is nested deeper than \(Self.maxDepth)") }
        switch peek {
        case UInt8(ascii: "'"), UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return .dict(try pairs(depth: depth + 1))
        case UInt8(ascii: "["): return .list(try items(closedBy: UInt8(ascii: "]"), depth: depth + 1).values)
        case UInt8(ascii: "("):
            let (values, commas) = try items(closedBy: UInt8(ascii: ")"), depth: depth + 1)
            // One value in parentheses without a comma is that value.
            return values.count == 1 && commas == 0 ? values[0] : .tuple(values)
        case .some(UInt8(ascii: "0")...UInt8(ascii: "9")), UInt8(ascii: "-"): return .integer(try integer())
        case .some(UInt8(ascii: "A")...UInt8(ascii: "Z")), .some(UInt8(ascii: "a")...UInt8(ascii: "z")), UInt8(ascii: "_"):
            let word = word()
            switch word {
            case "True": return .bool(true)
            case "False": return .bool(false)
            case "None": return .none
            case "u" where peek == UInt8(ascii: "'") || peek == UInt8(ascii: "\""): return .string(try string())
            default: throw fail("\"\(word)\" is no literal")
            }
        case nil: throw fail("it ends early")
        case .some(let byte): throw fail(byte == 0 ? "a NUL stands in it" : "a value was expected")
        }
    }

    private mutating func items(closedBy close: UInt8, depth: Int) throws(Failure) -> (values: [PythonLiteral], commas: Int) {
        at += 1
        var values: [PythonLiteral] = [], commas = 0
        while true {
            skipBlanks()
            if peek == close {
                at += 1
                return (values, commas)
            }
            guard values.count == commas else { throw fail(peek == nil ? "it ends early" : "a comma was expected") }
            values.append(try value(depth: depth))
            skipBlanks()
            if peek == UInt8(ascii: ",") {
                at += 1
                commas += 1
            }
        }
    }

    private mutating func pairs(depth: Int) throws(Failure) -> [PythonLiteral.Pair] {
        at += 1
        var pairs: [PythonLiteral.Pair] = [], commas = 0
        while true {
            skipBlanks()
            if peek == UInt8(ascii: "}") {
                at += 1
                return pairs
            }
            guard pairs.count == commas else { throw fail(peek == nil ? "it ends early" : "a comma was expected") }
            guard case .string(let key) = try value(depth: depth) else { throw fail("a key that is no string") }
            skipBlanks()
            guard peek == UInt8(ascii: ":") else { throw fail("a colon was expected") }
            at += 1
            guard !pairs.contains(where: { $0.key == key }) else { throw fail("the key \"\(key)\" stands twice") }
            guard pairs.count < 16 else { throw fail("it has more than 16 keys") }
            pairs.append(.init(key: key, value: try value(depth: depth)))
            skipBlanks()
            if peek == UInt8(ascii: ",") {
                at += 1
                commas += 1
            }
        }
    }

    /// A quoted string. What follows a backslash stands for itself: only names of fields have any, and those are only shown.
    private mutating func string() throws(Failure) -> String {
        let quote = text[at]
        at += 1
        var bytes: [UInt8] = []
        while let byte = peek, byte != quote {
            guard byte >= 0x20 else { throw fail("a control character stands in a string") }
            at += 1
            if byte == UInt8(ascii: "\\") {
                guard let next = peek else { break }
                bytes.append(next)
                at += 1
            } else {
                bytes.append(byte)
            }
        }
        guard peek == quote else { throw fail("a string is not closed") }
        at += 1
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func integer() throws(Failure) -> String {
        let start = at
        if peek == UInt8(ascii: "-") { at += 1 }
        let digits = at
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { at += 1 }
        guard at > digits else { throw fail("digits were expected") }
        let spelled = String(decoding: text[start..<at], as: UTF8.self)
        if peek == UInt8(ascii: "L") { at += 1 }
        return spelled
    }

    private mutating func word() -> String {
        let start = at
        while let byte = peek, byte == UInt8(ascii: "_") || (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z"), at - start < 40 { at += 1 }
        return String(decoding: text[start..<at], as: UTF8.self)
    }

    private mutating func skipBlanks() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A { at += 1 }
    }

    private var peek: UInt8? { at < text.count ? text[at] : nil }
    private func fail(_ reason: String) -> Failure { Failure(offset: at, reason: reason) }
}
