import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite("Where the command's words go") struct OutputTests {
    /// Runs a line of shell in which `$M` is the command; its status and what it printed.
    private func shell(_ line: String) throws -> (status: Int32, output: String) {
        try withTemporaryFolder { folder in
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", line]
            process.environment = ["M": "\(Command.products)/mlpconv", "PATH": "/usr/bin:/bin"]
            process.currentDirectoryURL = URL(fileURLWithPath: folder)
            try write([], to: "\(folder)/printed")
            process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(folder)/printed"))
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            return (process.terminationStatus, try String(contentsOfFile: "\(folder)/printed", encoding: .utf8))
        }
    }

    @Test("a reader that goes away is no error and no signal")
    func brokenPipe() throws {
        let file = try Fixtures.path("bad-input/npz/tensors_10000.npz")
        #expect(try shell("{ \"$M\" inspect '\(file)' --json; echo $? > status; } | head -c 10 > /dev/null; cat status").output == "0\n")
    }

    #if os(Linux)
        @Test("an output that is full is trouble, not success", arguments: ["formats", "inspect"])
        func full(command: String) throws {
            let file = command == "inspect" ? "'\(try Fixtures.path("parity/seed-4-8-3/model.npz"))'" : ""
            #expect(try shell("\"$M\" \(command) \(file) > /dev/full; echo $?").output == "2\n")
            #expect(try shell("\"$M\" convert '\(try Fixtures.path("parity/seed-4-8-3/model.npz"))' - --to npz --quiet > /dev/full; echo $?").output == "2\n")
        }
    #endif

    @Test("stdout has the result alone, stderr the errors; --json is one document whatever happens")
    func streams() throws {
        let good = try Fixtures.path("parity/seed-4-8-3/model.npz"), bad = try Fixtures.path("bad-input/npz/object.npz")
        let fine = try Command.mlpconv(["inspect", good])
        #expect(fine.status == 0 && fine.errors.isEmpty && !fine.output.isEmpty)
        let failed = try Command.mlpconv(["inspect", bad])
        #expect(failed.status == 2 && failed.output.isEmpty && failed.errors.hasPrefix("mlpconv: ") && failed.errors.filter { $0 == "\n" }.count == 1)
        for arguments in [["inspect", bad], ["validate", bad], ["diff", good, bad], ["convert", bad, "-", "--to", "npz"]] {
            let outcome = try Command.mlpconv(arguments + ["--json"])
            #expect(outcome.status == 2, "\(arguments)")
            #expect(try outcome.json["error"]?.keys == errorKeys, "\(arguments): \(outcome.output)")
        }
    }
}
