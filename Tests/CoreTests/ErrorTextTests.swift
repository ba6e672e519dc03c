import ByteIO
import Checkpoints
import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite("Errors: one code, one line, the place") struct ErrorTextTests {
    @Test("ERR-1: Specs/Errors.md names every code that there is, and no other")
    func codes() throws {
        let text = try String(contentsOfFile: "\(Fixtures.root)/Specs/Errors.md", encoding: .utf8)
        let rows = text.split(separator: "\n").compactMap { line -> String? in
            guard line.hasPrefix("| `") else { return nil }
            return String(line.dropFirst(3).prefix { $0 != "`" })
        }
        #expect(rows == CheckpointError.Code.allCases.map(\.rawValue))
    }

    @Test("ERR-5: what a lower floor said of the place stays, what it did not know is filled in")
    func place() {
        let error = CheckpointError(.malformed, "m", tensor: "w", offset: 7).at(file: "a", format: "npz", tensor: "other", offset: 9).at(file: "b")
        #expect(error.place.file == "a" && error.place.format == "npz" && error.place.tensor == "w" && error.place.offset == 7)
        #expect(error.description == "a: tensor \"w\": m (offset 7)")
        #expect(CheckpointError(.malformed, "m at offset 3", offset: 3).description == "m at offset 3")
    }

    @Test("ERR-6: a name from a file stays on its line and in its quotes, whatever it is", arguments: ["a\nb", "\u{1B}[31mred", "\u{7F}", "\u{9B}2J", "\u{2028}", "\u{202E}txt.exe", "\u{2066}x", "\r", "\0"])
    func names(name: String) {
        for text in [CheckpointError(.malformed, "m", tensor: name).at(file: name).description, CheckpointError(.malformed, "\(quoted(name)) is odd").description, printable(name)] {
            #expect(text.unicodeScalars.allSatisfy { !(0..<0x20).contains($0.value) && !(0x7F..<0xA0).contains($0.value) && !(0x2028..<0x202F).contains($0.value) && !(0x2066..<0x206A).contains($0.value) }, "\(text.debugDescription)")
        }
    }

    @Test("ERR-6: a name of ordinary letters is printed as it is", arguments: ["dense/kernel:0", "é", "e\u{301}", "重み", "\u{1F600}", "a b\\c"])
    func ordinary(name: String) { #expect(Array(printable(name).utf8) == Array(name.utf8)) }

    @Test("ERR-4: the document has every key, null where nothing is known, and the name as it is")
    func document() {
        let json = CheckpointError(.limit, "m", tensor: "a\u{1B}").json
        #expect(json.text() == #"{"error":{"code":"limit","message":"m","file":null,"format":null,"tensor":"a\u001b","offset":null}}"#)
    }

    @Test("ERR-7: the system's errors keep their words; a file in the way is exists, a limit of ours is limit")
    func system() {
        #expect(CheckpointError(IOError(operation: "write", path: "a", code: EEXIST, reason: "the file exists")).code == .exists)
        #expect(CheckpointError(IOError(operation: "keep", code: IOError.overLimit, reason: "r")).code == .limit)
        let error = CheckpointError(IOError(operation: "read 4 bytes", path: "a", offset: 9, code: EIO, reason: "Input/output error"))
        #expect(error.code == .io && error.place.file == "a" && error.place.offset == 9 && error.message == "cannot read 4 bytes at offset 9: Input/output error")
    }
}
