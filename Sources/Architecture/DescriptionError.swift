import StrictJSON

/// A network description that cannot be read: one sentence with the piece, what was expected and what to write.
public struct DescriptionError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }

    func within(_ place: String) -> DescriptionError { DescriptionError("\(place): \(description)") }
}

func quoted(_ text: String) -> String { JSONValue.quoted(text, forTerminal: true) }

/// `; did you mean relu?` where a name is near enough to `text`, else `; there are …`.
func suggestion(for text: String, among names: [String], meant synonyms: [String: String] = [:]) -> String {
    let plain = text.lowercased()
    if let meant = synonyms[plain] { return "; did you mean \(meant)?" }
    let near = names.map { (name: $0, distance: distance(plain, $0)) }.filter { $0.distance <= max(1, $0.name.utf8.count / 3) }
        .sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3).map(\.name)
    if near.isEmpty { return "; there are \(names.joined(separator: ", "))" }
    return "; did you mean \(near.joined(separator: " or "))?"
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other; texts over 64 bytes are far from all.
private func distance(_ a: String, _ b: String) -> Int {
    let a = Array(a.utf8), b = Array(b.utf8)
    guard a.count <= 64, b.count <= 64 else { return max(a.count, b.count) }
    var before: [Int] = [], last = Array(0...b.count)
    for i in 0..<a.count {
        var next = [i + 1]
        for j in 0..<b.count {
            var best = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, next[j] + 1)
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, before[j - 1] + 1) }
            next.append(best)
        }
        before = last
        last = next
    }
    return last[b.count]
}
