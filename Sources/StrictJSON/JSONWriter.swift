extension JSONValue {
    /// The text, deterministic: members in their order, no spaces; or, with `pretty`, indented by two blanks.
    public func text(pretty: Bool = false) -> String {
        var out = ""
        write(to: &out, indent: pretty ? 0 : nil)
        return out
    }

    /// `text` as a JSON string, quotes included. The control characters that JSON forbids are escaped, and no others; with `forTerminal`
    /// so are DEL, the C1 controls and the line separators, which a terminal may act on.
    public static func quoted(_ text: String, forTerminal: Bool = false) -> String {
        var out = "\""
        func escape(_ scalar: Unicode.Scalar) {
            let hex = String(scalar.value, radix: 16)
            out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        }
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "\u{0}"..<"\u{20}": escape(scalar)
            case "\u{7F}"..<"\u{A0}", "\u{2028}", "\u{2029}", "\u{202A}"..<"\u{202F}", "\u{2066}"..<"\u{206A}":
                if forTerminal { escape(scalar) } else { out.unicodeScalars.append(scalar) }
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    // Recursion is bounded: values come from JSONReader, which bounds nesting, or from our own code.
    private func write(to out: inout String, indent: Int?) {
        func separate(_ level: Int) {
            guard indent != nil else { return }
            out += "\n" + String(repeating: "  ", count: level)
        }
        switch self {
        case .null: out += "null"
        case .bool(let flag): out += flag ? "true" : "false"
        case .number(let digits): out += digits
        case .string(let text): out += Self.quoted(text)
        case .array(let items):
            out += "["
            // Short lists of scalars (shapes, above all) stay on one line.
            let flat = indent == nil || items.allSatisfy { $0.isScalar }
            for (index, item) in items.enumerated() {
                if index > 0 { out += flat && indent != nil ? ", " : "," }
                if !flat { separate((indent ?? 0) + 1) }
                item.write(to: &out, indent: indent.map { $0 + 1 })
            }
            if !flat { separate(indent ?? 0) }
            out += "]"
        case .object(let members):
            out += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { out += "," }
                separate((indent ?? 0) + 1)
                out += Self.quoted(member.key) + (indent == nil ? ":" : ": ")
                member.value.write(to: &out, indent: indent.map { $0 + 1 })
            }
            if !members.isEmpty { separate(indent ?? 0) }
            out += "}"
        }
    }

    private var isScalar: Bool {
        switch self {
        case .array, .object: false
        default: true
        }
    }
}
