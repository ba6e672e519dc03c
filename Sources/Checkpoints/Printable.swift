import StrictJSON

/// `text` in quotes, control characters escaped: how a name from a file is printed.
public func quoted(_ text: String) -> String { JSONValue.quoted(text, forTerminal: true) }

/// `text` with control characters escaped, for a terminal.
public func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.value < 0x20 && $0 != "\n" || (0x7F..<0xA0).contains($0.value) }) else { return text }
    return String(JSONValue.quoted(text, forTerminal: true).dropFirst().dropLast())
}

/// 1234567 as `1,234,567`.
public func grouped(_ value: Int) -> String {
    let digits = Array(String(value.magnitude))
    var out = value < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { out += "," }
        out.append(digit)
    }
    return out
}
