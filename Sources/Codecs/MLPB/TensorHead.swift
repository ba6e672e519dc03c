import ByteIO
import Checkpoints
import Checksums
import Tensors

/// What stands before a tensor's data, and once more in the index (MLPB-21).
struct TensorHead: Equatable {
    /// Where this head begins in the file.
    var offset: Int
    /// The tensor's place in the file's order, from 0 (MLPB-22).
    var ordinal: Int
    /// The tensor whose data this one shares (MLPB-27); its own ordinal when the data follows.
    var dataOrdinal: Int
    /// The size of its packed bytes (MLPB-23).
    var byteCount: Int
    /// The size of the data that follows; nil when the writer could not know it yet (`unknown`): the foot says (MLPB-24).
    var storedCount: Int?
    /// Decoded bytes a block.
    var blockSize: Int
    var dtypeID: UInt8
    var encoding: UInt8
    var sizes: [Int]
    var name: String

    static let fixedCount = 56
    private static let unknown = UInt64.max

    /// The bytes of the head, its checksum included.
    var count: Int { Self.fixedCount + 8 * sizes.count + name.utf8.count + 4 }
    var sharesData: Bool { dataOrdinal != ordinal }
    /// How many blocks the data is cut into.
    var blockCount: Int { sharesData || byteCount == 0 ? 0 : (byteCount - 1) / blockSize + 1 }

    var bytes: [UInt8] {
        var out = Mark.tensor
        out.reserveCapacity(count)
        out.append(littleEndian: UInt64(offset))
        out.append(littleEndian: UInt32(truncatingIfNeeded: ordinal))
        out.append(littleEndian: UInt32(truncatingIfNeeded: dataOrdinal))
        out.append(littleEndian: UInt64(byteCount))
        out.append(littleEndian: storedCount.map(UInt64.init) ?? Self.unknown)
        out.append(littleEndian: UInt32(truncatingIfNeeded: blockSize))
        out += [dtypeID, encoding, UInt8(truncatingIfNeeded: sizes.count), 0]
        out.append(littleEndian: UInt32(truncatingIfNeeded: name.utf8.count))
        out.append(littleEndian: UInt32(0))
        for size in sizes { out.append(littleEndian: UInt64(size)) }
        out += Array(name.utf8)
        out.sealCRC()
        return out
    }

    init(offset: Int, ordinal: Int, dataOrdinal: Int, byteCount: Int, storedCount: Int?, blockSize: Int, dtypeID: UInt8, encoding: UInt8, sizes: [Int], name: String) {
        self.offset = offset
        self.ordinal = ordinal
        self.dataOrdinal = dataOrdinal
        self.byteCount = byteCount
        self.storedCount = storedCount
        self.blockSize = blockSize
        self.dtypeID = dtypeID
        self.encoding = encoding
        self.sizes = sizes
        self.name = name
    }

