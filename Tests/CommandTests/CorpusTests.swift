import StrictJSON
import TestSupport
import Testing

@Suite("Odd and hostile files through the binary") struct CorpusTests {
    static let cases = ["npy", "npz", "hdf5", "keras", "safetensors"].flatMap { (try? BadInput.cases($0)) ?? [] }

    @Test("the corpus is all here")
    func complete() { #expect(Self.cases.count == 402) }

    @Test("inspect --hash --json gives what the manifest says: tensors with their hashes, or an error that names file and code; never a signal, never long", arguments: cases)
    func corpus(one: BadInput.Case) throws {
        let path = try Fixtures.path("bad-input/\(one.file)")
        // Five seconds of a processor; by the clock more, since tests run side by side.
        let outcome = try Command.mlpconv(["inspect", "--hash", "--json", path], limit: 60, processorSeconds: 5)
        #expect(!outcome.signalled && !outcome.timedOut, "status \(outcome.status) after \(outcome.seconds) s: \(one.why)")
        switch outcome.status {
        case 0:
            if one.isHard, one.expectsError { Issue.record("it is bad (\(one.why)), and is read") }
            // A soft link to a tensor is a second name here.
            guard !one.expectsError, one.file != "hdf5/softlink.h5" else { return }
            #expect(try BadInput.fault(in: found(outcome.json), one) == nil)
            #expect(outcome.errors.isEmpty)
        case 2:
            if one.isHard, !one.expectsError { Issue.record("it is good (\(one.why)), and gives: \(outcome.errors)") }
            let error = try #require(try outcome.json["error"], "\(outcome.output)")
            #expect(error.members?.map(\.key) == errorKeys)
            let code = error["code"]?.string ?? ""
            #expect(["notRecognised", "ambiguous", "malformed", "unsupported", "limit"].contains(code), "\(code): \(outcome.errors)")
            #expect(error["file"]?.string == path && error["message"]?.string?.isEmpty == false)
            // What the file calls its tensors reaches the terminal only in escapes.
            #expect(outcome.errors.hasPrefix("mlpconv: ") && outcome.errors.hasSuffix("\n"))
            #expect(outcome.errors.unicodeScalars.dropLast().allSatisfy { $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) }, "\(outcome.errors.debugDescription)")
        default:
            Issue.record("status \(outcome.status): \(outcome.errors)")
        }
    }

    @Test("names that are paths or escapes are read as names, listed for a terminal without a control byte, and never become files", arguments: [
        "npz/name_dotdot.npz", "npz/name_abs.npz", "npz/name_newline.npz", "npz/name_esc.npz", "safetensors/name_dotdot.safetensors", "safetensors/nul_name.safetensors",
    ])
    func names(file: String) throws {
        let path = try Fixtures.path("bad-input/\(file)")
        let listed = try Command.mlpconv(["inspect", path, "--stats", "--tree"])
        #expect(listed.status == 0)
        #expect(listed.output.unicodeScalars.allSatisfy { $0.value >= 0x20 || $0 == "\n" }, "\(listed.output.debugDescription)")
        // One tensor, one line: a name cannot forge another.
        if file.hasSuffix("newline.npz") { #expect(listed.output.contains("a\\nb")) }
        try withTemporaryFolder { folder in
            let converted = try Command.mlpconv(["convert", path, "out.mlpb", "--verify"], folder: folder)
            #expect(converted.status == 0, "\(converted.errors)")
            #expect(converted.output.unicodeScalars.allSatisfy { $0.value >= 0x20 || $0 == "\n" })
            #expect(try files(in: folder) == ["out.mlpb"])
        }
    }

    private func found(_ report: JSONValue) throws -> [BadInput.Found] {
        try (report["tensors"]?.array ?? []).map { tensor in
            BadInput.Found(name: try #require(tensor["name"]?.string), dtype: try #require(tensor["dtype"]?.string),
                           sizes: tensor["shape"]?.array?.compactMap(\.int) ?? [-1], sha256: try #require(tensor["sha256"]?.string))
        }
    }
}
