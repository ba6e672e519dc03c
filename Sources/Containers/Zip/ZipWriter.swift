public import ByteIO
import Checksums

/// Writes an archive front to back: the same members give the same bytes, whatever the machine or the day.
///
/// The data of a member start at a multiple of the alignment (an extra field of the local header pads: id 0xD935, which Android's tools
/// made for this and readers skip). NPZ-19: dates are 1980-01-01, the system is Unix, sizes go to 64 bits where they have to. A member that is not
/// small goes straight through, and its CRC is patched into its header; on a pipe it follows the data in a descriptor.
public final class ZipWriter {
    public enum Method: Sendable, Hashable {
        case stored
        /// Deflated at a level from 0 to 9. A member that does not get smaller is stored (NPZ-23).
        case deflated(level: Int)
    }

    /// Stored members up to this size are gathered in memory, so that their header is right at once.
    static let storedGatherLimit = 1 << 20
    /// Deflated members up to this size are compressed at once; larger ones as a stream.
    public static let deflatedGatherLimit = 32 << 20

    private let output: OutputFile
    private let base: Int
    private let alignment: Int
    private let deflatedGatherLimit: Int
    private let storedGatherLimit: Int
    private var written: [ZipRecord] = []
    private var names: Set<[UInt8]> = []
    private var open: Open?
    private var gathered: ChunkBuffer?
    private var packed: ChunkBuffer?

    private struct Open {
        var record: ZipRecord
        let method: Method
        let declared: Int
        var taken = 0
        var crc = CRC32()
        let gathers: Bool
        var stream: DeflateStream?
    }

    /// An archive that starts where `output` stands.
    public convenience init(_ output: OutputFile, alignment: Int = 64) {
        self.init(output, alignment: alignment, storedGatherLimit: Self.storedGatherLimit, deflatedGatherLimit: Self.deflatedGatherLimit)
    }

    init(_ output: OutputFile, alignment: Int = 64, storedGatherLimit: Int, deflatedGatherLimit: Int) {
        self.output = output
        base = output.position
        self.alignment = max(alignment, 1)
        self.storedGatherLimit = storedGatherLimit
        self.deflatedGatherLimit = deflatedGatherLimit
    }

    /// Adds a whole member.
    public func add(_ name: String, _ bytes: [UInt8], method: Method = .stored) throws(ZipError) {
        try begin(name, count: bytes.count, method: method)
        try unsafe append(bytes.span.bytes)
        try end()
    }

    /// Starts a member of `count` bytes. Throws when the name is there already, is empty, has a NUL or is longer than a zip can say.
    public func begin(_ name: String, count: Int, method: Method = .stored) throws(ZipError) {
        let bytes = Array(name.utf8)
        guard !bytes.isEmpty, bytes.count <= UInt16.max, !bytes.contains(0) else {
            throw ZipError(.unsupported, "a zip member's name has 1 to 65,535 bytes and no NUL; this one has \(bytes.count)", member: name)
        }
        guard open == nil, count >= 0, names.insert(bytes).inserted else {
            throw ZipError(.unsupported, "a member of this name is in the archive already", member: name)
        }
        var record = ZipRecord(name: bytes, count: count)
        let gathers: Bool
        switch method {
        case .stored: gathers = count <= storedGatherLimit
        case .deflated: gathers = count <= deflatedGatherLimit
        }
        var stream: DeflateStream?
        if gathers {
            _ = try gathered.withRoom(count, for: name)
        } else {
            if case .deflated(let level) = method {
                record.method = .deflated
                stream = try DeflateStream(level: min(max(level, 0), 9)) { [output] (bytes) throws(ZipError) in
                    try rising { () throws(IOError) in try output.append(bytes) }
                }
            }
            record.hasDescriptor = !output.isSeekable
            try writeHeader(&record)
        }
        open = Open(record: record, method: method, declared: count, gathers: gathers, stream: stream)
    }

    /// Appends bytes of the member that was begun.
    public func append(_ bytes: RawSpan) throws(ZipError) {
        guard open != nil else { throw ZipError(.io, "no zip member was begun") }
        let taken = open?.taken ?? 0
        guard bytes.byteCount <= (open?.declared ?? 0) - taken else { throw wrongSize(more: true) }
        open?.crc.update(bytes)
        if open?.gathers == true {
            gathered?.store(bytes, at: taken)
        } else if let stream = open?.stream {
            try stream.append(bytes)
        } else {
            do throws(IOError) { try output.append(bytes) } catch { throw ZipError(error) }
        }
        open?.taken += bytes.byteCount
    }

    /// Ends the member that was begun: its bytes are all there.
    public func end() throws(ZipError) {
        guard var open else { throw ZipError(.io, "no zip member was begun") }
        guard open.taken == open.declared else { throw wrongSize(more: false) }
        open.record.crc = open.crc.value
        if open.gathers {
            try writeGathered(&open)
        } else {
            try open.stream?.finish()
            open.record.compressedCount = output.position - base - open.record.dataOffset
            if open.record.hasDescriptor {
                try emit(open.record.descriptor)
            } else {
                for patch in open.record.patches {
                    try rising { () throws(IOError) in try output.patch(patch.bytes, at: base + patch.offset) }
                }
            }
        }
        written.append(open.record)
        self.open = nil
    }

    private func writeGathered(_ open: inout Open) throws(ZipError) {
        guard let plain = gathered else { return }
        var body = plain, size = open.declared
        if case .deflated(let level) = open.method, open.declared > 0 {
            // Room for one byte less than the plain bytes take: what does not get smaller is stored.
            let room = try packed.withRoom(open.declared - 1)
            if let made = try Deflate.deflate(plain, count: open.declared, level: min(max(level, 0), 9), into: room, room: open.declared - 1) {
                open.record.method = .deflated
                body = room
                size = made
            }
        }
        open.record.compressedCount = size
        try writeHeader(&open.record)
        try body.withBytes(0..<size) { (bytes) throws(ZipError) in
            try rising { () throws(IOError) in try output.append(bytes) }
        }
    }

    private func writeHeader(_ record: inout ZipRecord) throws(ZipError) {
        record.place(at: output.position - base, alignment: alignment)
        try emit(record.localHeader)
    }

    /// Writes the central directory and the end. Throws when the comment is longer than 65,535 bytes or looks like an end record.
    public func finish(comment: [UInt8] = []) throws(ZipError) {
        guard comment.count <= UInt16.max else {
            throw ZipError(.unsupported, "an archive's comment has at most 65,535 bytes; this one has \(comment.count)")
        }
        guard !comment.indices.contains(where: { comment[$0...].starts(with: [0x50, 0x4B, 5, 6]) }) else {
            throw ZipError(.unsupported, "an archive's comment must not hold the signature of an end record")
        }
        let offset = output.position - base
        for record in written { try emit(record.centralHeader) }
        try emit(ZipRecord.end(entries: written.count, offset: offset, count: output.position - base - offset, comment: comment))
    }

    private func emit(_ bytes: [UInt8]) throws(ZipError) {
        do throws(IOError) { try output.append(bytes) } catch { throw ZipError(error) }
    }

    private func wrongSize(more: Bool) -> ZipError {
        ZipError(.io, "the member was begun with \(open?.declared ?? 0) bytes, and \(more ? "more" : "only \(open?.taken ?? 0)") came",
                 member: open.map { String(decoding: $0.record.name, as: UTF8.self) })
    }
}
