import ByteIO
import Checkpoints
import Checksums
import Tensors

/// The constants of Specs/MLPB.md.
enum Layout {
    /// MLPB-2: every part, and every tensor's data, begins at a multiple of this.
    static let alignment = 64
    /// MLPB-10: a byte above 127 (a 7-bit channel clears it), the name, CR LF and LF (line-end conversion changes one of them), ^Z (DOS
    /// type stops there), and NUL (C strings end there).
    static let magic: [UInt8] = [0x89, 0x4D, 0x4C, 0x50, 0x42, 0x0D, 0x0A, 0x1A, 0x0A, 0x00]
    static let major: UInt16 = 1
    static let minor: UInt16 = 0
    static let headerCount = 64
    static let tailCount = 64
    /// MLPB-40: the block size of our writer: 1 MiB, a checksum's worth of reading and a thread's worth of work.
    static let blockSize = 1 << 20
    static let blockSizes = 256...(64 << 20)
    static let maxNameBytes = 65_535
    static let maxRank = 255

    /// The first multiple of 64 at or after `offset`; throws when there is none.
    static func aligned(_ offset: Int) throws(CheckpointError) -> Int {
        let (sum, overflow) = offset.addingReportingOverflow(alignment - 1)
        guard !overflow else { throw CheckpointError(.malformed, "an offset is beyond 2^63") }
        return sum & ~(alignment - 1)
    }

    static func sum(_ a: Int, _ b: Int) throws(CheckpointError) -> Int {
        let (sum, overflow) = a.addingReportingOverflow(b)
        guard !overflow else { throw CheckpointError(.malformed, "an offset is beyond 2^63") }
        return sum
    }
}

/// The eight bytes that begin each part (MLPB-3). The first is no UTF-8, so none occurs in a text.
enum Mark {
    static let section = mark("SEC")
    static let tensor = mark("TEN")
    static let foot = mark("CRC")
    static let index = mark("IDX")
    static let tail = mark("END")

    private static func mark(_ letters: String) -> [UInt8] { [0x89] + Array("MLPB".utf8) + Array(letters.utf8) }
}

/// MLPB-30: the numbers of the dtypes. None gets a second meaning (MLPB-102).
enum DTypeTable {
    private static let pairs: [(UInt8, DType)] = [
        (1, .bool), (2, .uint8), (3, .int8), (4, .uint16), (5, .int16), (6, .uint32), (7, .int32), (8, .uint64), (9, .int64),
        (10, .float16), (11, .bfloat16), (12, .float32), (13, .float64), (14, .complex64), (15, .complex128),
        (16, .float8_e4m3fn), (17, .float8_e5m2), (18, .void16),
    ]
    private static let types = Dictionary(uniqueKeysWithValues: pairs)
    private static let ids = Dictionary(uniqueKeysWithValues: pairs.map { ($1, $0) })

    static func dtype(_ id: UInt8) -> DType? { types[id] }
    static func id(_ dtype: DType) -> UInt8? { ids[dtype] }
}

/// How a tensor's blocks are kept (MLPB-41). Only `stored` is defined so far.
enum Encoding {
    static let stored: UInt8 = 0
}

extension ByteCursor {
    /// Throws unless the next bytes are `mark`.
    mutating func expect(_ mark: [UInt8], _ part: String) throws(CheckpointError) {
        let at = offset
        let found = try parsed(part) { (cursor) throws(IOError) in try cursor.take(mark.count) }
        guard found.elementsEqual(mark) else {
            throw CheckpointError(.malformed, "there is no \(part): its mark is missing", offset: at)
        }
    }

    /// Throws unless the next `count` bytes are zero (MLPB-4).
    mutating func zeros(_ count: Int, _ part: String) throws(CheckpointError) {
        let at = offset
        let found = try parsed(part) { (cursor) throws(IOError) in try cursor.take(count) }
        guard found.allSatisfy({ $0 == 0 }) else {
            throw CheckpointError(.malformed, "reserved bytes of the \(part) are not zero", offset: at)
        }
    }

    /// Runs `body` on the cursor; what does not fit is a malformed `part`.
    mutating func parsed<R>(_ part: String, _ body: (inout ByteCursor) throws(IOError) -> R) throws(CheckpointError) -> R {
        do throws(IOError) { return try body(&self) } catch {
            throw CheckpointError(.malformed, "the \(part) is damaged: \(error.description)", offset: error.offset ?? offset)
        }
    }
}

extension Array where Element == UInt8 {
    /// Appends the CRC-32 of what is there (MLPB-5).
    mutating func sealCRC() { append(littleEndian: CRC32.of(self)) }

    /// Appends zeros up to a multiple of 64 (MLPB-4).
    mutating func padToAlignment() { append(contentsOf: [UInt8](repeating: 0, count: (64 - count % 64) % 64)) }
}
