import Architecture
import Checkpoints
import Parity

/// The report of `validate` for a person: the verdict, the figures that carry it, and what it does not prove.
struct ParityText {
    let lines: [String]

    init(_ report: ParityReport, showsAll: Bool) {
        var lines: [String] = []
        if let model = report.models.first {
            lines.append("\(model.network.shortText)   \(report.precision.rawValue), \(report.batch) rows\(report.seed.map { " (seed \($0))" } ?? ""), "
                + "\(report.loss.kind.rawValue) loss \(Inspection.short(report.lossValue))")
        }
        var table = Table([.left, .left, .left, .right, .left, .left])
        if !report.comparisons.isEmpty {
            table.add(["", "", "", "largest difference", "at", "coverage"].map { Console.styled($0, .dim) })
        }
        for comparison in report.comparisons {
            let worst = comparison.quantities.max { $0.scaled < $1.scaled }
            table.add([
                Self.styled(comparison.verdict), printable(comparison.a), "against \(printable(comparison.b))",
                comparison.bitwise ? "equal bit for bit" : worst.map { scientific($0.scaled, digits: 1) } ?? "",
                comparison.bitwise ? "" : worst?.name ?? "", fixed(comparison.coverage * 100, digits: 1) + " %",
            ])
        }
        lines += table.lines(indent: 0)
        for comparison in report.comparisons { lines += Self.details(comparison, showsAll: showsAll) }
        for note in report.notes { lines.append(Console.styled("note: \(printable(note))", .dim)) }
        lines.append(Self.styled(report.verdict) + Self.meaning(report))
        self.lines = lines
    }

    private static func details(_ comparison: ParityComparison, showsAll: Bool) -> [String] {
        guard showsAll || comparison.verdict != .pass else { return [] }
        var lines = ["", "\(printable(comparison.a)) against \(printable(comparison.b))"]
        if let first = comparison.firstDivergence { lines.append("  first divergence: \(Console.styled(first, .bold)), in the order of execution") }
        let failing = comparison.quantities.filter { !$0.passes }
        let shown = showsAll ? comparison.quantities : Array(failing.prefix(12))
        if !shown.isEmpty {
            var table = Table([.left, .right, .right, .right, .left])
            table.add(["quantity", "max |a-b|", "scaled", "over its rounding bound", ""].map { Console.styled($0, .dim) })
            for quantity in shown {
                table.add([quantity.name, scientific(quantity.maxAbs, digits: 2), scientific(quantity.scaled, digits: 2),
                           "\(Inspection.short(quantity.noise))x", quantity.passes ? "" : Console.styled("fails", .red)])
            }
            lines += table.lines()
            if shown.count < failing.count { lines.append("  … and \(failing.count - shown.count) more that fail (--all shows them)") }
        }
        let predictions = comparison.predictions
        if predictions.compared > 0 { lines.append("  \(predictions.changed) of \(predictions.compared) predictions change") }
        if comparison.verdict == .fail { lines.append("  it would pass with --tolerance \(scientific(comparison.smallestPassingTolerance, digits: 2))") }
        for found in comparison.diagnosis {
            lines.append("  cause: \(Console.styled(found.cause, .bold))\(found.layer.map { " in \($0)" } ?? ""): \(printable(found.evidence))")
            lines.append("  remedy: \(printable(found.remedy))")
        }
        for entry in comparison.untested.prefix(8) {
            lines.append("  not tested by this batch: \(grouped(entry.count)) of \(grouped(entry.of)) in \(entry.parameter)\(entry.compared ? "; compared themselves" : "")")
        }
        for skipped in comparison.skipped.prefix(showsAll ? 1000 : 6) { lines.append("  skipped: \(printable(skipped))") }
        for note in comparison.notes { lines.append("  note: \(printable(note))") }
        return lines + [""]
    }

    private static func styled(_ verdict: Verdict) -> String {
        switch verdict {
        case .pass: Console.styled("PASS", .green)
        case .fail: Console.styled("FAIL", .red)
        case .inconclusive: Console.styled("INCONCLUSIVE", .yellow)
        }
    }

    private static func meaning(_ report: ParityReport) -> String {
        switch report.verdict {
        case .pass: "  outputs and gradients agree"
        case .fail: "  the networks do not compute the same"
        case .inconclusive: report.comparisons.isEmpty ? "  there is nothing to compare with" : "  a fault could have gone unseen"
        }
    }
}
