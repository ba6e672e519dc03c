import Checkpoints
import Foundation
import MLPB
import Tensors
import Testing
import TestSupport

/// The text in Specs/MLPB.md against the code.
@Suite struct SpecTests {
    private static let text = "Specs/MLPB.md"

    private func read(_ path: String) throws -> String { try String(contentsOfFile: "\(Fixtures.root)/\(path)", encoding: .utf8) }

    /// The file of the worked example.
    private func example() throws -> [UInt8] {
        let kernel = MemoryTensor(try TensorInfo(name: "kernel", dtype: .float32, sizes: [2, 2]), [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40, 0, 0, 0x40, 0x40, 0, 0, 0x80, 0x40])
        let bias = MemoryTensor(try TensorInfo(name: "bias", dtype: .float16, sizes: [2]), [0, 0x38, 0, 0xBC])
        return try written(MemoryCheckpoint([kernel, bias], metadata: Metadata([("note", "hi")])), as: MLPBCodec())
    }

    @Test("MLPB-9 MLPB-29 MLPB-100: the worked hex dump is, byte for byte, the file that the writer makes")
    func dump() throws {
        var bytes: [UInt8] = []
        for line in try read(Self.text).split(separator: "\n") {
            guard line.prefix(8).allSatisfy(\.isHexDigit), line.dropFirst(8).hasPrefix("  "), let offset = Int(line.prefix(8), radix: 16) else { continue }
            let row = line.dropFirst(10).prefix(47).split(separator: " ").compactMap { UInt8($0, radix: 16) }
            #expect(row.count == 16 && offset >= bytes.count, "\(line)")
            bytes += [UInt8](repeating: 0, count: offset - bytes.count) + row
        }
        let expected = try example()
        if bytes != expected { Issue.record("the dump should be\n\(hexdump(expected))") }
    }

    private func hexdump(_ bytes: [UInt8]) -> String {
        stride(from: 0, to: bytes.count, by: 16).compactMap { start -> String? in
            let row = bytes[start..<min(start + 16, bytes.count)]
            guard row.contains(where: { $0 != 0 }) || start + 16 >= bytes.count else { return nil }
            let text = row.map { (0x20..<0x7F).contains($0) ? String(UnicodeScalar($0)) : "." }.joined()
            return String(format: "%08x", start) + "  " + row.map { String(format: "%02x", $0) }.joined(separator: " ") + "  " + text
        }.joined(separator: "\n")
    }

    @Test("every numbered sentence is cited by code or tests, and no citation is of a sentence that is not there")
    func citations() throws {
        let numbers = try read(Self.text).matches(of: /\*\*MLPB-(\d+)\*\*/).compactMap { Int($0.1) }
        #expect(numbers.count > 50 && numbers == Array(Set(numbers)).sorted(), "ascending, each once")
        var cited: Set<Int> = []
        for folder in ["Sources/Codecs/MLPB", "Tests/MLPBTests"] {
            for file in try FileManager.default.contentsOfDirectory(atPath: "\(Fixtures.root)/\(folder)") where file.hasSuffix(".swift") {
                let text = try read("\(folder)/\(file)")
                cited.formUnion(text.matches(of: /MLPB-(\d+)/).compactMap { Int($0.1) })
            }
        }
        #expect(Set(numbers).subtracting(cited).sorted() == [], "cited by nobody")
        #expect(cited.subtracting(numbers).sorted() == [], "not in the text")
    }

    @Test("MLPB-30: the numbers of the dtypes in the text are those in files")
    func dtypes() throws {
        var table: [String: UInt8] = [:]
        for match in try read(Self.text).matches(of: /\| (\d+) \| ([a-z0-9_]+) \| (\d+) (?=\|)/) {
            let name = String(match.2)
            table[name] = UInt8(match.1)
            #expect(DType(rawValue: name)?.byteCount == Int(match.3), "\(name)")
        }
        #expect(table.count == DType.allCases.count)
        for dtype in DType.allCases {
            let file = try written(MemoryCheckpoint([try .sample("a", dtype, [1])]), as: MLPBCodec())
            #expect(file[64 + 44] == table[dtype.rawValue], "\(dtype.rawValue)")
        }
    }
}
