import ArgumentParser
import Checkpoints
import Foundation

/// The command. Arguments become settled options, options go to the library, its answer becomes text or JSON and an exit status.
@main
struct MLPConv: ParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "mlpconv",
        abstract: "Converts, inspects, compares and proves checkpoints of neural networks, across frameworks.",
        discussion: """
            Examples:
              mlpconv inspect model.keras
              mlpconv convert model.keras model.npz --verify
              mlpconv validate model.keras model.npz --reference reference.npz
              mlpconv diff old.h5 new.safetensors

            Exit status: 0 yes or done · 1 the answer is no · 2 trouble with a file · 64 the command line is wrong.
            """,
        version: version,
        subcommands: [Convert.self, Inspect.self, Diff.self, Validate.self, Formats.self])

    static func main() {
        // A reader that goes away (`mlpconv inspect big.npz | head`) is an error of write(2), handled quietly, not a signal.
        signal(SIGPIPE, SIG_IGN)
        suggestCommand()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error as CheckpointError {
            Console.report(error)
            Foundation.exit(ExitStatus.trouble.rawValue)
        } catch {
            exit(withError: error)
        }
    }

    /// A command that does not exist ends with status 64, and with the nearest that does.
    private static func suggestCommand() {
        guard let word = CommandLine.arguments.dropFirst().first, !word.hasPrefix("-"), word != "help" else { return }
        let names = configuration.subcommands.map { String(describing: $0).lowercased() }
        guard !names.contains(word) else { return }
        let near = nearest(to: word, among: names).map { "; did you mean \($0)?" } ?? ""
        Console.note("there is no command \(quoted(word))\(near)\n  The commands are \(names.joined(separator: ", ")). See 'mlpconv --help'.")
        Foundation.exit(64)
    }
}

/// CLI.md, "Exit status".
enum ExitStatus: Int32 {
    case yes = 0, no = 1, trouble = 2

    /// Ends the run with this status, when it is not a plain success.
    func conclude() throws {
        if self != .yes { throw ExitCode(rawValue) }
    }
}
