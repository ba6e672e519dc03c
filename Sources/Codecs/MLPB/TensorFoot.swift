import ByteIO
import Checkpoints
import Checksums

/// What stands after a tensor's data, and once more in the index (MLPB-42): the checksums of its blocks.
struct TensorFoot: Equatable {
    struct Block: Equatable {
        /// The bytes it takes in the file.
        var count: Int
        /// Of those bytes.
        var crc: UInt32
    }

    var offset: Int
    var ordinal: Int
    /// The checksum of the head that belongs to this foot (MLPB-43).
    var headCRC: UInt32
    var storedCount: Int
    /// The SHA-256 of the tensor's packed bytes, 32 bytes, where the writer recorded it.
    var sha256: [UInt8]?
    var blocks: [Block]

    static let fixedCount = 40
    static let hashFlag: UInt32 = 1

    /// The bytes of the foot, its checksum included.
    var count: Int { Self.fixedCount + (sha256?.count ?? 0) + 8 * blocks.count + 4 }

    var bytes: [UInt8] {
        var out = Mark.foot
        out.reserveCapacity(count)
        out.append(littleEndian: UInt64(offset))
        out.append(littleEndian: UInt32(truncatingIfNeeded: ordinal))
        out.append(littleEndian: headCRC)
        out.append(littleEndian: UInt64(storedCount))
        out.append(littleEndian: UInt32(truncatingIfNeeded: blocks.count))
        out.append(littleEndian: sha256 == nil ? 0 : Self.hashFlag)
        out += sha256 ?? []
        for block in blocks {
            out.append(littleEndian: UInt32(truncatingIfNeeded: block.count))
            out.append(littleEndian: block.crc)
        }
        out.sealCRC()
        return out
    }

    init(offset: Int, ordinal: Int, headCRC: UInt32, storedCount: Int, sha256: [UInt8]?, blocks: [Block]) {
        self.offset = offset
        self.ordinal = ordinal
        self.headCRC = headCRC
        self.storedCount = storedCount
        self.sha256 = sha256
        self.blocks = blocks
    }

    /// Reads the foot of `head` at the cursor, with its checksum, and checks that the two fit.
    init(_ cursor: inout ByteCursor, of head: TensorHead) throws(CheckpointError) {
        let at = cursor.offset, start = cursor.position
        try cursor.expect(Mark.foot, "tensor foot")
        let fixed = try cursor.parsed("tensor foot") { (cursor) throws(IOError) in
            (offset: try cursor.size(), ordinal: Int(try cursor.u32()), headCRC: try cursor.u32(), stored: try cursor.size(),
             blocks: Int(try cursor.u32()), flags: try cursor.u32())
        }
        guard fixed.flags & ~Self.hashFlag == 0 else { throw CheckpointError(.malformed, "the tensor foot has unknown flags \(fixed.flags)", offset: at + 36) }
        guard fixed.ordinal == head.ordinal else {
            throw CheckpointError(.malformed, "the foot of tensor \(fixed.ordinal) stands where that of \(head.ordinal) belongs", tensor: head.name, offset: at + 16)
        }
        guard fixed.blocks == head.blockCount else {
            throw CheckpointError(.malformed, "\(fixed.blocks) blocks; \(grouped(head.byteCount)) bytes in blocks of \(grouped(head.blockSize)) make \(head.blockCount)", tensor: head.name, offset: at + 32)
        }
        // The table must be there before a list of its size is made.
        guard fixed.blocks <= cursor.remaining / 8 else {
            throw CheckpointError(.malformed, "the tensor foot ends early: \(fixed.blocks) blocks need \(8 * fixed.blocks) bytes, \(cursor.remaining) are left", tensor: head.name, offset: at + 32)
        }
        var sha256: [UInt8]?
        let blocks = try cursor.parsed("tensor foot") { (cursor) throws(IOError) in
            if fixed.flags & Self.hashFlag != 0 { sha256 = Array(try cursor.take(32)) }
            var blocks: [Block] = []
            blocks.reserveCapacity(fixed.blocks)
            for _ in 0..<fixed.blocks { blocks.append(Block(count: Int(try cursor.u32()), crc: try cursor.u32())) }
            return blocks
        }
        self.init(offset: fixed.offset, ordinal: fixed.ordinal, headCRC: fixed.headCRC, storedCount: fixed.stored, sha256: sha256, blocks: blocks)
        try checkSeal(&cursor, from: start, "tensor foot")
        try check(head, at)
    }

    private func check(_ head: TensorHead, _ at: Int) throws(CheckpointError) {
        if let known = head.storedCount, known != storedCount {
            throw CheckpointError(.malformed, "its head says \(grouped(known)) stored bytes, its foot \(grouped(storedCount))", tensor: head.name, offset: at + 24)
        }
        var rest = head.byteCount, total = 0
        for block in blocks {
            let decoded = min(rest, head.blockSize)
            // MLPB-44: a block that does not shrink is kept as it is, so none is longer than what it holds.
            guard block.count > 0, block.count <= decoded, block.count == decoded || head.encoding != Encoding.stored else {
                throw CheckpointError(.malformed, "a block of \(grouped(decoded)) bytes claims \(grouped(block.count)) stored ones", tensor: head.name, offset: at + 40)
            }
            rest -= decoded
            total += block.count
        }
        guard total == storedCount else {
            throw CheckpointError(.malformed, "its blocks have \(grouped(total)) bytes, its foot says \(grouped(storedCount))", tensor: head.name, offset: at + 24)
        }
    }
}

/// A tensor as the file holds it: head, data, foot.
struct TensorRecord: Equatable {
    var head: TensorHead
    var foot: TensorFoot

    /// Where the data begins (MLPB-25).
    var dataOffset: Int { (head.offset + head.count + 63) & ~63 }
    /// The first byte after the foot.
    var end: Int { foot.offset + foot.count }
}
