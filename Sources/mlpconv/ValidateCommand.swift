import Architecture
import ArgumentParser
import Checkpoints
import Conversion
import Dialects
import Parity
import StrictJSON

/// `mlpconv validate`: the proof.
struct Validate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs each file's network forward and backward on one batch, and proves that outputs and gradients agree.",
        discussion: """
            With several files each is compared with the first; with --reference every file is compared with what another framework
            computed. Status 0 when every comparison passes, 1 when one fails or could not have seen a fault (inconclusive).

            Examples:
              mlpconv validate model.keras model.npz
              mlpconv validate model.npz --network 784-128:relu-10:softmax --reference reference.npz
            """)

    @Argument(help: ArgumentHelp("The files.", valueName: "file"))
    var files: [String]

    @Option(help: ArgumentHelp("softmax_ce, softmax_ce_soft, bce or mse; else what the file or the head says.", valueName: "loss"))
    var loss: String?

    @Option(help: ArgumentHelp("mean, batch or sum.", valueName: "reduction"))
    var reduction: String?

    @Option(help: ArgumentHelp("Whose derivative is taken at a kink: torch, jax, tensorflow or keras.", valueName: "framework"))
    var subgradient: String?

    @Option(help: ArgumentHelp("Run on x, and y.index or y.dense, of this file.", valueName: "data.npz"))
    var inputs: String?

    @Option(help: ArgumentHelp("Rows of the seeded batch.", valueName: "n"))
    var batch = 32

    @Option(help: ArgumentHelp("Seed of the batch (Specs/Parity.md).", valueName: "n"))
    var seed: UInt64 = 0

    @Option(help: "float64 or float32.")
    var precision = "float64"

    @Option(help: "inference; training mode is not run by this version.")
    var mode = "inference"

    @Option(help: ArgumentHelp("Compare every file with this reference.", valueName: "ref.npz"))
    var reference: String?

    @Option(help: ArgumentHelp("Write what the first file's network computes as a reference.", valueName: "ref.npz"))
    var saveReference: String?

    @Flag(help: "Replace a saved reference that exists.")
    var force = false

    @Option(help: ArgumentHelp("Pass when scaled differences are at most this, in place of the derived bounds.", valueName: "x"))
    var tolerance: Double?

    @Flag(help: "Show every quantity of every comparison.")
    var all = false

    @OptionGroup var reading: ReadingOptions

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name a file to validate") }
        guard batch >= 1 else { throw ValidationError("--batch takes a number from 1 up, not \(batch)") }
        if let tolerance, !(tolerance >= 0) { throw ValidationError("--tolerance takes a number from 0 up, not \(tolerance)") }
        try choice(loss, Loss.Kind.self, "--loss")
        try choice(reduction, Loss.Reduction.self, "--reduction")
        try choice(subgradient, Subgradient.self, "--subgradient")
        try choice(precision, Precision.self, "--precision")
        try choice(mode, ParityOptions.Mode.self, "--mode")
        if reference != nil, inputs != nil { throw ValidationError("--reference brings its own batch; leave out --inputs") }
    }

    private func choice<C: RawRepresentable<String> & CaseIterable>(_ text: String?, _: C.Type, _ option: String) throws {
        guard let text, C(rawValue: text) == nil else { return }
        throw ValidationError("\(option) takes \(C.allCases.map(\.rawValue).joined(separator: ", ")), not \"\(text)\"")
    }

    func run() throws {
        var status = ExitStatus.yes
        try Session.reporting(json: reading.json, file: files[0]) { () throws(CheckpointError) in
            // Of several files the good ones are still reported, the bad ones as errors among the models, with status 2.
            var models: [ParityModel] = [], faults: [(position: Int, error: CheckpointError)] = []
            for (position, file) in files.enumerated() {
                do throws(CheckpointError) { models.append(try model(file)) } catch { faults.append((position, error.at(file: file))) }
            }
            if models.isEmpty, let first = faults.first { throw first.error }
            for fault in faults { Console.report(fault.error) }
            let reference = try self.reference.map { (path) throws(CheckpointError) in try Reference(Session.data(path, reading), file: path) }
            let inputs = try self.inputs.map { (path) throws(CheckpointError) in try ParityData(Session.data(path, reading), file: path) }
            let parity = NetworkParity(settled)
            let report = try parity.report(models, reference: reference, inputs: inputs)
            if let saveReference { try save(try parity.reference(of: models[0], inputs: reference?.data ?? inputs), to: saveReference) }
            if reading.json {
                Console.print(Self.document(report, faults))
            } else {
                ParityText(report, showsAll: all).lines.forEach { Console.print($0) }
            }
            status = faults.isEmpty ? (report.verdict == .pass ? .yes : .no) : .trouble
        }
        try status.conclude()
    }

    private func model(_ file: String) throws(CheckpointError) -> ParityModel {
        let opened = try Session.open(file, reading)
        if !reading.quiet { opened.recognition.notes.forEach { Console.note("\(printable(file)): \(printable($0))") } }
        return try ParityModel(file: file, format: opened.codec.name, checkpoint: opened.checkpoint, recognition: opened.recognition)
    }

    /// The report, with the files that could not be read as error objects at their places among the models.
    private static func document(_ report: ParityReport, _ faults: [(position: Int, error: CheckpointError)]) -> JSONValue {
        guard !faults.isEmpty, var members = report.json.members, let place = members.firstIndex(where: { $0.key == "models" }),
              var models = members[place].value.array
        else { return report.json }
        for fault in faults { models.insert(fault.error.json, at: min(fault.position, models.count)) }
        members[place].value = .array(models)
        return .object(members)
    }

    private func save(_ reference: ReferenceCheckpoint, to path: String) throws(CheckpointError) {
        guard let npz = Session.registry.codec(named: "npz") as? any WritableCheckpointCodec else { return }
        var options = ConversionOptions()
        options.replaces = force
        do throws(CheckpointError) {
            _ = try Converter(options: options).convert(reference, Recognition(of: reference.index, format: "npz"), to: path, as: npz)
        } catch { throw error.at(file: path, format: npz.name) }
    }

    private var settled: ParityOptions {
        var options = ParityOptions()
        options.loss = loss.flatMap(Loss.Kind.init(rawValue:))
        options.reduction = reduction.flatMap(Loss.Reduction.init(rawValue:))
        options.subgradient = subgradient.flatMap(Subgradient.init(rawValue:))
        options.rows = batch
        options.seed = seed
        options.precision = Precision(rawValue: precision) ?? .float64
        options.mode = ParityOptions.Mode(rawValue: mode) ?? .inference
        options.tolerance = tolerance
        return options
    }
}
