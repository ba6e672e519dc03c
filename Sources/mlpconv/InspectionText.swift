import Architecture
import Checkpoints
import Dialects
import Tensors

extension Inspection {
    /// The report for a person.
    func print(tree: Bool, limit: Int) {
        let index = file.checkpoint.index
        Console.print("\(Console.styled(printable(file.input.name), .bold))  \(file.codec.name)"
            + (file.recognition.dialect.map { $0 == .keep ? "" : ", \($0.rawValue) names" } ?? ""))
        var facts = Table([.left, .left])
        if let network = file.recognition.network {
            facts.add(["network", network.shortText + (network.loss.map { ", loss \($0.kind.rawValue)" } ?? "")])
        } else if let reason = file.recognition.networkReason {
            facts.add(["network", "none: \(printable(reason))"])
        }
        let dtypes = Dictionary(grouping: index.tensors, by: \.dtype).mapValues(\.count).sorted { $0.value > $1.value || $0.value == $1.value && $0.key.rawValue < $1.key.rawValue }
        facts.add(["tensors", "\(grouped(index.tensors.count)), \(grouped(index.totalBytes)) bytes"
            + (dtypes.isEmpty ? "" : " (" + dtypes.map { dtypes.count == 1 ? $0.key.rawValue : "\($0.value) \($0.key.rawValue)" }.joined(separator: ", ") + ")")])
        facts.add(["parameters", grouped(parameterCount)])
        if let optimizer = file.recognition.optimizer {
            facts.add(["optimizer", (optimizer.kind ?? "of unknown kind") + (optimizer.step.map { ", after step \($0)" } ?? "") + ", \(optimizer.slots.count) slot tensors"])
        }
        for tie in index.ties { facts.add(["tied", tie.map { printable(index.tensors[$0].name) }.joined(separator: " = ")]) }
        if let contentHash { facts.add(["content hash", contentHash]) }
        for line in facts.lines() { Console.print(line) }
        if !index.tensors.isEmpty {
            Console.print("")
            for line in tree ? treeLines(limit: limit) : tableLines(limit: limit) { Console.print(line) }
        }
        if !index.metadata.isEmpty {
            Console.print("\n  metadata")
            var table = Table([.left, .left])
            for entry in index.metadata.entries { table.add([printable(entry.key), Self.oneLine(entry.text)]) }
            for line in table.lines(indent: 4) { Console.print(line) }
        }
        if !index.unsupported.isEmpty {
            Console.print("\n  not read")
            var table = Table([.left, .left])
            for item in index.unsupported { table.add([printable(item.name), printable(item.reason)]) }
            for line in table.lines(indent: 4) { Console.print(line) }
        }
        for note in file.recognition.notes { Console.print("\n  note: \(printable(note))") }
    }

    private var parameterNames: [Int: String] {
        Dictionary(file.recognition.bindings.map { ($0.tensor, $0.transposed ? "\($0.parameter), transposed" : $0.parameter) }, uniquingKeysWith: { "\($0), \($1)" })
    }

    private func cells(_ position: Int, name: String, roles: [Int: String]) -> [String] {
        let report = tensors[position]
        var cells = [name, report.info.dtype.rawValue, report.info.shape.description, grouped(report.info.byteCount), Console.styled(roles[position] ?? "", .dim)]
        if let s = report.statistics {
            cells += s.finite == 0 ? ["", "", "", ""] : [Self.short(s.min), Self.short(s.max), Self.short(s.mean), Self.short(s.std)]
            cells.append([("zeros", s.zeros), ("nan", s.nan), ("inf", s.inf), ("subnormal", s.subnormal)].filter { $0.1 > 0 }.map { "\(grouped($0.1)) \($0.0)" }.joined(separator: ", "))
        }
        if let sha = report.sha256 { cells.append(String(sha.prefix(16))) }
        return cells
    }

    private var sides: [Table.Side] {
        [.left, .left, .left, .right, .left] + (tensors.first?.statistics == nil ? [] : [.right, .right, .right, .right, .left]) + (tensors.first?.sha256 == nil ? [] : [.left])
    }

    private var heading: [String] {
        let titles = ["tensor", "dtype", "shape", "bytes", ""] + (tensors.first?.statistics == nil ? [] : ["min", "max", "mean", "std", ""]) + (tensors.first?.sha256 == nil ? [] : ["sha256"])
        return titles.map { $0.isEmpty ? "" : Console.styled($0, .bold) }
    }

    private func tableLines(limit: Int) -> [String] {
        let roles = parameterNames
        var table = Table(sides)
        table.add(heading)
        let shown = limit == 0 ? tensors.count : min(limit, tensors.count)
        for position in 0..<shown {
            let name = tensors[position].info.name
            table.add(cells(position, name: name.isEmpty ? "\"\"" : printable(name), roles: roles))
        }
        return table.lines() + (shown < tensors.count ? ["  … \(grouped(tensors.count - shown)) more"] : [])
    }

    /// Names split at `/`, each group named once, its tensors indented below it.
    private func treeLines(limit: Int) -> [String] {
        let roles = parameterNames
        var table = Table(sides)
        table.add(heading)
        var open: [Substring] = []
        let shown = limit == 0 ? tensors.count : min(limit, tensors.count)
        for position in 0..<shown {
            let parts = tensors[position].info.name.split(separator: "/", omittingEmptySubsequences: false)
            let groups = Array(parts.dropLast())
            var common = 0
            while common < min(open.count, groups.count), open[common] == groups[common] { common += 1 }
            for level in common..<groups.count { table.add([String(repeating: "  ", count: level) + printable(String(groups[level])) + "/"]) }
            open = groups
            table.add(cells(position, name: String(repeating: "  ", count: groups.count) + printable(String(parts.last ?? "")), roles: roles))
        }
        return table.lines() + (shown < tensors.count ? ["  … \(grouped(tensors.count - shown)) more"] : [])
    }

    /// Four digits that tell a person what they need.
    static func short(_ value: Double) -> String {
        if value == 0 { return "0" }
        let magnitude = abs(value)
        if magnitude >= 1e-3, magnitude < 1e5 {
            let digits = magnitude >= 1000 ? 1 : magnitude >= 100 ? 2 : magnitude >= 10 ? 3 : 4
            return fixed(value, digits: digits)
        }
        return scientific(value, digits: 3)
    }

    private static func oneLine(_ text: String) -> String {
        let flat = printable(text.replacing("\n", with: " "))
        let room = max(40, Console.width - 40)
        return flat.count <= room ? flat : "\(flat.prefix(room)) … (\(grouped(text.utf8.count)) bytes)"
    }
}
