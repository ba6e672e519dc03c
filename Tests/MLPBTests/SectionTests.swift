import ByteIO
import Checkpoints
import Checksums
import MLPB
import Tensors
import Testing
import TestSupport

func testCRC(_ bytes: [UInt8]) -> UInt32 { CRC32.of(bytes) }

/// Sections: known ones that are wrong, and ones that are not known.
@Suite struct SectionTests {
    private let kinds = ["NETW", "META", "OPTI", "TIES"]

    private func forgery() throws -> Forgery {
        let a = try MemoryTensor.sample("a", .int16, [40])
        return Forgery(try written(MemoryCheckpoint(
            [a, MemoryTensor(a.info.named("b"), a.bytes), try .sample("c", .int16, [40], seed: 9)], metadata: Metadata([("k", "1"), ("l", "2"), (MetadataKey.network, "{}")]),
            ties: [[0, 1]], optimizer: OptimizerState(kind: "sgd")), as: MLPBCodec()))
    }

    private func expectMalformed(_ part: String, location: SourceLocation = #_sourceLocation, _ edit: (inout Forgery) -> Void) throws {
        var forged = try forgery()
        edit(&forged)
        #expect(sourceLocation: location) { try Content(MLPBCodec().open(forged.build())) } throws: { error in
            guard let error = error as? CheckpointError else { return false }
            let isRight = error.code == .malformed && error.message.contains(part)
            if !isRight { Issue.record("\(error.code): \(error.message)", sourceLocation: location) }
            return isRight
        }
    }

    private func text(_ pairs: [(String, String)]) -> [UInt8] {
        var out: [UInt8] = []
        out.append(littleEndian: UInt32(pairs.count))
        for (key, text) in pairs {
            for part in [key, text] {
                out.append(littleEndian: UInt32(part.utf8.count))
                out += Array(part.utf8)
            }
        }
        return out
    }

    private func numbers(_ numbers: [UInt32]) -> [UInt8] {
        var out: [UInt8] = []
        for number in numbers { out.append(littleEndian: number) }
        return out
    }

    @Test("MLPB-54 MLPB-55: the sections stand in their order, and the network's text is kept as it is")
    func order() throws {
        let forged = try forgery()
        #expect(forged.sections.map { String(decoding: $0.head[16..<20], as: UTF8.self) } == kinds)
        #expect(forged.sections[0].body == Array("{}".utf8))
        #expect(forged.sections.allSatisfy { read($0.head, 20, 4) == 0 })
        #expect(try MLPBCodec().open(forged.build()).index.metadata[MetadataKey.network] == "{}")
    }

    @Test("MLPB-51 MLPB-52 MLPB-53: an unknown section is skipped before or after the tensors, and refused where it is critical")
    func unknown() throws {
        let source = try MemoryTensor.sample("a")
        var codec = MLPBCodec()
        codec.furtherSections = [("XONE", false, [1, 2, 3]), ("LATE", false, [])]
        let plain = MemoryCheckpoint([source])
        let file = try written(plain, as: codec)
        #expect(try Content(MLPBCodec().open(file)) == Content(plain))
        #expect(try Content(MLPBCodec().open(moved(file))) == Content(plain))
        codec.furtherSections = [("LATE", true, [1])]
        let critical = try written(plain, as: codec)
        #expect { try MLPBCodec().open(critical) } throws: { error in
            (error as? CheckpointError)?.code == .unsupported && (error as? CheckpointError)?.message.contains("LATE") == true
        }
        codec.furtherSections = [("TWIN", false, []), ("TWIN", false, [])]
        let twins = try written(plain, as: codec)
        #expect { try MLPBCodec().open(twins) } throws: { ($0 as? CheckpointError)?.message.contains("two sections") == true }
    }

    /// The same file with its sections after the tensors.
    private func moved(_ file: [UInt8]) -> [UInt8] {
        let parts = Forgery(file)
        let first = Int(read(parts.tensors[0].head, 8, 8)), index = Int(read(parts.tail, 16, 8))
        var forged = parts
        // The offsets that each part has when tensors come first.
        let shift = first - 64
        for number in forged.tensors.indices {
            put(read(forged.tensors[number].head, 8, 8) - UInt64(shift), 8, at: 8, in: &forged.tensors[number].head)
            put(read(forged.tensors[number].foot, 8, 8) - UInt64(shift), 8, at: 8, in: &forged.tensors[number].foot)
            forged.tensors[number].foot.replaceSubrange(20..<24, with: numbers([testCRC(forged.tensors[number].head)]))
        }
        for number in forged.sections.indices {
            put(read(forged.sections[number].head, 8, 8) + UInt64(index - first), 8, at: 8, in: &forged.sections[number].head)
        }
        func seal(_ part: [UInt8]) -> [UInt8] { part + numbers([testCRC(part)]) }
        func pad(_ part: [UInt8]) -> [UInt8] { part + [UInt8](repeating: 0, count: (64 - part.count % 64) % 64) }
        var out = seal(forged.header)
        for tensor in forged.tensors { out += pad(seal(tensor.head)) + pad(tensor.data) + pad(seal(tensor.foot)) }
        for section in forged.sections { out += pad(seal(section.head) + section.body) }
        let indexBytes = seal(forged.index + forged.sections.flatMap { seal($0.head) } + forged.tensors.flatMap { seal($0.head) + seal($0.foot) })
        out += pad(indexBytes)
        forged.tail.replaceSubrange(32..<36, with: indexBytes.suffix(4))
        return out + seal(forged.tail)
    }

    @Test("MLPB-56: metadata with keys that are not ascending, twice, cut, or with bytes left over is refused")
    func metadata() throws {
        let bodies: [(String, [UInt8])] = [
            ("ascending", text([("b", "1"), ("a", "2")])), ("ascending", text([("a", "1"), ("a", "2")])), ("are left", Array(text([("a", "1")]).dropLast())),
            ("are left", numbers([.max])), ("are left", numbers([1, .max])), ("are left", []), ("follow the end", text([("a", "1")]) + [0]), ("UTF-8", text([("a", "1")]).dropLast() + [0xC3]),
            ("in its section and in the metadata", text([(MetadataKey.network, "{}")])),
        ]
        for (part, body) in bodies { try expectMalformed(part) { $0.sections[1].body = body } }
    }

    @Test("MLPB-57: an optimizer that is not the JSON it should be is refused")
    func optimizer() throws {
        let bodies = [
            ("not JSON", "{"), ("not JSON", #"{"kind":null,"kind":null}"#), ("must have", "[]"), ("must have", #"{"kind":1,"step":null,"settings":{},"slots":[]}"#),
            ("must have", #"{"kind":null,"step":0.5,"settings":{},"slots":[]}"#), ("is not a text", #"{"kind":null,"step":null,"settings":{"a":1},"slots":[]}"#),
            ("slot must have", #"{"kind":null,"step":null,"settings":{},"slots":[{"tensor":"a"}]}"#), ("nested deeper", String(repeating: "[", count: 100_000)),
        ]
        for (part, body) in bodies { try expectMalformed(part) { $0.sections[2].body = Array(body.utf8) } }
        try expectMalformed("UTF-8") { $0.sections[0].body = [0xFF] }
    }

    @Test("MLPB-28 MLPB-58: ties that are no groups, and data that is shared without a tie, are refused")
    func ties() throws {
        for (part, body) in [
            ("two or more", numbers([1, 1, 0, 0])), ("are left", numbers([1, 1, 0])), ("two or more", numbers([1, 2, 1, 0])), ("two or more", numbers([1, 2, 1, 1])), ("two or more", numbers([1, 2, 1, 3])),
            ("are left", numbers([.max])), ("are left", numbers([1, .max, 0])), ("no tie says so", numbers([1, 2, 1, 2])), ("no tie says so", numbers([0])), ("follow", numbers([1, 2, 0, 1, 9])),
        ] { try expectMalformed(part) { $0.sections[3].body = body } }
        try expectMalformed("no tie says so") { $0.sections.removeLast() }
    }

    @Test("MLPB-27: shared data must be of an earlier tensor with data of its own, of the same dtype and shape")
    func sharing() throws {
        try expectMalformed("comes after it") { put(2, 4, at: 20, in: &$0.tensors[1].head) }
        try expectMalformed("not of its dtype") { $0.tensors[1].head[44] = 10 }
        try expectMalformed("data of its own") { put(80, 8, at: 32, in: &$0.tensors[1].head) }
        try expectMalformed("not of its dtype") { forged in
            // The third shares with the second, which has no data itself.
            let name = forged.tensors[2].head.suffix(1)
            forged.tensors[2] = forged.tensors[1]
            forged.tensors[2].head.replaceSubrange(forged.tensors[2].head.count - 1..<forged.tensors[2].head.count, with: name)
            put(1, 4, at: 20, in: &forged.tensors[2].head)
        }
    }
}
