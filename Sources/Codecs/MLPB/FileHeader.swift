import ByteIO
import Checkpoints
import Checksums

/// The first 64 bytes of a file (MLPB-10, MLPB-11): the magic, the version and their checksum. They keep their places in every version to come (MLPB-13).
struct FileHeader {
    var major = Layout.major
    var minor = Layout.minor

    var bytes: [UInt8] {
        var out = Layout.magic
        out.append(littleEndian: major)
        out.append(littleEndian: minor)
        out += [UInt8](repeating: 0, count: 46)
        out.sealCRC()
        return out
    }

    /// Reads the header from the first bytes of a file and says what befell a damaged one.
    init(_ head: [UInt8]) throws(CheckpointError) {
        guard head.starts(with: Layout.magic) else { throw Self.magicError(head) }
        guard head.count >= Layout.headerCount else {
            throw CheckpointError(.malformed, "the file ends within its header: \(head.count) bytes of 64; it is truncated, fetch it again", offset: head.count)
        }
        var cursor = ByteCursor(Array(head.prefix(Layout.headerCount)))
        let seal = CRC32.of(Array(head.prefix(Layout.headerCount - 4)))
        let stored: UInt32
        (major, minor, stored) = try cursor.parsed("header") { (cursor) throws(IOError) in
            try cursor.skip(Layout.magic.count)
            let version = (try cursor.u16(), try cursor.u16())
            try cursor.seek(to: Layout.headerCount - 4)
            return (version.0, version.1, try cursor.u32())
        }
        guard seal == stored else {
            throw CheckpointError(.malformed, "the header's CRC-32 is \(hex(stored)), its bytes have \(hex(seal)): it is damaged", offset: 0)
        }
        // MLPB-12: minor versions are all welcome.
        guard major == Layout.major else {
            throw CheckpointError(.unsupported, "it is MLPB \(major).\(minor); this reader knows \(Layout.major).x: a newer mlpconv reads it", offset: 10)
        }
        try cursor.parsed("header") { (cursor) throws(IOError) in try cursor.seek(to: 14) }
        try cursor.zeros(46, "header")
    }

    init() {}

    /// Whether `head` is an MLPB file that only its transport has damaged: the text-mode damages that the magic is made to show.
    static func damage(_ head: [UInt8]) -> String? {
        let name: [UInt8] = [0x4D, 0x4C, 0x50, 0x42]
        let texts: [(bytes: [UInt8], damage: String)] = [
            ([0x09] + name, "its high bits were cleared by a 7-bit channel"),
            ([0xC2, 0x89] + name, "it was recoded from Latin-1 to UTF-8 as if it were text"),
            ([0xEF, 0xBF, 0xBD] + name, "it was recoded to UTF-8 as if it were text"),
            ([0x89] + name + [0x0A, 0x1A], "CR LF was converted to LF as if it were text"),
            ([0x89] + name + [0x0D, 0x1A], "CR LF was converted to CR as if it were text"),
            ([0x89] + name + [0x0D, 0x0A, 0x1A, 0x0D], "LF was converted to CR LF as if it were text"),
            ([0x89] + name + [0x0D, 0x0D, 0x0A], "LF was converted to CR LF as if it were text"),
        ]
        if let text = texts.first(where: { head.starts(with: $0.bytes) }) { return text.damage }
        if head.starts(with: [0x89] + name) {
            return head.count < Layout.magic.count ? "it is truncated" : "its magic is damaged"
        }
        return nil
    }

    private static func magicError(_ head: [UInt8]) -> CheckpointError {
        guard let damage = damage(head) else { return CheckpointError(.notRecognised, "it does not begin with the magic of MLPB", offset: 0) }
        return CheckpointError(.malformed, "it is an MLPB file, but \(damage); fetch it again in binary mode", offset: 0)
    }
}

/// The last 64 bytes of a file (MLPB-60): where the index is. Whoever cuts the file cuts these.
struct Tail {
    var offset: Int
    var indexOffset: Int
    var indexCount: Int
    var indexCRC: UInt32
    var headerCRC: UInt32

    var bytes: [UInt8] {
        var out = Mark.tail
        out.append(littleEndian: UInt64(offset))
        out.append(littleEndian: UInt64(indexOffset))
        out.append(littleEndian: UInt64(indexCount))
        out.append(littleEndian: indexCRC)
        out.append(littleEndian: headerCRC)
        out += [UInt8](repeating: 0, count: 20)
        out.sealCRC()
        return out
    }

    init(offset: Int, indexOffset: Int, indexCount: Int, indexCRC: UInt32, headerCRC: UInt32) {
        self.offset = offset
        self.indexOffset = indexOffset
        self.indexCount = indexCount
        self.indexCRC = indexCRC
        self.headerCRC = headerCRC
    }

    /// Reads the last 64 bytes of a file, which lie at `offset`.
    init(_ bytes: [UInt8], at offset: Int) throws(CheckpointError) {
        var cursor = ByteCursor(bytes, origin: offset)
        guard bytes.starts(with: Mark.tail) else {
            throw CheckpointError(.malformed, "the file does not end in an MLPB tail: it is truncated, or bytes were appended to it; fetch it again, or salvage what is whole", offset: offset)
        }
        let seal = CRC32.of(Array(bytes.prefix(Layout.tailCount - 4)))
        let fields = try cursor.parsed("tail") { (cursor) throws(IOError) in
            try cursor.skip(Mark.tail.count)
            let fields = (try cursor.u64(), try cursor.u64(), try cursor.u64(), try cursor.u32(), try cursor.u32())
            try cursor.seek(to: Layout.tailCount - 4)
            guard try cursor.u32() == seal else { throw IOError(operation: "trust it", offset: offset, reason: "its CRC-32 does not fit its bytes") }
            try cursor.seek(to: 40)
            return fields
        }
        try cursor.zeros(20, "tail")
        // MLPB-61.
        guard fields.0 == UInt64(offset) else {
            throw CheckpointError(.malformed, "the tail was written at offset \(fields.0) and is found at \(offset): bytes before it are missing or were inserted", offset: offset + 8)
        }
        guard let indexOffset = Int(exactly: fields.1), let indexCount = Int(exactly: fields.2),
              indexOffset >= Layout.headerCount, indexOffset % Layout.alignment == 0, indexOffset <= offset,
              indexCount <= offset - indexOffset, try Layout.aligned(indexOffset + indexCount) == offset
        else {
            throw CheckpointError(.malformed, "the tail places the index at \(fields.1) with \(fields.2) bytes; it must lie between the header and the tail at \(offset)", offset: offset + 16)
        }
        self.init(offset: offset, indexOffset: indexOffset, indexCount: indexCount, indexCRC: fields.3, headerCRC: fields.4)
    }
}

/// A checksum as text: eight hex digits.
func hex(_ value: UInt32) -> String {
    let text = String(value, radix: 16)
    return "0x" + String(repeating: "0", count: 8 - text.count) + text
}
