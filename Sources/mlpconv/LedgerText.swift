import Checkpoints
import Conversion
import Dialects
import Tensors

/// The ledger of a conversion for a person: what was kept in one line, everything else by name.
struct LedgerText {
    let lines: [String]

    init(_ outcome: Converter.Outcome, input: OpenedFile, output: String, target: any WritableCheckpointCodec, isDryRun: Bool) {
        let ledger = outcome.ledger
        var lines = ["\(printable(input.input.name)) (\(input.codec.name)) -> \(printable(output)) (\(target.name))\(isDryRun ? "   dry run: nothing is written" : "")"]
        let kept = ledger.tensors.filter { $0.actions == [.kept] }, rest = ledger.tensors.filter { $0.actions != [.kept] }
        if !kept.isEmpty { lines.append("  \(grouped(kept.count)) tensor\(kept.count == 1 ? "" : "s") kept as \(kept.count == 1 ? "it is" : "they are")") }
        var table = Table([.left, .left, .left])
        for entry in rest.prefix(200) {
            let from = entry.from.map { $0.isEmpty ? "\"\"" : printable($0) } ?? ""
            var what = entry.actions.map(\.rawValue).joined(separator: ", ")
            if let a = entry.dtypeFrom, let b = entry.dtypeTo, a != b {
                what += " \(a.rawValue) -> \(b.rawValue)"
                if let error = entry.maxCastError { what += ", largest error \(scientific(error, digits: 2))" }
                if let overflowed = entry.overflowed, overflowed > 0 { what += ", \(grouped(overflowed)) overflowed" }
            }
            if let reason = entry.reason { what += ": \(printable(reason))" }
            table.add([from, entry.to.map { $0 == entry.from ? "" : "-> \(printable($0))" } ?? "", what])
        }
        lines += table.lines()
        if rest.count > 200 { lines.append("  … and \(grouped(rest.count - 200)) more") }
        if !ledger.metadataKept.isEmpty { lines.append("  metadata kept: \(Self.list(ledger.metadataKept))") }
        if !ledger.metadataDropped.isEmpty { lines.append("  metadata dropped: \(Self.list(ledger.metadataDropped))") }
        for note in ledger.notes { lines.append("  note: \(printable(note))") }
        let proof = outcome.verified == true ? ", verified: every byte read back" + (input.recognition.network == nil || !target.keepsMetadata || ledger.tensors.contains { $0.actions.contains(.cast) } ? "" : ", forward and backward pass equal bit for bit") : ""
        lines.append((ledger.isLossless ? "  lossless" : "  not lossless: see above") + proof)
        self.lines = lines
    }

    private static func list(_ keys: [String]) -> String {
        keys.prefix(8).map(printable).joined(separator: ", ") + (keys.count > 8 ? " and \(keys.count - 8) more" : "")
    }
}
