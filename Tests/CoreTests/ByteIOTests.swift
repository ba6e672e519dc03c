import ByteIO
import Foundation
import TestSupport
import Testing

@Suite("Bytes in: sources give all that was asked for, or an error") struct SourceTests {
    static let content = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }

    private func sources(_ body: ([any ByteSource]) throws -> Void) throws {
        try withTemporaryFolder { folder in
            try write(Self.content, to: "\(folder)/a")
            try write([1, 2, 3] + Self.content + [4], to: "\(folder)/b")
            try body([
                MemorySource(Self.content), FileSource(path: "\(folder)/a"), FileSource(path: "\(folder)/b").part(at: 3, count: Self.content.count),
                MemorySource([9] + Self.content + [9]).part(at: 1, count: Self.content.count), SpoolFile.copy(of: MemorySource(Self.content)),
                FileSource(path: "\(folder)/b").part(at: 1, count: Self.content.count + 2).part(at: 2, count: Self.content.count),
            ])
        }
    }

    @Test("any range inside is its bytes, from memory, a file, a part of either and a temporary file")
    func ranges() throws {
        try sources { sources in
            for source in sources {
                #expect(source.count == Self.content.count)
                for range in [0..<0, 0..<1, 0..<100_000, 99_999..<100_000, 100_000..<100_000, 1234..<70_001] {
                    #expect(try source.bytes(at: range.lowerBound, count: range.count) == Array(Self.content[range]))
                }
                let buffer = try ChunkBuffer(count: 64)
                try source.read(at: 500, count: 10, into: buffer, at: 7)
                #expect(buffer.array(0..<18) == [UInt8](repeating: 0, count: 7) + Self.content[500..<510] + [0])
            }
        }
    }

    @Test("a range that leaves the source is an error before anything is allocated, whatever the numbers", arguments: [(0, 100_001), (100_001, 0), (-1, 1), (1, -1), (.max, 1), (1, .max), (.max, .max), (.min, 1), (50_000, 50_001)])
    func outside(offset: Int, count: Int) throws {
        try sources { sources in
            for source in sources {
                #expect(throws: IOError.self) { try source.bytes(at: offset, count: count) }
                #expect(throws: IOError.self) { _ = try source.part(at: offset, count: count) }
            }
        }
    }

    @Test("a part knows the file that it is a range of")
    func backing() throws {
        try withTemporaryFolder { folder in
            try write(Self.content, to: "\(folder)/a")
            let file = try FileSource(path: "\(folder)/a")
            let range = try #require(try file.part(at: 100, count: 500).part(at: 10, count: 20).backing)
            #expect(range.file === file && range.offset == 110 && range.count == 20)
            #expect(MemorySource([1]).backing == nil)
        }
    }

    @Test("what is no regular file is refused at once, a pipe that nobody writes too")
    func irregular() throws {
        try withTemporaryFolder { folder in
            #expect(unsafe mkfifo("\(folder)/fifo", 0o600) == 0)
            for (path, reason) in [(folder, "folder"), ("\(folder)/fifo", "pipe"), ("/dev/null", "device"), ("\(folder)/none", "No such file")] {
                #expect { _ = try FileSource(path: path) } throws: { ($0 as? IOError)?.reason.contains(reason) == true && ($0 as? IOError)?.path == path }
            }
        }
    }

    @Test("a file that becomes shorter while it is read gives an error that says so, not a signal")
    func shrinking() throws {
        try withTemporaryFolder { folder in
            try write(Self.content, to: "\(folder)/a")
            let file = try FileSource(path: "\(folder)/a")
            try #require(unsafe truncate("\(folder)/a", 500) == 0)
            #expect(try file.bytes(at: 0, count: 500).count == 500)
            #expect { try file.bytes(at: 0, count: 501) } throws: { ($0 as? IOError)?.reason.contains("became shorter") == true }
        }
    }

    @Test("a file in place is the same bytes")
    func mapped() throws {
        try withTemporaryFolder { folder in
            try write(Self.content, to: "\(folder)/a")
            try write([], to: "\(folder)/empty")
            let map = try MappedFile(FileSource(path: "\(folder)/a"))
            #expect(map.count == Self.content.count)
            #expect(map.withBytes(50..<70_000) { unsafe $0.withUnsafeBytes { unsafe Array($0) } } == Array(Self.content[50..<70_000]))
            #expect(try MappedFile(FileSource(path: "\(folder)/empty")).withBytes(0..<0) { $0.byteCount } == 0)
        }
    }

    @Test("a temporary file has lost its name when it is open; over the limit it is refused")
    func spool() throws {
        let before = Set(try FileManager.default.contentsOfDirectory(atPath: NSTemporaryDirectory()).filter { $0.hasPrefix("mlpconv-") })
        let file = try SpoolFile.holding { (output) throws(IOError) in try output.append(Self.content) }
        #expect(try file.bytes(at: 0, count: file.count) == Self.content)
        if let path = file.path { #expect(!FileManager.default.fileExists(atPath: path)) }
        #expect(throws: IOError.self) { try SpoolFile.holding { (_) throws(IOError) in throw IOError(operation: "fill", reason: "a fault of this test") } }
        let pipe = Pipe()
        try pipe.fileHandleForWriting.write(contentsOf: Data(Self.content.prefix(5000)))
        try pipe.fileHandleForWriting.close()
        #expect(throws: IOError.self) { try SpoolFile.copy(ofDescriptor: pipe.fileHandleForReading.fileDescriptor, limit: 4999) }
        let whole = Pipe()
        try whole.fileHandleForWriting.write(contentsOf: Data(Self.content.prefix(5000)))
        try whole.fileHandleForWriting.close()
        let copy = try SpoolFile.copy(ofDescriptor: whole.fileHandleForReading.fileDescriptor, limit: 5000)
        #expect(try copy.bytes(at: 0, count: copy.count) == Array(Self.content.prefix(5000)))
        let after = Set(try FileManager.default.contentsOfDirectory(atPath: NSTemporaryDirectory()).filter { $0.hasPrefix("mlpconv-") && !$0.hasPrefix("mlpconv-tests-") })
        #expect(after.subtracting(before).isEmpty)
    }

    @Test("a cursor reads little-endian values in order and never past its end; errors name the file's offset")
    func cursor() throws {
        var cursor = ByteCursor([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xC3, 0xA9, 0xFF], origin: 1000)
        #expect(try cursor.u8() == 1 && cursor.u16() == 0x0302 && cursor.u32() == 0x0706_0504)
        #expect(cursor.offset == 1007 && cursor.remaining == 6)
        #expect { _ = try cursor.u64() } throws: { ($0 as? IOError)?.offset == 1007 }
        #expect(try cursor.take(3) == [8, 9, 10])
        #expect(try cursor.utf8(2) == "é")
        #expect(throws: IOError.self) { try cursor.utf8(1) }
        for count in [-1, 14, Int.max] {
            #expect(throws: IOError.self) { try cursor.take(count) }
            #expect(throws: IOError.self) { try cursor.skip(count) }
            #expect(throws: IOError.self) { try cursor.seek(to: count) }
        }
        try cursor.seek(to: 0)
        #expect(try cursor.integer(Int16.self) == 0x0201)
        var huge = ByteCursor([UInt8](repeating: 0xFF, count: 8))
        #expect(throws: IOError.self) { try huge.size() }
    }
}

