import StrictJSON

/// `text` in quotes, control characters escaped: how a name from a file is printed.
public func quoted(_ text: String) -> String { JSONValue.quoted(text, forTerminal: true) }

/// `text` on one line, with whatever a terminal might act on escaped: control characters, line separators, changes of direction.
public func printable(_ text: String) -> String {
    let acts = text.unicodeScalars.contains { scalar in
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028..<0x202F, 0x2066..<0x206A: true
        default: false
        }
    }
    return acts ? String(JSONValue.quoted(text, forTerminal: true).dropFirst().dropLast()) : text
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
