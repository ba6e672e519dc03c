import Architecture
import ByteIO
import Catalog
import Checkpoints
import Dialects
import Foundation
import HDF5Container
import StrictJSON
import Tensors

/// What the commands share: the catalog, opening a file by what the user said of it, reporting what goes wrong.
enum Session {
    /// The formats. HDF5 is described and laid out by the helper process, which may die of a hostile file without harm.
    static let registry = Catalog.registry(hdf5: HDF5HelperClient())

    /// Opens a file of arrays: a reference or inputs. `--from` and `--read-as` speak of models, not of these.
    static func data(_ path: String, _ options: ReadingOptions) throws(CheckpointError) -> any Checkpoint {
        try registry.open(CheckpointInput(path: path), limits: options.limitOptions.limits).checkpoint
    }

    static var writable: [any WritableCheckpointCodec] { registry.codecs.compactMap { $0 as? any WritableCheckpointCodec } }

    /// Runs one job on one file; what goes wrong is reported, as JSON too where that was asked for, and ends with status 2 (1 from --verify).
    static func reporting(json: Bool, file: String, _ job: () throws(CheckpointError) -> Void) throws {
        do throws(CheckpointError) { try job() } catch {
            let error = error.at(file: file)
            if json { Console.print(error.json) }
            Console.report(error)
            try (error.code == .verifyFailed ? ExitStatus.no : .trouble).conclude()
        }
    }

    /// Opens `path` ("-" is standard input) as `options` say, and recognises what is in it.
    static func open(_ path: String, _ options: ReadingOptions) throws(CheckpointError) -> OpenedFile {
        let input: CheckpointInput
        if path == "-" {
            input = try CheckpointInput(rising { () throws(IOError) in
                try SpoolFile.copy(ofDescriptor: STDIN_FILENO, limit: options.limitOptions.maxBytes)
            }, name: "standard input")
        } else {
            input = try CheckpointInput(path: path)
        }
        let (codec, plain) = try registry.open(input, as: options.from, limits: options.limitOptions.limits)
        do throws(CheckpointError) {
            if let refusal = nothingReadable(in: plain.index) { throw refusal }
            let rules = try options.readAsRules()
            let checkpoint = rules.isEmpty ? plain : try MappedCheckpoint(plain, readAs: rules)
            let recognition = try Recognition(of: checkpoint, format: codec.name, hints: options.hints())
            return OpenedFile(path: path, input: input, codec: codec, checkpoint: checkpoint, recognition: recognition)
        } catch {
            throw error.at(file: input.name, format: codec.name)
        }
    }
}

/// The error of a file that holds things, and none that we read (CLI.md); nil for any other.
private func nothingReadable(in index: CheckpointIndex) -> CheckpointError? {
    guard index.tensors.isEmpty, let first = index.unsupported.first else { return nil }
    let more = index.unsupported.count > 1 ? " (and \(grouped(index.unsupported.count - 1)) more)" : ""
    return CheckpointError(.unsupported, "there is no tensor in it that is read here: \(quoted(first.name)) is \(first.reason)\(more)")
}

/// A file that was opened, and what it was recognised to be.
struct OpenedFile {
    let path: String
    let input: CheckpointInput
    let codec: any CheckpointCodec
    let checkpoint: any Checkpoint
    let recognition: Recognition

    /// The dialect's name; `keep` where the names follow none.
    var dialect: String { (recognition.dialect ?? .keep).rawValue }
}

extension ReadingOptions {
    /// What `--network` and `--dialect` say.
    func hints() throws(CheckpointError) -> RecognitionHints {
        RecognitionHints(network: try settledNetwork(), dialect: try settledDialect(), map: try settledMap())
    }

    func settledDialect() throws(CheckpointError) -> Dialect? {
        guard let dialect else { return nil }
        return try Dialect.named(dialect, option: "--dialect")
    }

    private func settledMap() throws(CheckpointError) -> ParameterMap? {
        guard let map else { return nil }
        let json = try json(at: map)
        do { return try ParameterMap(json: json) } catch { throw CheckpointError(.malformed, "\(error)").at(file: map) }
    }

    /// The JSON text in the file at `path`, which the user wrote.
    private func json(at path: String) throws(CheckpointError) -> JSONValue {
        let source = try rising { () throws(IOError) in try FileSource(path: path) }
        guard source.count <= limitOptions.maxHeaderBytes else {
            throw CheckpointError(.limit, "\(grouped(source.count)) bytes of JSON are over the limit of \(grouped(limitOptions.maxHeaderBytes)); raise it with --max-header-bytes").at(file: path)
        }
        let bytes = try rising { () throws(IOError) in try source.bytes(at: 0, count: source.count) }
        do { return try JSONReader.read(bytes, allowingNonFinite: true) } catch {
            throw CheckpointError(.malformed, "it is not JSON: \(error)").at(file: path)
        }
    }

    /// A short string, or the path of a JSON file: what has the look of a path, or is a file, is read as one.
    private func settledNetwork() throws(CheckpointError) -> NetworkDescription? {
        guard let network else { return nil }
        if isPath(network) {
            let json = try json(at: network)
            do { return try NetworkDescription(json: json) } catch {
                throw CheckpointError(.malformed, "\(error)").at(file: network)
            }
        }
        return try parsedNetwork(network)
    }

    /// Whether `--network` names a file: it ends as one, or is one.
    func isPath(_ network: String) -> Bool { network.hasSuffix(".json") || FileManager.default.fileExists(atPath: network) }

    func parsedNetwork(_ text: String) throws(CheckpointError) -> NetworkDescription {
        do { return try NetworkDescription(parsing: text) } catch { throw CheckpointError(.mismatch, "--network: \(error)") }
    }

    /// The rules of `--read-as`.
    func readAsRules() throws(CheckpointError) -> [ReadAsRule] {
        var rules: [ReadAsRule] = []
        for text in readAs {
            guard let rule = ReadAsRule(parsing: text) else {
                throw CheckpointError(.mismatch, "--read-as takes GLOB=DTYPE, and \(quoted(text)) is none; the dtypes are \(DType.allCases.map(\.rawValue).joined(separator: " "))")
            }
            rules.append(rule)
        }
        return rules
    }
}

extension Dialect {
    static func named(_ name: String, option: String) throws(CheckpointError) -> Dialect {
        guard let dialect = Dialect(rawValue: name) else {
            throw CheckpointError(.mismatch, "\(option): there is no dialect \(quoted(name)); the dialects are \(Dialect.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return dialect
    }
}