    /// Reads a head at the cursor, with its checksum, and checks all that it says by itself.
    init(_ cursor: inout ByteCursor, limits: Limits) throws(CheckpointError) {
        let at = cursor.offset, start = cursor.position
        try cursor.expect(Mark.tensor, "tensor head")
        let fixed = try cursor.parsed("tensor head") { (cursor) throws(IOError) in
            (offset: try cursor.size(), ordinal: Int(try cursor.u32()), dataOrdinal: Int(try cursor.u32()), byteCount: try cursor.size(),
             stored: try cursor.u64(), blockSize: Int(try cursor.u32()), dtype: try cursor.u8(), encoding: try cursor.u8(),
             rank: Int(try cursor.u8()), zero: try cursor.u8(), name: Int(try cursor.u32()), zeros: try cursor.u32())
        }
        guard fixed.zero == 0, fixed.zeros == 0 else { throw CheckpointError(.malformed, "reserved bytes of the tensor head are not zero", offset: at) }
        guard fixed.name <= Layout.maxNameBytes else {
            throw CheckpointError(.malformed, "a name of \(fixed.name) bytes; at most 65,535 are allowed", offset: at + 48)
        }
        guard fixed.name <= limits.nameBytes else {
            throw CheckpointError(.limit, "a name of \(fixed.name) bytes is over the limit of \(limits.nameBytes)", offset: at + 48)
        }
        guard fixed.rank <= limits.rank else {
            throw CheckpointError(.limit, "a tensor with \(fixed.rank) axes is over the limit of \(limits.rank)", offset: at + 46)
        }
        guard Layout.blockSizes.contains(fixed.blockSize), fixed.blockSize.nonzeroBitCount == 1 else {
            throw CheckpointError(.malformed, "a block size of \(fixed.blockSize); it must be a power of two from 256 to 67,108,864", offset: at + 40)
        }
        let (sizes, name) = try cursor.parsed("tensor head") { (cursor) throws(IOError) in
            var sizes: [Int] = []
            for _ in 0..<fixed.rank { sizes.append(try cursor.size()) }
            return (sizes, try cursor.utf8(fixed.name))
        }
        var storedCount: Int?
        if fixed.stored != Self.unknown {
            guard let count = Int(exactly: fixed.stored) else {
                throw CheckpointError(.malformed, "stored data of \(fixed.stored) bytes is beyond 2^63", tensor: name, offset: at + 32)
            }
            storedCount = count
        }
        self.init(offset: fixed.offset, ordinal: fixed.ordinal, dataOrdinal: fixed.dataOrdinal, byteCount: fixed.byteCount, storedCount: storedCount,
                  blockSize: fixed.blockSize, dtypeID: fixed.dtype, encoding: fixed.encoding, sizes: sizes, name: name)
        try checkSeal(&cursor, from: start, "tensor head")
        try check(at)
    }

    private func check(_ at: Int) throws(CheckpointError) {
        if dataOrdinal > ordinal {
            throw CheckpointError(.malformed, "it shares the data of tensor \(dataOrdinal), which comes after it (\(ordinal))", tensor: name, offset: at + 20)
        }
        if sharesData, storedCount != 0 {
            throw CheckpointError(.malformed, "it shares another tensor's data and claims data of its own", tensor: name, offset: at + 32)
        }
        if encoding == Encoding.stored, !sharesData, storedCount != byteCount {
            throw CheckpointError(.malformed, "\(storedCount.map(grouped) ?? "unknown") stored bytes of \(grouped(byteCount)): data that is not encoded has all of them", tensor: name, offset: at + 32)
        }
        guard let dtype = DTypeTable.dtype(dtypeID) else { return }
        let info: TensorInfo
        do throws(TensorError) { info = try TensorInfo(name: name, dtype: dtype, sizes: sizes) } catch {
            throw CheckpointError(.malformed, error.description, tensor: name, offset: at + 56)
        }
        guard info.byteCount == byteCount else {
            throw CheckpointError(.malformed, "shape \(info.shape) of \(dtype.rawValue) has \(grouped(info.byteCount)) bytes, the head says \(grouped(byteCount))", tensor: name, offset: at + 24)
        }
    }
}

/// Reads the CRC-32 at the cursor and compares it with that of the bytes from `start` to here (MLPB-5).
func checkSeal(_ cursor: inout ByteCursor, from start: Int, _ part: String) throws(CheckpointError) {
    let end = cursor.position, at = cursor.offset
    let (covered, stored) = try cursor.parsed(part) { (cursor) throws(IOError) in
        try cursor.seek(to: start)
        let covered = try cursor.take(end - start)
        return (covered, try cursor.u32())
    }
    let found = CRC32.of(Array(covered))
    guard found == stored else {
        throw CheckpointError(.malformed, "the \(part)'s CRC-32 is \(hex(stored)), its bytes have \(hex(found)): it is damaged", offset: at)
    }
}
