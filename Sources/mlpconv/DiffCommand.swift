import ArgumentParser
import Checkpoints
import Dialects
import Parity
import StrictJSON

/// `mlpconv diff`: two files, tensor by tensor, across formats and dialects.
struct Diff: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compares two files tensor by tensor: by role where both are networks, else by name.",
        discussion: """
            Status 0 when they are the same, 1 when they differ.

            Examples:
              mlpconv diff model.keras model.safetensors
              mlpconv diff epoch1.npz epoch2.npz --atol 1e-6 --rtol 1e-5
            """)

    @Argument(help: "The one file.") var a: String
    @Argument(help: "The other.") var b: String

    @Option(help: ArgumentHelp("Equal enough is |a - b| <= atol + rtol |b|.", valueName: "x"))
    var atol = 0.0

    @Option(help: ArgumentHelp("See --atol.", valueName: "x"))
    var rtol = 0.0

    @Option(name: .customLong("max-ulp"), help: ArgumentHelp("Equal enough is also at most this many units in the last place.", valueName: "n"))
    var maxULP: UInt64 = 0

    @Flag(help: "A correctly rounded copy counts as the same.")
    var allowCast = false

    @Option(help: "parameters (the default where both are networks) or all.")
    var scope: String?

    @OptionGroup var reading: ReadingOptions

    func validate() throws {
        guard atol >= 0, rtol >= 0 else { throw ValidationError("--atol and --rtol take numbers from 0 up") }
        if let scope, DiffReport.Scope(rawValue: scope) == nil { throw ValidationError("--scope takes parameters or all, not \"\(scope)\"") }
    }

    func run() throws {
        var same = true
        try Session.reporting(json: reading.json, file: a) { () throws(CheckpointError) in
            let left = try Session.open(a, reading)
            let right: OpenedFile
            do throws(CheckpointError) { right = try Session.open(b, reading) } catch { throw error.at(file: b) }
            let (pairs, settled) = TensorCorrespondence.between(
                DiffSide(left.checkpoint, format: left.codec.name, recognition: left.recognition),
                DiffSide(right.checkpoint, format: right.codec.name, recognition: right.recognition),
                scope: scope.flatMap(DiffReport.Scope.init(rawValue:)))
            var diff = CheckpointDiff()
            diff.atol = atol
            diff.rtol = rtol
            diff.maxULP = maxULP
            diff.allowCast = allowCast
            diff.scope = settled
            // Metadata that nobody asked about does not make equal weights different.
            diff.countsMetadata = scope == DiffReport.Scope.all.rawValue
            let report = try diff.report(left.checkpoint, right.checkpoint, by: pairs, fileA: left.input.name, fileB: right.input.name)
            if reading.json { Console.print(report.json) } else { DiffText(report, a: left.input.name, b: right.input.name).lines.forEach { Console.print($0) } }
            same = report.same
        }
        try (same ? ExitStatus.yes : .no).conclude()
    }
}

/// The report of `diff` for a person: the summary first, then what is not the same.
struct DiffText {
    let lines: [String]

    init(_ report: DiffReport, a: String, b: String) {
        var counts: [(DiffReport.Class, Int)] = []
        for relation in DiffReport.Class.allCases {
            let count = report.tensors.count { $0.relation == relation }
            if count > 0 { counts.append((relation, count)) }
        }
        var lines = ["\(report.same ? Console.styled("the same", .green) : Console.styled("different", .red)): "
            + (counts.isEmpty ? "no tensors" : counts.map { "\(grouped($0.1)) \($0.0.rawValue)" }.joined(separator: ", ")) + "   (\(report.scope.rawValue))"]
        var table = Table([.left, .left, .right, .right, .right, .left])
        let rest = report.tensors.filter { $0.relation != .identical }
        if !rest.isEmpty { table.add(["tensor", "", "max |a-b|", "relative", "ULP", ""].map { Console.styled($0, .dim) }) }
        for tensor in rest.prefix(200) {
            let names = [tensor.nameInA, tensor.nameInB].compactMap { $0 }.filter { $0 != tensor.name }
            table.add([
                tensor.name.isEmpty ? "\"\"" : printable(tensor.name), tensor.relation.rawValue, tensor.maxAbs.map { Inspection.short($0) } ?? "",
                tensor.maxRel.map { Inspection.short($0) } ?? "", tensor.maxULP.map { $0 == .max ? "NaN" : String($0) } ?? "", names.map(printable).joined(separator: " | "),
            ])
        }
        lines += table.lines()
        if rest.count > 200 { lines.append("  … and \(grouped(rest.count - 200)) more") }
        for entry in report.metadata {
            let what = switch (entry.inA, entry.inB) {
            case (nil, _): "only in \(printable(b))"
            case (_, nil): "only in \(printable(a))"
            default: "differs"
            }
            lines.append("  metadata \(printable(entry.key)): \(what)")
        }
        self.lines = lines
    }
}
