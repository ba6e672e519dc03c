import StrictJSON
import TestSupport
import Testing

@Suite("A wrong command line is told apart from a wrong file")
struct UsageTests {
    @Test("a command line that makes no sense ends with 64 and says what to do, on stderr", arguments: [
        ["inspect"], ["inspect", "--no-such-option"], ["no-such-command"], ["convert", "only-one"], ["inspect", "x", "--max-bytes", "0"],
        ["inspect", "x", "--slice", "0:1"], ["convert", "a", "b", "--level", "10"], ["convert", "a", "b", "--drop", "everything"],
    ])
    func usage(arguments: [String]) throws {
        let outcome = try Command.mlpconv(arguments)
        #expect(outcome.status == 64 && !outcome.signalled)
        #expect(outcome.output.isEmpty && outcome.errors.contains("--help"))
    }

    @Test("a file that is not there is trouble, status 2, named on stderr and in the JSON error", arguments: ["inspect", "validate"])
    func missing(command: String) throws {
        let outcome = try Command.mlpconv([command, "no-such-file.npz", "--json"])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("no-such-file.npz"))
        let error = try #require(try outcome.json["error"])
        #expect(error["code"]?.string == "io" && error["file"]?.string == "no-such-file.npz")
    }

    @Test("a folder, an empty file and a text file are refused in words", arguments: [("folder", "io"), ("empty", "notRecognised"), ("text", "notRecognised")])
    func notCheckpoints(kind: String, code: String) throws {
        try withTemporaryFolder { folder in
            let path = kind == "folder" ? folder : "\(folder)/\(kind)"
            if kind != "folder" { try write(kind == "text" ? Array("just a text\n".utf8) : [], to: path) }
            let outcome = try Command.mlpconv(["inspect", path, "--json"])
            #expect(outcome.status == 2 && !outcome.signalled)
            #expect(try outcome.json["error"]?["code"]?.string == code)
        }
    }

    @Test("--version and --help answer on stdout with 0", arguments: [["--version"], ["--help"], ["inspect", "--help"], ["convert", "--help"], ["validate", "--help"]])
    func help(arguments: [String]) throws {
        let outcome = try Command.mlpconv(arguments)
        #expect(outcome.status == 0 && !outcome.output.isEmpty && outcome.errors.isEmpty)
    }
}
