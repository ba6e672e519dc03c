/// Rows of text in columns as wide as their widest cell.
struct Table {
    enum Side { case left, right }
    private let sides: [Side]
    private var rows: [[String]] = []

    init(_ sides: [Side]) { self.sides = sides }

    mutating func add(_ cells: [String]) { rows.append(cells) }

    /// The lines, each indented by `indent` blanks; the last column is not padded.
    func lines(indent: Int = 2) -> [String] {
        var widths = [Int](repeating: 0, count: sides.count)
        for row in rows { for (column, cell) in row.enumerated() { widths[column] = max(widths[column], Self.width(cell)) } }
        return rows.map { row in
            var line = String(repeating: " ", count: indent)
            for (column, cell) in row.enumerated() {
                let space = String(repeating: " ", count: widths[column] - Self.width(cell))
                switch sides[column] {
                case .left: line += column == row.count - 1 ? cell : cell + space
                case .right: line += space + cell
                }
                if column < row.count - 1 { line += "  " }
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    /// The columns a text takes on a terminal: wide East Asian characters and emoji take two, colour codes none.
    static func width(_ text: String) -> Int {
        var width = 0, inEscape = false
        for scalar in text.unicodeScalars {
            if inEscape {
                inEscape = scalar != "m"
            } else if scalar == "\u{1B}" {
                inEscape = true
            } else if scalar.properties.generalCategory == .nonspacingMark || scalar.properties.generalCategory == .format {
                continue
            } else {
                switch scalar.value {
                case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD: width += 2
                default: width += 1
                }
            }
        }
        return width
    }
}