@Suite("Bytes out and between") struct OutputTests {
    private func place(_ bytes: [UInt8], at offset: Int, in output: OutputFile) throws(IOError) {
        try unsafe output.place(bytes.span.bytes, at: offset)
    }

    @Test("appended bytes come out in order, small and large, flushed or not, to a file and to a pipe", arguments: [true, false])
    func append(seekable: Bool) throws {
        var wanted: [UInt8] = []
        let bytes = try writtenBytes(seekable: seekable) { output in
            var random = SplitMix64(seed: 4)
            for step in 0..<200 {
                let piece = (0..<Int.random(in: 0...(step % 20 == 0 ? 90_000 : 3000), using: &random)).map { _ in UInt8(truncatingIfNeeded: step) }
                try output.append(piece)
                wanted += piece
                #expect(output.position == wanted.count)
                if step % 7 == 0 { try output.flush() }
                if step % 11 == 0 { wanted += [UInt8](repeating: 0, count: try output.pad(to: 64)) }
            }
        }
        #expect(bytes == wanted)
    }

    @Test("what was appended can be patched where the file seeks, nothing else can")
    func patch() throws {
        let bytes = try writtenBytes { output in
            try output.append([UInt8](repeating: 1, count: 100))
            try output.patch([7, 8], at: 98)
            try output.append([2])
            try output.patch([9], at: 0)
            for (count, offset) in [(1, 101), (2, 100), (1, -1)] { #expect(throws: IOError.self) { try output.patch([UInt8](repeating: 0, count: count), at: offset) } }
        }
        #expect(bytes == [9] + [UInt8](repeating: 1, count: 97) + [7, 8, 2])
        _ = try writtenBytes(seekable: false) { output in
            try output.append([1, 2, 3])
            #expect { try output.patch([0], at: 0) } throws: { ($0 as? IOError)?.reason.contains("pipe") == true }
            #expect(throws: IOError.self) { try place([0], at: 0, in: output) }
        }
    }

    @Test("bytes placed further on leave zeros before them, and overflow is an error")
    func place() throws {
        let bytes = try writtenBytes { output in
            try place([5], at: 10, in: output)
            try place([4], at: 2, in: output)
            #expect(output.position == 11)
            #expect(throws: IOError.self) { try place([1, 2], at: .max, in: output) }
            #expect(throws: IOError.self) { try place([1], at: -1, in: output) }
        }
        #expect(bytes == [0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 5])
    }

    @Test("a buffer is zeros, aligned for SIMD, whatever its size; large ones to huge pages")
    func buffers() throws {
        for count in [0, 1, 63, 64, 4097, 3 << 20] {
            let buffer = try ChunkBuffer(count: count)
            #expect(buffer.count == count && buffer.array().allSatisfy { $0 == 0 })
            let address = unsafe buffer.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
            #expect(address % (count >= 2 << 20 ? 2 << 20 : 64) == 0)
        }
        #expect(throws: IOError.self) { try ChunkBuffer(count: 1 << 62) }
    }

    @Test("stored bytes stand where they were put; equality looks at as many as were asked for")
    func store() throws {
        let a = try ChunkBuffer(count: 8), b = try ChunkBuffer(count: 9)
        a.store([9, 1, 2, 3, 9][1...3], at: 2)
        b.store([1, 2, 3, 7][...], at: 2)
        #expect(a.array() == [0, 0, 1, 2, 3, 0, 0, 0] && a.isEqual(to: b, count: 5) && !a.isEqual(to: b, count: 6) && a.isEqual(to: b, count: 0))
        a.withMutableBytes(6..<8) { span in span.storeBytes(of: 0x0201, as: UInt16.self) }
        #expect(a.array(6..<8) == [1, 2])
        #expect(a.withBytes(2..<4) { $0.byteCount } == 2)
    }

    @Test("borrowed memory is used, not copied, and not freed")
    func borrowed() {
        var memory: [UInt8] = [1, 2, 3, 4]
        unsafe memory.withUnsafeMutableBytes { raw in
            let buffer = unsafe ChunkBuffer(borrowing: raw)
            buffer.store([9][...], at: 1)
            #expect(buffer.count == 4 && buffer.array(0..<2) == [1, 9])
        }
        #expect(memory == [1, 9, 3, 4])
        #expect(unsafe ChunkBuffer(borrowing: UnsafeMutableRawBufferPointer(start: nil, count: 0)).count == 0)
    }

    @Test("an error says what was being done, where and why, once")
    func errors() {
        #expect(IOError(operation: "read 4 bytes", path: "a", offset: 7, reason: "the data ends at 9").description == "cannot read 4 bytes at offset 7: the data ends at 9")
        #expect(IOError(operation: "open", reason: "no").description == "cannot open: no")
    }
}
