/// Reads JSON as RFC 8259 defines it and nothing wider: no comments, no trailing commas, no NaN, valid UTF-8, and no key twice in one
/// object. Nesting is bounded, and the reader keeps its own stack: no input can exhaust ours.
public struct JSONReader {
    /// Where and why a text is not JSON.
    public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        /// The byte offset in the text.
        public let offset: Int
        public let reason: String
        public var description: String { "\(reason) at byte \(offset)" }
    }

    private let bytes: [UInt8]
    private var at = 0
    private let maxDepth: Int
    private let allowsNonFinite: Bool

    /// - Parameter allowingNonFinite: Python's `json` writes the bare words NaN, Infinity and -Infinity; with this they are read as strings.
    public static func read(_ bytes: [UInt8], maxDepth: Int = 128, allowingNonFinite: Bool = false) throws(Failure) -> JSONValue {
        var reader = JSONReader(bytes: bytes, maxDepth: maxDepth, allowsNonFinite: allowingNonFinite)
        return try reader.document()
    }

    public static func read(_ text: String, maxDepth: Int = 128, allowingNonFinite: Bool = false) throws(Failure) -> JSONValue {
        try read(Array(text.utf8), maxDepth: maxDepth, allowingNonFinite: allowingNonFinite)
    }

    private init(bytes: [UInt8], maxDepth: Int, allowsNonFinite: Bool) {
        self.bytes = bytes
        self.maxDepth = maxDepth
        self.allowsNonFinite = allowsNonFinite
    }

    /// An array or an object that is still open.
    private enum Open {
        case array([JSONValue])
        /// The keys seen are bytes: Swift takes two normal forms of a text for one.
        case object([JSONValue.Member], seen: Set<[UInt8]>, key: String)
    }

    private mutating func document() throws(Failure) -> JSONValue {
        var stack: [Open] = []
        skipSpace()
        while true {
            // A value starts here.
            var value: JSONValue
            switch peek() {
            case UInt8(ascii: "["):
                try push(&stack)
                skipSpace()
                if peek() == UInt8(ascii: "]") { at += 1; value = .array([]) } else {
                    stack.append(.array([]))
                    continue
                }
            case UInt8(ascii: "{"):
                try push(&stack)
                skipSpace()
                if peek() == UInt8(ascii: "}") { at += 1; value = .object([]) } else {
                    let key = try memberKey()
                    stack.append(.object([], seen: [Array(key.utf8)], key: key))
                    continue
                }
            default:
                value = try scalar()
            }
            // The value is complete: hand it to what is open, which may complete in turn.
            settle: while true {
                skipSpace()
                guard let open = stack.popLast() else {
                    guard at == bytes.count else { throw fail("text follows the value") }
                    return value
                }
                let next = peek()
                switch consume open {
                case .array(var items):
                    items.append(value)
                    if next == UInt8(ascii: ",") {
                        at += 1
                        skipSpace()
                        stack.append(.array(items))
                        break settle
                    }
                    guard next == UInt8(ascii: "]") else { throw fail("expected \",\" or \"]\"") }
                    at += 1
                    value = .array(items)
                case .object(var members, var seen, let key):
                    members.append(.init(key, value))
                    if next == UInt8(ascii: ",") {
                        at += 1
                        skipSpace()
                        let keyOffset = at
                        let nextKey = try memberKey()
                        guard seen.insert(Array(nextKey.utf8)).inserted else {
                            throw Failure(offset: keyOffset, reason: "the key \"\(nextKey)\" stands twice in one object")
                        }
                        stack.append(.object(members, seen: seen, key: nextKey))
                        break settle
                    }
                    guard next == UInt8(ascii: "}") else { throw fail("expected \",\" or \"}\"") }
                    at += 1
                    value = .object(members)
                }
            }
        }
    }

    private mutating func push(_ stack: inout [Open]) throws(Failure) {
        guard stack.count < maxDepth else { throw fail("nested deeper than \(maxDepth)") }
        at += 1
    }

    private mutating func memberKey() throws(Failure) -> String {
        guard peek() == UInt8(ascii: "\"") else { throw fail("expected a key in quotes") }
        let key = try text()
        skipSpace()
        guard peek() == UInt8(ascii: ":") else { throw fail("expected \":\"") }
        at += 1
        skipSpace()
        return key
    }

    private mutating func scalar() throws(Failure) -> JSONValue {
        switch peek() {
        case UInt8(ascii: "\""): return .string(try text())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "N") where allowsNonFinite: return try word("NaN", .string("NaN"))
        case UInt8(ascii: "I") where allowsNonFinite: return try word("Infinity", .string("Infinity"))
        case UInt8(ascii: "-") where allowsNonFinite && at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "I"):
            return try word("-Infinity", .string("-Infinity"))
        case nil: throw fail("the text ends early")
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return try number()
        default: throw fail("expected a value")
        }
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(Failure) -> JSONValue {
        guard bytes[at...].starts(with: word.utf8) else { throw fail("expected \(word)") }
        at += word.utf8.count
        return value
    }

    private mutating func number() throws(Failure) -> JSONValue {
        let start = at
        if peek() == UInt8(ascii: "-") { at += 1 }
        if peek() == UInt8(ascii: "0") { at += 1 } else { try digits() }
        if peek() == UInt8(ascii: ".") {
            at += 1
            try digits()
        }
        if peek() == UInt8(ascii: "e") || peek() == UInt8(ascii: "E") {
            at += 1
            if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { at += 1 }
            try digits()
        }
        return .number(String(decoding: bytes[start..<at], as: UTF8.self))
    }

    private mutating func digits() throws(Failure) {
        let start = at
        while let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { at += 1 }
        guard at > start else { throw fail("expected a digit") }
    }

    private mutating func text() throws(Failure) -> String {
        at += 1
        var run = at
        var out: [UInt8] = []
        let start = at
        while true {
            guard let byte = peek() else { throw fail("a string is not closed") }
            switch byte {
            case UInt8(ascii: "\""):
                out += bytes[run..<at]
                at += 1
                guard let text = String(validating: out, as: UTF8.self) else {
                    throw Failure(offset: start, reason: "a string is not valid UTF-8")
                }
                return text
            case UInt8(ascii: "\\"):
                out += bytes[run..<at]
                at += 1
                try escape(into: &out)
                run = at
            case 0..<0x20: throw fail("a control character in a string is not escaped")
            default: at += 1
            }
        }
    }

    private mutating func escape(into out: inout [UInt8]) throws(Failure) {
        guard let byte = peek() else { throw fail("a string is not closed") }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
        case UInt8(ascii: "b"): out.append(8)
        case UInt8(ascii: "f"): out.append(12)
        case UInt8(ascii: "n"): out.append(10)
        case UInt8(ascii: "r"): out.append(13)
        case UInt8(ascii: "t"): out.append(9)
        case UInt8(ascii: "u"):
            var code = try hex4()
            if (0xD800..<0xDC00).contains(code), peek() == UInt8(ascii: "\\"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "u") {
                let saved = at
                at += 2
                let low = try hex4()
                if (0xDC00..<0xE000).contains(low) { code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00) } else { at = saved }
            }
            guard let scalar = Unicode.Scalar(code) else { throw fail("half of a surrogate pair") }
            out += Array(String(Character(scalar)).utf8)
        default: throw fail("an unknown escape")
        }
    }

    private mutating func hex4() throws(Failure) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { throw fail("expected four hex digits") }
            code = code << 4 | UInt32(digit)
            at += 1
        }
        return code
    }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    private func peek() -> UInt8? { at < bytes.count ? bytes[at] : nil }
    private func fail(_ reason: String) -> Failure { Failure(offset: at, reason: reason) }
}
