import ByteIO
import Checkpoints
import MLPB
import Tensors
import Testing
import TestSupport

/// Files whose checksums are all right and whose content is not.
@Suite struct HostileTests {
    private func forgery() throws -> Forgery {
        Forgery(try written(MemoryCheckpoint(
            [try .sample("dense/kernel", .float32, [3, 4], seed: 1), try .sample("dense/bias", .float32, [4], seed: 2), try .sample("c", .uint8, [300], seed: 3)],
            metadata: Metadata([("a", "1"), ("b", "2"), (MetadataKey.network, "{}")]), ties: [[0, 1]], optimizer: OptimizerState(kind: "sgd")), as: MLPBCodec(blockSize: 256)))
    }

    private func open(_ file: [UInt8]) throws -> Content { try Content(MLPBCodec().open(file)) }

    private func expectError(_ part: String, _ file: [UInt8], code: CheckpointError.Code = .malformed, limits: Limits = .default, location: SourceLocation = #_sourceLocation) {
        #expect(sourceLocation: location) { try Content(MLPBCodec().open(file, limits: limits)) } throws: { error in
            guard let error = error as? CheckpointError else { return false }
            let isRight = error.code == code && error.message.contains(part)
            if !isRight { Issue.record("\(error.code): \(error.message)", sourceLocation: location) }
            return isRight
        }
    }

    @Test("a forgery that changes nothing is the file itself")
    func identity() throws {
        let forgery = try forgery()
        #expect(forgery.build() == forgery.build(relocating: false))
        #expect(try open(forgery.build()).tensors.count == 3)
    }

    @Test("every field of every part, set to each boundary value under right checksums: an error, or a tensor listed as unsupported, never other content")
    func boundaries() throws {
        let original = try forgery()
        let content = try open(original.build())
        let parts: [(name: String, path: WritableKeyPath<Forgery, [UInt8]>)] = [
            ("index", \.index), ("tail", \.tail), ("head", \.tensors[0].head), ("foot", \.tensors[0].foot), ("last head", \.tensors[2].head),
            ("last foot", \.tensors[2].foot), ("section head", \.sections[1].head), ("header", \.header),
        ]
        var tried = 0
        for (name, path) in parts {
            for width in [1, 2, 4, 8] {
                for offset in stride(from: 0, through: original[keyPath: path].count - width, by: width) {
                    let old = read(original[keyPath: path], offset, width)
                    for value in [0, 1, 2, old &+ 1, old &- 1, 1 << 31, 1 << 32 - 1, 1 << 63 - 1, 1 << 63, .max] as [UInt64] {
                        let value = width == 8 ? value : value & (1 << (8 * UInt64(width)) - 1)
                        guard value != old else { continue }
                        var forged = original
                        put(value, width, at: offset, in: &forged[keyPath: path])
                        tried += 1
                        guard let found = try? open(forged.build(relocating: false)) else { continue }
                        // What may be said: another minor version, another encoding, a section that is not known.
                        let isMinor = name == "header" && offset + width > 12 && offset < 14
                        let isListed = found.unsupported.count == 1 && found.tensors.count == 2
                        let isSection = name == "section head" && offset + width > 16 && offset < 24 && found.tensors == content.tensors && found.bytes == content.bytes
                        #expect(found == content && isMinor || isListed || isSection, "\(name): \(value) in \(width) bytes at \(offset)")
                    }
                }
            }
        }
        #expect(tried > 5000)
    }

    @Test("MLPB-12: another major version is unsupported by its number; a later minor version is read")
    func versions() throws {
        var forged = try forgery()
        put(2, 2, at: 10, in: &forged.header)
        expectError("MLPB 2.0", forged.build(), code: .unsupported)
        forged = try forgery()
        put(7, 2, at: 12, in: &forged.header)
        #expect(try open(forged.build()) == open(forgery().build()))
    }

    @Test("MLPB-10: damage that text modes do is named, and the file is still recognised")
    func textModes() throws {
        let file = try forgery().build()
        let damaged: [(String, [UInt8])] = [
            ("LF", file.split(separator: 0x0D, omittingEmptySubsequences: false).joined().map { $0 }),
            ("CR LF", file.flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] }),
            ("7-bit", file.map { $0 & 0x7F }),
            ("UTF-8", Array(String(String.UnicodeScalarView(file.map { Unicode.Scalar($0) })).utf8)),
            ("UTF-8", Array(String(decoding: file, as: UTF8.self).utf8)),
            ("truncated", Array(file.prefix(7))),
        ]
        for (name, bytes) in damaged {
            let input = try CheckpointInput(MemorySource(bytes))
            #expect(MLPBCodec().confidence(in: input) == .strong, "\(name)")
            #expect { try MLPBCodec().open(input, limits: .default) } throws: { ($0 as? CheckpointError)?.message.contains(name) == true }
        }
        #expect(MLPBCodec().confidence(in: try CheckpointInput(MemorySource(Array("MLPB".utf8)))) == .none)
    }

    @Test("MLPB-31: a dtype of this version's future is an error in a file of this version, and a listed tensor in a later one")
    func futureDType() throws {
        var forged = try forgery()
        forged.tensors[2].head[44] = 19
        expectError("dtype 19", forged.build())
        put(1, 2, at: 12, in: &forged.header)
        let found = try open(forged.build())
        #expect(found.unsupported.map(\.name) == ["c"] && found.unsupported[0].reason.contains("19"))
        #expect(found.tensors.map(\.name) == ["dense/kernel", "dense/bias"])
    }

    @Test("MLPB-41 MLPB-44 MLPB-47: an unknown encoding lists the tensor; its stored bytes are still verified and may be fewer, never more")
    func futureEncoding() throws {
        var forged = try forgery()
        forged.tensors[2].head[45] = 200
        put(UInt64.max, 8, at: 32, in: &forged.tensors[2].head)
        let data = Array(forged.tensors[2].data[..<100])
        forged.tensors[2].data = data
        put(100, 8, at: 24, in: &forged.tensors[2].foot)
        for (block, range) in [0..<60, 60..<100].enumerated() {
            put(range.count, 4, at: 72 + 8 * block, in: &forged.tensors[2].foot)
            put(UInt64(crc(Array(data[range]))), 4, at: 76 + 8 * block, in: &forged.tensors[2].foot)
        }
        let file = forged.build()
        #expect(try open(file).unsupported.map(\.reason) == ["encoding 200 is not known to this reader (MLPB 1.0)"])
        for place in file.indices where file[place...].starts(with: data) {
            var flipped = file
            flipped[place + 99] ^= 1
            expectError("the data has the CRC-32", flipped)
        }
        put(301, 4, at: 80, in: &forged.tensors[2].foot)
        put(361, 8, at: 24, in: &forged.tensors[2].foot)
        forged.tensors[2].data += [UInt8](repeating: 0, count: 261)
        expectError("claims 301 stored ones", forged.build())
    }

    @Test("MLPB-26: a name twice, one that is not UTF-8, and one that is too long are refused; two normal forms are two names")
    func names() throws {
        var forged = try forgery()
        forged.tensors[1] = forged.tensors[0]
        put(1, 4, at: 20, in: &forged.tensors[1].head)
        expectError("the name stands twice", forged.build())
        forged = try forgery()
        forged.tensors[0].head[60 + 12] = 0xFF
        expectError("not valid UTF-8", forged.build())
        forged = try forgery()
        put(70_000, 4, at: 48, in: &forged.tensors[0].head)
        forged.tensors[0].head += [UInt8](repeating: 0x61, count: 70_000 - 12)
        expectError("at most 65,535", forged.build())
        #expect(try MLPBCodec().open(written(MemoryCheckpoint([try .sample("\u{E9}"), try .sample("e\u{301}"), try .sample("a\u{0}/../b")]), as: MLPBCodec())).index.tensors.count == 3)
    }

    @Test("MLPB-23: products that wrap, with or without a zero axis, are refused")
    func products() throws {
        for sizes in [[1 << 32, 1 << 32], [1 << 62, 4], [0, 1 << 62, 1 << 62], [1 << 61, 1]] as [[UInt64]] {
            var forged = try forgery()
            let name = Array(forged.tensors[0].head.suffix(12))
            forged.tensors[0].head = Array(forged.tensors[0].head.prefix(56))
            forged.tensors[0].head[46] = UInt8(sizes.count)
            for size in sizes { forged.tensors[0].head.append(littleEndian: size) }
            forged.tensors[0].head += name
            put(0, 8, at: 24, in: &forged.tensors[0].head)
            put(0, 8, at: 32, in: &forged.tensors[0].head)
            put(0, 8, at: 24, in: &forged.tensors[0].foot)
            put(0, 4, at: 32, in: &forged.tensors[0].foot)
            forged.tensors[0].foot.removeLast(8)
            forged.tensors[0].data = []
            expectError("2^63", forged.build())
        }
    }

    @Test("MLPB-1 MLPB-4: a gap, an overlap, another order, or something in the padding is refused")
    func places() throws {
        let file = try forgery().build()
        var forged = try forgery()
        forged.tensors.swapAt(0, 1)
        #expect(throws: CheckpointError.self) { try open(forged.build(relocating: false)) }
        forged = try forgery()
        forged.tensors[0].data += [UInt8](repeating: 0, count: 64)
        expectError("foot is said to begin", forged.build())
        forged = try forgery()
        forged.tensors[0].data += [1]
        expectError("padding is not zero", forged.build())
        forged = try forgery()
        forged.sections[1].body += [0]
        expectError("follow the end of the section", forged.build())
        #expect(throws: CheckpointError.self) { try open(Array(file[..<64]) + [UInt8](repeating: 0, count: 64) + Array(file[64...])) }
    }

    @Test("MLPB-63: the tail of another file, or of another generation of this one, is refused")
    func generations() throws {
        let file = try forgery().build()
        var source = try forgery()
        source.tensors[0].data[0] ^= 1
        put(UInt64(crc(source.tensors[0].data)), 4, at: 76, in: &source.tensors[0].foot)
        let other = source.build()
        #expect(file.count == other.count && file != other)
        for cut in stride(from: 64, to: file.count, by: 64) {
            let torn = Array(file[..<cut]) + Array(other[cut...])
            if torn != file, torn != other { #expect(throws: CheckpointError.self, "torn at \(cut)") { try open(torn) } }
        }
    }

    @Test("MLPB-46 MLPB-76: a wrong hash under right checksums is found when the tensors are hashed or the rest is verified")
    func hashes() throws {
        var forged = try forgery()
        forged.tensors[0].foot[40] ^= 1
        let checkpoint = try MLPBCodec().open(forged.build())
        let buffer = try ChunkBuffer(count: 4096)
        #expect(throws: CheckpointError.self) { try ContentHash.sha256(ofTensorAt: 0, in: checkpoint, through: buffer) }
        expectError("contentHash", forged.build())
        forged = try forgery()
        put(0, 4, at: 32, in: &forged.index)
        forged.index.replaceSubrange(40..<72, with: [UInt8](repeating: 0, count: 32))
        expectError("or for none", forged.build())
    }

    @Test("MLPB-74: limits are told apart from faults of the file")
    func limits() throws {
        let file = try forgery().build()
        let edits: [(inout Limits) -> Void] = [
            { $0.headerBytes = 100 }, { $0.tensors = 2 }, { $0.nameBytes = 11 }, { $0.rank = 1 }, { $0.tensorBytes = 299 }, { $0.totalBytes = 300 },
        ]
        for edit in edits {
            var limits = Limits.default
            edit(&limits)
            expectError("limit", file, code: .limit, limits: limits)
        }
    }

    private func crc(_ bytes: [UInt8]) -> UInt32 { testCRC(bytes) }
}
