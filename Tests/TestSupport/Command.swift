import Foundation
public import StrictJSON

/// The real binary, run as a user runs it.
public enum Command {
    public struct Outcome: Sendable {
        public let status: Int32
        /// Whether a signal ended it: never an answer to any input.
        public let signalled: Bool
        /// Whether it was ended because it took too long.
        public let timedOut: Bool
        public let seconds: Double
        public let outputBytes: [UInt8]
        public let errors: String

        public var output: String { String(decoding: outputBytes, as: UTF8.self) }

        /// The one JSON document on stdout.
        public var json: JSONValue {
            get throws { try JSONReader.read(output) }
        }
    }

    /// The folder of the built products: that of the running tests.
    public static let products: String = {
        let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL.deletingLastPathComponent()
        return (bundle ?? URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()).path
    }()

    /// Runs `mlpconv` with `arguments`; `input` becomes its standard input. What takes longer than `limit` seconds is ended;
    /// so is, by a signal, what takes more than `processorSeconds` of a processor, which other work on the machine does not lengthen.
    public static func mlpconv(
        _ arguments: [String], input: [UInt8] = [], folder: String? = nil, environment: [String: String] = [:], limit: Double = 120, processorSeconds: Int? = nil
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "\(products)/mlpconv")
        process.arguments = arguments
        if let processorSeconds {
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", "ulimit -t \(processorSeconds) && exec \"$0\" \"$@\"", "\(products)/mlpconv"] + arguments
        }
        if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        // Files, not pipes: neither side can fill up and wait for the other.
        return try withTemporaryFolder { folder in
            let paths = ["in", "out", "err"].map { "\(folder)/\($0)" }
            try write(input, to: paths[0])
            for path in paths.dropFirst() { try write([], to: path) }
            process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: paths[0]))
            process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: paths[1]))
            process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: paths[2]))
            let ended = DispatchSemaphore(value: 0)
            process.terminationHandler = { _ in ended.signal() }
            let start = Date()
            try process.run()
            let timedOut = ended.wait(timeout: .now() + limit) == .timedOut
            if timedOut {
                kill(process.processIdentifier, SIGKILL)
                ended.wait()
            }
            let seconds = Date().timeIntervalSince(start)
            let output = [UInt8](try Data(contentsOf: URL(fileURLWithPath: paths[1])))
            let errors = String(decoding: try Data(contentsOf: URL(fileURLWithPath: paths[2])), as: UTF8.self)
            return Outcome(status: process.terminationStatus, signalled: process.terminationReason == .uncaughtSignal, timedOut: timedOut,
                           seconds: seconds, outputBytes: output, errors: errors)
        }
    }
}
