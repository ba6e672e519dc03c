public import ByteIO
import Checksums

/// The decoded bytes of one member.
///
/// Size and CRC-32 are checked by the read that completes a pass from the start to the end (a deflated member that is decoded at once: by
/// the first read). Where `isSeekable` is false, going back decodes again from the start.
public final class ZipEntryReader {
    /// NPZ-17. Deflated members up to this size, both ways, are decoded at once into memory; larger ones as a stream through one buffer.
    public static let wholeLimit = 64 << 20

    public let entry: ZipEntry
    private let source: any ByteSource
    private let form: Form
    private var decoded: ChunkBuffer?
    private var pass = CRC32()
    private var passed = 0

    private enum Form { case stored, whole, stream(InflateStream) }

    /// Throws `unsupported` when the member's method is not one that is read here.
    init(_ entry: ZipEntry, of source: any ByteSource, wholeLimit: Int = ZipEntryReader.wholeLimit) throws(ZipError) {
        if let objection = entry.objection { throw ZipError(.unsupported, objection, member: entry.name, offset: entry.headerOffset) }
        self.entry = entry
        self.source = source
        if entry.method == .stored {
            form = .stored
        } else if entry.count <= wholeLimit, entry.compressedCount <= wholeLimit {
            form = .whole
        } else {
            form = .stream(try InflateStream(entry, of: source))
        }
    }

    /// The member's size, decoded.
    public var count: Int { entry.count }
    public var isSeekable: Bool { if case .stream = form { false } else { true } }

    /// Reads `count` bytes at `offset` into `buffer` at `position`: all of them, or an error.
    public func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(ZipError) {
        guard offset >= 0, count >= 0, offset <= entry.count - count else {
            throw ZipError(.io, "read past the end of the member: \(count) bytes at \(offset) of \(entry.count)", member: entry.name)
        }
        switch form {
        case .stored:
            try rising(entry.name) { () throws(IOError) in try source.read(at: entry.dataOffset + offset, count: count, into: buffer, at: position) }
            try check(offset, count, buffer, position)
        case .whole:
            let bytes: ChunkBuffer
            if let decoded { bytes = decoded } else { bytes = try inflated() }
            decoded = bytes
            bytes.withBytes(offset..<offset + count) { buffer.store($0, at: position) }
        case .stream(let stream):
            try stream.read(at: offset, count: count, into: buffer, at: position)
        }
    }

    /// Takes what was read into the running checksum when it goes on where the pass stands, and compares at the end.
    private func check(_ offset: Int, _ count: Int, _ buffer: ChunkBuffer, _ position: Int) throws(ZipError) {
        if offset == 0 {
            pass = CRC32()
            passed = 0
        }
        guard offset == passed else { return }
        buffer.withBytes(position..<position + count) { pass.update($0) }
        passed += count
        if passed == entry.count { try entry.compare(pass.value) }
    }

    private func inflated() throws(ZipError) -> ChunkBuffer {
        let packed = try rising(entry.name) { () throws(IOError) in
            let packed = try ChunkBuffer(count: entry.compressedCount)
            try source.read(at: entry.dataOffset, count: entry.compressedCount, into: packed, at: 0)
            return packed
        }
        let plain = try rising(entry.name) { () throws(IOError) in try ChunkBuffer(count: entry.count) }
        try Deflate.inflate(packed, count: entry.compressedCount, into: plain, count: entry.count, for: entry)
        try entry.compare(plain.withBytes(0..<entry.count) { CRC32.of($0) })
        return plain
    }
}

extension ZipEntry {
    /// Throws when the CRC-32 of the bytes that were read is not the archive's.
    func compare(_ found: UInt32) throws(ZipError) {
        guard found == crc else {
            func hex(_ value: UInt32) -> String { String(repeating: "0", count: 8 - String(value, radix: 16).count) + String(value, radix: 16) }
            throw ZipError(.malformed, "the CRC-32 of its \(count) bytes is \(hex(found)), the archive says \(hex(crc)): the data are damaged; fetch the file again", member: name, offset: dataOffset)
        }
    }

    func damaged(_ what: String) -> ZipError {
        ZipError(.malformed, "its deflated bytes are damaged: \(what)", member: name, offset: dataOffset)
    }
}
