/// A number that a file keeps as float32 and its author wrote with few digits, as he wrote it: 0.20000000298 was 0.2. Any other is itself.
func unrounded(_ value: Double) -> Double {
    let single = Float(value)
    guard value.isFinite, Double(single) == value, let short = Double("\(single)"), short != value else { return value }
    func digits(_ text: String) -> Int { text.prefix { $0 != "e" }.count(where: \.isNumber) }
    return digits("\(single)") <= 7 && digits("\(value)") >= 15 ? short : value
}
