import Checkpoints
import Foundation
import StrictJSON

/// Where the command speaks: results to stdout, everything else to stderr.
enum Console {
    /// Prints a line of the result. A closed pipe ends the program quietly.
    static func print(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    static func print(_ json: JSONValue) { print(json.text(pretty: true)) }

    /// Prints a line to stderr as it is.
    static func error(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    /// A warning or a note for the person at the terminal.
    static func note(_ text: String) { write("mlpconv: \(text)\n", to: STDERR_FILENO) }

    static func report(_ error: CheckpointError) { note(error.description) }

    static let isTerminal = isatty(STDOUT_FILENO) == 1
    static let errorIsTerminal = isatty(STDERR_FILENO) == 1

    /// Whether stdout takes colour: a terminal, and nobody said NO_COLOR.
    static let hasColour = isTerminal && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
        && ProcessInfo.processInfo.environment["TERM"] != "dumb"

    enum Style: String {
        case bold = "1", dim = "2", red = "31", green = "32", yellow = "33"
    }

    static func styled(_ text: String, _ style: Style) -> String {
        hasColour ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// The width of the terminal, or 100 where there is none.
    static let width: Int = {
        var size = winsize()
        guard isTerminal, unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 100 }
        return Int(size.ws_col)
    }()

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { unsafe Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                // The reader has gone (EPIPE): nobody is left to tell. Anything else is trouble with the output.
                Foundation.exit(errno == EPIPE ? 0 : ExitStatus.trouble.rawValue)
            }
            bytes = bytes.dropFirst(count)
        }
    }
}

/// A progress line on stderr for long work; silent where stderr is no terminal, and for the first half second.
final class Progress: @unchecked Sendable {
    private let label: String
    private let started = Date()
    private var shown = Date.distantPast
    private let enabled: Bool

    init(_ label: String, quiet: Bool) {
        self.label = label
        enabled = !quiet && Console.errorIsTerminal
    }

    func update(_ done: Int, _ total: Int) {
        let now = Date()
        guard enabled, now.timeIntervalSince(started) > 0.5, now.timeIntervalSince(shown) > 0.1, total > 0 else { return }
        shown = now
        let rate = Double(done) / now.timeIntervalSince(started)
        let left = rate > 0 ? Int((Double(total - done) / rate).rounded(.up)) : 0
        write(String(format: "\r%@  %3d %%  %.0f MB/s  %d s left \u{1B}[K", label, done * 100 / total, rate / 1e6, left))
    }

    func finish() {
        if shown != .distantPast { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
