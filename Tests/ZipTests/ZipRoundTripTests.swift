import ByteIO
import TestSupport
import Testing

@testable import Zip

/// Bytes that deflate can make smaller, but not by much, the same in every run.
func sample(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { index in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return index % 3 == 0 ? 7 : UInt8(truncatingIfNeeded: state >> 40) & 0x3F
    }
}

let members: [(name: String, bytes: [UInt8])] = [
    ("empty", []), ("one", [42]), ("päth/λ weight", sample(1000)), ("a", sample(65_537, seed: 2)), ("zeros", [UInt8](repeating: 0, count: 300_000)),
    ("folder/", []), ("e\u{301}", [1]), ("é", [2, 2]),
]

@Suite("Archives that we write, we read") struct ZipRoundTripTests {
    func archive(_ method: ZipWriter.Method, seekable: Bool, storedGather: Int = ZipWriter.storedGatherLimit, deflatedGather: Int = ZipWriter.deflatedGatherLimit,
                 comment: [UInt8] = []) throws -> [UInt8] {
        try writtenBytes(seekable: seekable) { output in
            let writer = ZipWriter(output, storedGatherLimit: storedGather, deflatedGatherLimit: deflatedGather)
            for member in members {
                try writer.begin(member.name, count: member.bytes.count, method: method)
                for start in stride(from: 0, to: member.bytes.count, by: 10_007) {
                    let piece = Array(member.bytes[start..<min(start + 10_007, member.bytes.count)])
                    try unsafe writer.append(piece.span.bytes)
                }
                try writer.end()
            }
            try writer.finish(comment: comment)
        }
    }

    @Test("every method, gathered or streamed, to a file or a pipe, comes back exactly, by both decoders",
          arguments: [ZipWriter.Method.stored, .deflated(level: 0), .deflated(level: 1), .deflated(level: 6), .deflated(level: 9)], [true, false])
    func roundTrip(method: ZipWriter.Method, seekable: Bool) throws {
        for gather in [0, 1 << 30] {
            let bytes = try archive(method, seekable: seekable, storedGather: gather, deflatedGather: gather, comment: Array("a comment".utf8))
            let directory = try ZipDirectory(MemorySource(bytes))
            #expect(directory.entries.map(\.name).map { Array($0.utf8) } == members.map { Array($0.name.utf8) })
            #expect(directory.comment == Array("a comment".utf8))
            for (entry, member) in zip(directory.entries, members) {
                #expect(entry.dataOffset % 64 == 0)
                #expect(entry.count == member.bytes.count)
                #expect(try directory.bytes(of: entry, atMost: 1 << 20) == member.bytes)
                #expect(try directory.prefix(of: entry, count: 100) == Array(member.bytes.prefix(100)))
                for whole in [0, 1 << 30] {
                    let reader = try ZipEntryReader(entry, of: directory.source, wholeLimit: whole)
                    let buffer = try ChunkBuffer(count: 4096)
                    // Forwards, then back, then from the middle.
                    for start in [0, 4000, 8000, 100, 0, entry.count / 2, max(entry.count - 4000, 0)] where start < entry.count {
                        let size = min(4000, entry.count - start)
                        try reader.read(at: start, count: size, into: buffer, at: 96)
                        #expect(buffer.array(96..<96 + size) == Array(member.bytes[start..<start + size]))
                    }
                }
                let buffer = try ChunkBuffer(count: 777)
                try directory.verify(entry, through: buffer)
            }
        }
    }

    @Test("the same members give the same bytes; what does not get smaller is stored")
    func deterministic() throws {
        #expect(try archive(.deflated(level: 6), seekable: true) == archive(.deflated(level: 6), seekable: true))
        // Small members are whole when their header is written: a pipe gets the same bytes.
        #expect(try archive(.stored, seekable: true) == archive(.stored, seekable: false))
        let directory = try ZipDirectory(MemorySource(archive(.deflated(level: 6), seekable: true)))
        #expect(directory.entry(named: "one")?.method == .stored)
        #expect(directory.entry(named: "zeros")?.method == .deflated)
        #expect(directory.entry(named: "é")?.count == 2)
        #expect(directory.entry(named: "e\u{301}")?.count == 1)
        #expect(directory.entry(named: "nobody") == nil)
    }

    @Test("a stored member can be used where it lies")
    func inPlace() throws {
        let bytes = try archive(.stored, seekable: true)
        let directory = try ZipDirectory(MemorySource(bytes))
        let entry = try #require(directory.entry(named: "a"))
        let source = try #require(directory.source(of: entry))
        #expect(try source.bytes(at: 0, count: source.count) == members[3].bytes)
    }

    @Test("the writer refuses what would give a bad archive")
    func refusals() throws {
        _ = try writtenBytes { output in
            let writer = ZipWriter(output)
            try writer.add("a", [1])
            #expect(throws: ZipError.self) { try writer.add("a", [1]) }
            #expect(throws: ZipError.self) { try writer.add("", [1]) }
            #expect(throws: ZipError.self) { try writer.add("a\0b", [1]) }
            #expect(throws: ZipError.self) { try writer.add(String(repeating: "n", count: 65_536), [1]) }
            #expect(throws: ZipError.self) { try writer.finish(comment: [UInt8](repeating: 32, count: 65_536)) }
            #expect(throws: ZipError.self) { try writer.finish(comment: [0x50, 0x4B, 5, 6]) }
            try writer.begin("b", count: 3)
            #expect(throws: ZipError.self) { try writer.end() }
            #expect(throws: ZipError.self) { try unsafe writer.append([1, 2, 3, 4].span.bytes) }
        }
    }

    @Test("65,535 members and more need the zip64 end record, and have it")
    func manyMembers() throws {
        let bytes = try writtenBytes { output in
            let writer = ZipWriter(output, alignment: 1)
            for index in 0..<65_537 { try writer.add("\(index)", [UInt8(truncatingIfNeeded: index)]) }
            try writer.finish()
        }
        let directory = try ZipDirectory(MemorySource(bytes))
        #expect(directory.entries.count == 65_537)
        let last = try #require(directory.entries.last)
        #expect(try directory.bytes(of: last, atMost: 1) == [0])
        #expect(throws: ZipError.self) { try ZipDirectory(MemorySource(bytes), limits: .init(entries: 65_536)) }
        #expect(throws: ZipError.self) { try ZipDirectory(MemorySource(bytes), limits: .init(directoryBytes: 100)) }
    }

    @Test("an empty archive has no members")
    func empty() throws {
        let bytes = try writtenBytes { output in try ZipWriter(output).finish() }
        #expect(try ZipDirectory(MemorySource(bytes)).entries.isEmpty)
    }
}
