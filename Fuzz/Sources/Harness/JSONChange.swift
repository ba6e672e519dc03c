public import StrictJSON

/// `text` with one of its values changed, taken out, doubled or exchanged for another: still JSON, unlike most random changes. Text that is
/// no JSON is changed as bytes.
public func changedJSON(_ text: [UInt8], _ choices: inout Choices, limit: Int) -> [UInt8] {
    guard !choices.once(in: 12), let value = try? JSONReader.read(text, allowingNonFinite: true) else { return changed(text, limit: limit) }
    let next = Array(changedValue(value, &choices).text().utf8)
    return next.count <= limit ? next : changed(text, limit: limit)
}

/// `value` with one value in it changed.
public func changedValue(_ value: JSONValue, _ choices: inout Choices) -> JSONValue {
    var left = Int.random(in: 0..<nodes(of: value), using: &choices)
    let another = node(Int.random(in: 0..<nodes(of: value), using: &choices), of: value)
    return replaced(value, at: &left, by: another, &choices)
}

private func children(_ value: JSONValue) -> [JSONValue] { value.array ?? value.members?.map(\.value) ?? [] }

// Parsed values are at most 128 deep, and so is this recursion.
private func nodes(of value: JSONValue) -> Int { children(value).reduce(1) { $0 + nodes(of: $1) } }

private func node(_ number: Int, of value: JSONValue) -> JSONValue {
    guard number > 0 else { return value }
    var left = number - 1
    for child in children(value) {
        let count = nodes(of: child)
        if left < count { return node(left, of: child) }
        left -= count
    }
    return value
}

private func replaced(_ value: JSONValue, at left: inout Int, by another: JSONValue, _ choices: inout Choices) -> JSONValue {
    if left == 0 {
        left = -1
        return changedNode(value, another, &choices)
    }
    left -= 1
    switch value {
    case .array(var items):
        for index in items.indices where left >= 0 { items[index] = replaced(items[index], at: &left, by: another, &choices) }
        return .array(items)
    case .object(var members):
        for index in members.indices where left >= 0 { members[index].value = replaced(members[index].value, at: &left, by: another, &choices) }
        return .object(members)
    default: return value
    }
}

private let numbers = ["0", "-0", "1", "-1", "2", "7", "64", "255", "256", "65535", "65536", "2147483648", "4294967296", "9223372036854775807",
                       "-9223372036854775808", "18446744073709551616", "0.5", "1e-400", "1e308", "1e999", "12345678901234567890123"]

private func changedNode(_ value: JSONValue, _ another: JSONValue, _ choices: inout Choices) -> JSONValue {
    switch (value, choices.next() % 4) {
    case (_, 0): return another
    case (.number, _): return .number(numbers[Int.random(in: numbers.indices, using: &choices)])
    case (.bool(let flag), _): return .bool(!flag)
    case (.string(let text), _): return .string(changedText(text, &choices))
    case (.array(var items), let choice) where !items.isEmpty:
        let place = Int.random(in: items.indices, using: &choices)
        switch choice {
        case 1: items.remove(at: place)
        case 2: items.insert(items[place], at: place)
        default: items.swapAt(place, Int.random(in: items.indices, using: &choices))
        }
        return .array(items)
    case (.object(var members), let choice) where !members.isEmpty:
        let place = Int.random(in: members.indices, using: &choices)
        switch choice {
        case 1: members.remove(at: place)
        case 2:
            // A key twice is no JSON here: the copy gets another.
            let key = changedText(members[place].key, &choices)
            if !members.contains(where: { $0.key == key }) { members.append(.init(key, members[place].value)) }
        default:
            let key = changedText(members[place].key, &choices)
            if !members.contains(where: { $0.key == key }) { members[place].key = key }
        }
        return .object(members)
    default: return .array([value])
    }
}

/// A text of its own inside a string (a config, an optimizer's state) is changed as JSON, others as bytes.
private func changedText(_ text: String, _ choices: inout Choices) -> String {
    if text.utf8.first == UInt8(ascii: "{") || text.utf8.first == UInt8(ascii: "[") {
        return String(decoding: changedJSON(Array(text.utf8), &choices, limit: text.utf8.count + 256), as: UTF8.self)
    }
    if choices.once(in: 4), let digits = text.utf8.lastIndex(where: { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
        return text[..<digits] + numbers[Int.random(in: 0..<8, using: &choices)] + text[text.utf8.index(after: digits)...]
    }
    return String(decoding: changed(Array(text.utf8), limit: text.utf8.count + 16), as: UTF8.self)
}
