import ByteIO
import Checkpoints
import Checksums

/// What stands before a section's body, and once more in the index (MLPB-50). 64 bytes.
struct SectionHead: Equatable {
    var offset: Int
    /// Four ASCII letters.
    var kind: String
    /// Whether a reader that does not know the kind must refuse the file.
    var isCritical: Bool
    var bodyCount: Int
    var bodyCRC: UInt32

    static let count = 64
    private static let criticalFlag: UInt32 = 1

    var bodyOffset: Int { offset + Self.count }

    var bytes: [UInt8] {
        var out = Mark.section
        out.append(littleEndian: UInt64(offset))
        out += Array(kind.utf8)
        out.append(littleEndian: isCritical ? Self.criticalFlag : 0)
        out.append(littleEndian: UInt64(bodyCount))
        out.append(littleEndian: bodyCRC)
        out += [UInt8](repeating: 0, count: 24)
        out.sealCRC()
        return out
    }

    init(offset: Int, kind: String, isCritical: Bool, body: [UInt8]) {
        self.offset = offset
        self.kind = kind
        self.isCritical = isCritical
        bodyCount = body.count
        bodyCRC = CRC32.of(body)
    }

    init(_ cursor: inout ByteCursor) throws(CheckpointError) {
        let at = cursor.offset, start = cursor.position
        try cursor.expect(Mark.section, "section head")
        let fixed = try cursor.parsed("section head") { (cursor) throws(IOError) in
            (offset: try cursor.size(), kind: try cursor.take(4), flags: try cursor.u32(), count: try cursor.size(), crc: try cursor.u32())
        }
        guard fixed.kind.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else {
            throw CheckpointError(.malformed, "a section's kind is not four capital letters", offset: at + 16)
        }
        guard fixed.flags & ~Self.criticalFlag == 0 else { throw CheckpointError(.malformed, "a section has unknown flags \(fixed.flags)", offset: at + 20) }
        offset = fixed.offset
        kind = String(decoding: fixed.kind, as: UTF8.self)
        isCritical = fixed.flags & Self.criticalFlag != 0
        bodyCount = fixed.count
        bodyCRC = fixed.crc
        try cursor.zeros(24, "section head")
        try checkSeal(&cursor, from: start, "section head")
    }
}

/// The kinds of section that this version defines, in the order in which they are written (MLPB-54).
enum SectionKind: String, CaseIterable {
    case network = "NETW"
    case metadata = "META"
    case optimizer = "OPTI"
    case ties = "TIES"
}
