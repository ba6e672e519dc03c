import ByteIO
import Checksums
import Foundation
import TestSupport
import Testing

@testable import Zip

@Suite("Archives beyond 4 GiB") struct LargeArchiveTests {
    /// A sparse file: a member of `size` zeros, then a small one, with the records that the writer would write.
    private func sparse(_ path: String, size: Int, crc: UInt32, descriptor: Bool) throws {
        let file = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Fixtures.Missing(path: path) }
        defer { close(file) }
        func put(_ bytes: [UInt8], at offset: Int) { unsafe bytes.withUnsafeBytes { #expect(unsafe pwrite(file, $0.baseAddress, bytes.count, off_t(offset)) == bytes.count) } }
        var big = ZipRecord(name: Array("big".utf8), count: size)
        big.hasDescriptor = descriptor
        big.place(at: 0, alignment: 64)
        put(big.localHeader, at: 0)
        big.crc = crc
        var end = big.dataOffset + size
        if descriptor {
            put(big.descriptor, at: end)
            end += big.descriptor.count
        } else {
            for patch in big.patches { put(patch.bytes, at: patch.offset) }
        }
        var small = ZipRecord(name: Array("small".utf8), count: 3)
        small.crc = CRC32.of([7, 8, 9])
        small.place(at: end, alignment: 64)
        put(small.localHeader + [7, 8, 9], at: end)
        let directory = small.dataOffset + 3
        let records = big.centralHeader + small.centralHeader
        put(records + ZipRecord.end(entries: 2, offset: directory, count: records.count, comment: [65]), at: directory)
    }

    @Test("sizes and offsets of 64 bits are read and written, with and without a descriptor", arguments: [false, true])
    func zip64(descriptor: Bool) throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/large.zip", size = 4 << 30 + 12_345
            let crc: UInt32 = 0x1E83137D  // of as many zeros, by zlib
            try sparse(path, size: size, crc: crc, descriptor: descriptor)
            let directory = try ZipDirectory(FileSource(path: path))
            let big = try #require(directory.entry(named: "big")), small = try #require(directory.entry(named: "small"))
            #expect(big.count == size && big.compressedCount == size && big.crc == crc && big.dataOffset % 64 == 0)
            #expect(small.headerOffset > 4 << 30 && small.dataOffset % 64 == 0)
            #expect(try directory.bytes(of: small, atMost: 3) == [7, 8, 9])
            #expect(throws: ZipError.self) { try directory.bytes(of: big, atMost: 1 << 30) }
            // The far end is reached in place; a full pass would fill the page cache with 4 GiB of nothing.
            let reader = try directory.reader(of: big)
            let buffer = try ChunkBuffer(count: 64)
            try reader.read(at: size - 10, count: 10, into: buffer, at: 0)
            #expect(buffer.array(0..<10) == [UInt8](repeating: 0, count: 10))
        }
    }

    @Test("a member that may need 64 bits gets them before its bytes come")
    func decidedUpFront() {
        #expect(!ZipRecord(name: [65], count: 4 << 30 - 1 << 24).isLong)
        #expect(ZipRecord(name: [65], count: 4 << 30 - 1 << 20).isLong)
        #expect(ZipRecord(name: [65], count: 4 << 30).isLong)
    }
}
