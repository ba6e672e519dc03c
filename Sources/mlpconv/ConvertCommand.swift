import ArgumentParser
import ByteIO
import Checkpoints
import Conversion
import Dialects
import Foundation
import StrictJSON
import Tensors

/// `mlpconv convert`: one file into another format.
struct Convert: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes a file in another format, and says what became of every tensor.",
        discussion: """
            The output appears complete or not at all. What the target cannot hold is refused; an option consents to what it names.

            Examples:
              mlpconv convert model.keras model.npz --verify
              mlpconv convert model.h5 model.safetensors --to-dialect torch
              mlpconv convert model.npz half.npz --dtype float16 --compression deflate
            """)

    @Argument(help: ArgumentHelp("The file to read; - is standard input.", valueName: "input"))
    var input: String

    @Argument(help: ArgumentHelp("The file to write; - is standard output (with --to).", valueName: "output"))
    var output: String

    @Option(help: ArgumentHelp("The format to write; else the output's extension tells.", valueName: "format"))
    var to: String?

    @Option(help: ArgumentHelp("Give tensors this framework's names and axes: keras, torch, sklearn, flax, canonical, keep.", valueName: "dialect"))
    var toDialect: String?

    @Option(help: ArgumentHelp("Cast floats to this dtype.", valueName: "dtype"))
    var dtype: String?

    @Option(help: "none or deflate.")
    var compression: String = "none"

    @Option(help: ArgumentHelp("Compression level, 0 to 9.", valueName: "level"))
    var level: Int?

    @Option(help: ArgumentHelp("Only tensors whose names match; repeatable.", valueName: "glob"))
    var include: [String] = []

    @Option(help: ArgumentHelp("Not the tensors whose names match; repeatable.", valueName: "glob"))
    var exclude: [String] = []

    @Option(help: ArgumentHelp("Rename: every match of REGEX becomes TEMPLATE ($1 is the first group); repeatable.", valueName: "regex=template"))
    var rename: [String] = []

    @Option(help: ArgumentHelp("Consent to dropping optimizer, metadata or unsupported items; repeatable.", valueName: "what"))
    var drop: [String] = []

    @Flag(help: "Consent to every loss.")
    var allowLoss = false

    @Flag(help: "Plan and check; write nothing.")
    var dryRun = false

    @Flag(help: "Re-read what was written, before it replaces anything, and compare it with the source.")
    var verify = false

    @Option(help: ArgumentHelp("At most this many threads.", valueName: "n"))
    var threads: Int?

    @Flag(help: "Replace an output that exists.")
    var force = false

    @OptionGroup var reading: ReadingOptions

    func validate() throws {
        if let level, !(0...9).contains(level) { throw ValidationError("--level takes 0 to 9, not \(level)") }
        if let threads, threads < 1 { throw ValidationError("--threads takes a number from 1 up, not \(threads)") }
        if WriteOptions.Compression(rawValue: compression) == nil { throw ValidationError("--compression takes none or deflate, not \"\(compression)\"") }
        if let dtype, DType(rawValue: dtype) == nil { throw ValidationError("there is no dtype \"\(dtype)\"; the dtypes are \(DType.allCases.map(\.rawValue).joined(separator: " "))") }
        for item in drop where ConversionOptions.Drop(rawValue: item) == nil {
            throw ValidationError("--drop takes optimizer, metadata or unsupported, not \"\(item)\"")
        }
        if let toDialect, Dialect(rawValue: toDialect) == nil {
            throw ValidationError("there is no dialect \"\(toDialect)\"; the dialects are \(Dialect.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        if let to, Session.registry.codec(named: to) == nil {
            throw ValidationError("there is no format \"\(to)\"; mlpconv formats lists them")
        }
        if output == "-", to == nil { throw ValidationError("standard output has no extension: say the format with --to") }
        for text in rename { do { _ = try RenameRule(parsing: text) } catch { throw ValidationError("\(error)") } }
    }

    func run() throws {
        try Session.reporting(json: reading.json, file: input) { () throws(CheckpointError) in
            let target = try target()
            if output != "-", !force, !dryRun, FileManager.default.fileExists(atPath: output) {
                throw CheckpointError(.exists, "the file exists; replace it with --force").at(file: output, format: target.name)
            }
            let source = try Session.open(input, reading)
            let progress = Progress("convert \(input)", quiet: reading.quiet)
            var writing = WriteOptions()
            writing.compression = WriteOptions.Compression(rawValue: compression) ?? .none
            writing.level = level
            writing.threads = threads
            writing.progress = { done, total in progress.update(done, total) }
            let converter = Converter(options: try settled(), writing: writing, limits: reading.limitOptions.limits, sourceName: source.input.name)
            var outcome: Converter.Outcome
            do throws(CheckpointError) {
                outcome = output == "-"
                    ? try converter.convert(source.checkpoint, source.recognition, to: OutputFile.standardOutput(), as: target)
                    : try converter.convert(source.checkpoint, source.recognition, to: output, as: target)
            } catch {
                progress.finish()
                // A fault of the input is told by its tensor or its code; anything else is the output's.
                throw error.place.tensor != nil || error.code == .lossRefused ? error.at(file: source.input.name, format: source.codec.name) : error.at(file: output, format: target.name)
            }
            progress.finish()
            if let note = otherMeaning(of: target) { outcome.ledger.notes.append(note) }
            report(source, target, outcome)
        }
    }

    /// `--to`, else what the output's extension says.
    private func target() throws(CheckpointError) -> any WritableCheckpointCodec {
        let codec: (any CheckpointCodec)?
        if let to { codec = Session.registry.codec(named: to) } else {
            codec = Session.registry.codec(forOutput: output)
            if codec == nil {
                throw CheckpointError(.notRecognised, "the extension tells no format to write; say one with --to: \(Session.writable.map(\.name).joined(separator: ", "))").at(file: output)
            }
        }
        guard let target = codec as? any WritableCheckpointCodec else {
            throw CheckpointError(.unsupported, "\(codec?.name ?? "that format") is read, not written; what is written is \(Session.writable.map(\.name).joined(separator: ", "))").at(file: output)
        }
        return target
    }

    /// What else the output's extension may have meant: `.h5` is plain HDF5, and a Keras model where `--to` says so.
    private func otherMeaning(of target: any WritableCheckpointCodec) -> String? {
        guard to == nil else { return nil }
        let other = Session.writable.first { codec in
            codec.name != target.name && codec.extensions.contains { output.lowercased().hasSuffix(".\($0)") && target.extensions.contains($0) }
        }
        return other.map { "written as \(target.name); --to \($0.name) writes the other format of this extension" }
    }

    private func settled() throws(CheckpointError) -> ConversionOptions {
        var options = ConversionOptions()
        options.include = include.map(Glob.init)
        options.exclude = exclude.map(Glob.init)
        for text in rename { options.renames.append(try RenameRule(parsing: text)) }
        options.dtype = dtype.flatMap(DType.init(rawValue:))
        options.dialect = toDialect.flatMap(Dialect.init(rawValue:))
        options.drop = Set(drop.compactMap(ConversionOptions.Drop.init(rawValue:)))
        options.allowsLoss = allowLoss
        options.verifies = verify
        options.replaces = force
        options.isDryRun = dryRun
        return options
    }

    private func report(_ source: OpenedFile, _ target: any WritableCheckpointCodec, _ outcome: Converter.Outcome) {
        // With the file itself on stdout, the report goes to stderr.
        let say: (String) -> Void = output == "-" ? { if !reading.quiet || reading.json { Console.error($0) } } : { Console.print($0) }
        let own = target is any DialectCodec ? FormatDialects.named(target.name)?.dialect.rawValue : nil
        let dialect = own ?? toDialect ?? source.dialect
        if reading.json {
            say(JSONValue.object([
                .init("input", ["file": .string(source.input.name), "format": .string(source.codec.name), "dialect": .string(source.dialect)]),
                .init("output", ["file": .string(output), "format": .string(target.name), "dialect": .string(dialect)]),
            ] + outcome.ledger.members + [.init("verified", outcome.verified.map { .bool($0) } ?? .null)]).text(pretty: true))
            return
        }
        guard !reading.quiet else { return }
        LedgerText(outcome, input: source, output: output, target: target, isDryRun: dryRun).lines.forEach(say)
    }
}
