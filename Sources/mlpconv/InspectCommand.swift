import Architecture
import ArgumentParser
import ByteIO
import Checkpoints
import Dialects
import StrictJSON
import Tensors

/// `mlpconv inspect`: what is in a file.
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what is in a file: tensors, network, optimizer, metadata.",
        discussion: """
            Only the index is read, unless --stats, --hash or --tensor ask for values; then every byte is, and every checksum is checked.

            Examples:
              mlpconv inspect model.keras
              mlpconv inspect model.npz --hash --stats --json
              mlpconv inspect model.h5 --tensor dense/kernel --slice "0:3,:"
            """)

    @Argument(help: ArgumentHelp("The files; - is standard input.", valueName: "file"))
    var files: [String]

    @Flag(help: "Show names as a tree.")
    var tree = false

    @Flag(help: "Minimum, maximum, mean, deviation and odd values of each tensor.")
    var stats = false

    @Flag(help: "SHA-256 of each tensor, and the content hash of the file.")
    var hash = false

    @Option(help: ArgumentHelp("Print the values of this tensor.", valueName: "name"))
    var tensor: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("Print only this part of it, as numpy slices: \"0:3,:\".", valueName: "slice"))
    var slice: String?

    @Option(help: ArgumentHelp("List at most this many tensors (0: all).", valueName: "count"))
    var limit = 0

    @OptionGroup var reading: ReadingOptions

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name a file to inspect") }
        guard slice == nil || tensor != nil else { throw ValidationError("--slice needs --tensor") }
        if let slice {
            do throws(TensorSlice.NoSlice) { _ = try TensorSlice(parsing: slice) } catch { throw ValidationError("\(error)") }
        }
        guard limit >= 0 else { throw ValidationError("--limit takes a number from 0 up, not \(limit)") }
    }

    func run() throws {
        let part = try slice.map { try TensorSlice(parsing: $0) } ?? TensorSlice()
        var documents: [JSONValue] = []
        var status = ExitStatus.yes
        for (index, file) in files.enumerated() {
            do throws(CheckpointError) {
                let opened = try Session.open(file, reading)
                let report = try Inspection(of: opened, stats: stats, hash: hash, quiet: reading.quiet)
                if let tensor {
                    let values = try TensorText(opened.checkpoint, tensor: tensor, slice: part)
                    if reading.json { documents.append(values.json) } else { Console.print(values.text) }
                    continue
                }
                if reading.json {
                    documents.append(report.json)
                } else {
                    if index > 0 { Console.print("") }
                    report.print(tree: tree, limit: limit)
                }
            } catch {
                let error = error.at(file: file)
                status = .trouble
                if reading.json { documents.append(error.json) }
                Console.report(error)
            }
        }
        if reading.json { Console.print(files.count == 1 ? documents[0] : .array(documents)) }
        try status.conclude()
    }
}
