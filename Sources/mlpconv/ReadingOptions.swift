import ArgumentParser
import Checkpoints

/// What every reading command takes (CLI.md, "Commands").
struct ReadingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Read the input as this format, whatever its content looks like.", valueName: "format"))
    var from: String?

    @Option(help: ArgumentHelp("Read tensor names and axes as this framework's.", valueName: "dialect"))
    var dialect: String?

    @Option(help: ArgumentHelp("The network: 784-128:relu-10:softmax, or a JSON file with input, layers and loss. It wins over what the file says.", valueName: "network"))
    var network: String?

    @Option(help: ArgumentHelp("A JSON file that says which tensor is which parameter: {\"L0.kernel\": {\"tensor\": \"fc1.weight\", \"transposed\": true}}.", valueName: "file"))
    var map: String?

    @Option(name: .customLong("read-as"), help: ArgumentHelp("Read the tensors whose names match as this dtype of the same size: '*=bfloat16'.", valueName: "glob=dtype"))
    var readAs: [String] = []

    @Flag(help: "Print one JSON document.")
    var json = false

    @Flag(help: "No progress, notes or warnings.")
    var quiet = false

    @OptionGroup(title: "Limits")
    var limitOptions: LimitOptions

    func validate() throws {
        if let from, Session.registry.codec(named: from) == nil { throw ValidationError("\(Session.registry.unknown(from))") }
        if let fault = fault() { throw ValidationError(fault.description) }
    }
}

extension ReadingOptions {
    /// What is wrong with the options, before any file is opened.
    private func fault() -> CheckpointError? {
        do throws(CheckpointError) {
            _ = try readAsRules()
            _ = try settledDialect()
            if let network, !isPath(network) { _ = try parsedNetwork(network) }
            return nil
        } catch { return error }
    }
}

/// The limits of `Limits`, each with its default.
struct LimitOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Bytes of all tensors of a file.", valueName: "bytes"))
    var maxBytes = Limits.default.totalBytes
    @Option(help: ArgumentHelp("Bytes of one tensor.", valueName: "bytes"))
    var maxTensorBytes = Limits.default.tensorBytes
    @Option(help: ArgumentHelp("Bytes of a header or an index.", valueName: "bytes"))
    var maxHeaderBytes = Limits.default.headerBytes
    @Option(help: ArgumentHelp("Tensors of a file.", valueName: "count"))
    var maxTensors = Limits.default.tensors
    @Option(help: ArgumentHelp("Bytes of a name.", valueName: "bytes"))
    var maxNameBytes = Limits.default.nameBytes
    @Option(help: ArgumentHelp("Nesting of groups, lists and JSON.", valueName: "levels"))
    var maxDepth = Limits.default.depth

    func validate() throws {
        for (name, value) in [("bytes", maxBytes), ("tensor-bytes", maxTensorBytes), ("header-bytes", maxHeaderBytes), ("tensors", maxTensors),
                              ("name-bytes", maxNameBytes), ("depth", maxDepth)] where value < 1 {
            throw ValidationError("--max-\(name) takes a number from 1 up, not \(value)")
        }
    }

    var limits: Limits {
        var limits = Limits()
        limits.totalBytes = maxBytes
        limits.tensorBytes = maxTensorBytes
        limits.headerBytes = maxHeaderBytes
        limits.tensors = maxTensors
        limits.nameBytes = maxNameBytes
        limits.depth = min(maxDepth, 1024)
        return limits
    }
}
