import ByteIO
import Checkpoints
import Checksums
import Tensors

/// The index (MLPB-70): every section's head and every tensor's head and foot once more, byte for byte (MLPB-71), in the file's order.
struct FileIndex {
    var offset: Int
    var sections: [SectionHead]
    var tensors: [TensorRecord]
    /// The file's contentHash, 32 bytes, where the writer recorded it.
    var contentHash: [UInt8]?

    static let fixedCount = 72
    private static let hashFlag: UInt32 = 1

    var bytes: [UInt8] {
        let count = Self.fixedCount + SectionHead.count * sections.count + tensors.reduce(0) { $0 + $1.head.count + $1.foot.count } + 4
        var out = Mark.index
        out.reserveCapacity(count)
        out.append(littleEndian: UInt64(offset))
        out.append(littleEndian: UInt64(count))
        out.append(littleEndian: UInt32(truncatingIfNeeded: tensors.count))
        out.append(littleEndian: UInt32(truncatingIfNeeded: sections.count))
        out.append(littleEndian: contentHash == nil ? 0 : Self.hashFlag)
        out.append(littleEndian: UInt32(0))
        out += contentHash ?? [UInt8](repeating: 0, count: 32)
        for section in sections { out += section.bytes }
        for tensor in tensors {
            out += tensor.head.bytes
            out += tensor.foot.bytes
        }
        out.sealCRC()
        return out
    }

    init(offset: Int, sections: [SectionHead], tensors: [TensorRecord], contentHash: [UInt8]?) {
        self.offset = offset
        self.sections = sections
        self.tensors = tensors
        self.contentHash = contentHash
    }

    /// Reads the index that lies at `offset`, checks every checksum in it, and that its parts cover the file from the header to itself
    /// without a gap or an overlap.
    init(_ bytes: [UInt8], at offset: Int, limits: Limits) throws(CheckpointError) {
        var cursor = ByteCursor(bytes, origin: offset)
        try cursor.expect(Mark.index, "index")
        let fixed = try cursor.parsed("index") { (cursor) throws(IOError) in
            (offset: try cursor.size(), count: try cursor.size(), tensors: Int(try cursor.u32()), sections: Int(try cursor.u32()),
             flags: try cursor.u32(), zero: try cursor.u32(), hash: Array(try cursor.take(32)))
        }
        guard fixed.offset == offset, fixed.count == bytes.count else {
            throw CheckpointError(.malformed, "the index says it is \(fixed.count) bytes at offset \(fixed.offset); it is \(bytes.count) bytes at \(offset)", offset: offset + 8)
        }
        guard fixed.flags & ~Self.hashFlag == 0, fixed.zero == 0, fixed.flags == Self.hashFlag || fixed.hash.allSatisfy({ $0 == 0 }) else {
            throw CheckpointError(.malformed, "reserved bytes of the index are not zero", offset: offset + 32)
        }
        guard fixed.tensors <= limits.tensors else {
            throw CheckpointError(.limit, "\(grouped(fixed.tensors)) tensors are over the limit of \(grouped(limits.tensors))", offset: offset + 24)
        }
        // MLPB-73: before any memory is reserved for them.
        let least = fixed.sections * SectionHead.count + fixed.tensors * (TensorHead.fixedCount + TensorFoot.fixedCount + 8) + 4
        guard least <= cursor.remaining else {
            throw CheckpointError(.malformed, "\(fixed.tensors) tensors and \(fixed.sections) sections do not fit an index of \(bytes.count) bytes", offset: offset + 24)
        }
        self.offset = offset
        contentHash = fixed.flags == Self.hashFlag ? fixed.hash : nil
        sections = []
        tensors = []
        tensors.reserveCapacity(fixed.tensors)
        for _ in 0..<fixed.sections { sections.append(try SectionHead(&cursor)) }
        for ordinal in 0..<fixed.tensors { try readTensor(&cursor, ordinal, limits) }
        try checkSeal(&cursor, from: 0, "index")
        guard cursor.isAtEnd else { throw CheckpointError(.malformed, "\(cursor.remaining) bytes follow the last tensor in the index", offset: cursor.offset) }
        try checkNames()
        try checkOrder()
    }

    private mutating func readTensor(_ cursor: inout ByteCursor, _ ordinal: Int, _ limits: Limits) throws(CheckpointError) {
        let at = cursor.offset
        let head = try TensorHead(&cursor, limits: limits)
        let headCRC = try cursor.parsed("tensor head") { (cursor) throws(IOError) in
            try cursor.seek(to: cursor.position - 4)
            return try cursor.u32()
        }
        let foot = try TensorFoot(&cursor, of: head)
        guard head.ordinal == ordinal else {
            throw CheckpointError(.malformed, "tensor \(head.ordinal) stands in place \(ordinal) of the index", tensor: head.name, offset: at + 16)
        }
        guard foot.headCRC == headCRC else {
            throw CheckpointError(.malformed, "its foot belongs to another head", tensor: head.name, offset: at)
        }
        guard (foot.sha256 == nil) == (contentHash == nil) else {
            throw CheckpointError(.malformed, "hashes are recorded for all tensors and the file, or for none", tensor: head.name, offset: at)
        }
        if head.sharesData {
            let owner = tensors[head.dataOrdinal]
            guard !owner.head.sharesData, owner.head.dtypeID == head.dtypeID, owner.head.sizes == head.sizes, owner.head.encoding == head.encoding,
                  owner.head.byteCount == head.byteCount, owner.head.blockSize == head.blockSize, owner.foot.sha256 == foot.sha256
            else {
                throw CheckpointError(.malformed, "it shares the data of tensor \(quoted(owner.head.name)), which is not of its dtype, shape and encoding", tensor: head.name, offset: at + 20)
            }
        }
        tensors.append(TensorRecord(head: head, foot: foot))
    }

    /// MLPB-26, MLPB-51: a name stands once, compared byte for byte, and so does a kind of section.
    private func checkNames() throws(CheckpointError) {
        var seen = Set<ExactText>(minimumCapacity: tensors.count)
        for tensor in tensors where !seen.insert(ExactText(tensor.head.name)).inserted {
            throw CheckpointError(.malformed, "the name stands twice", tensor: tensor.head.name, offset: tensor.head.offset)
        }
        var kinds = Set<String>()
        for section in sections where !kinds.insert(section.kind).inserted {
            throw CheckpointError(.malformed, "there are two sections \(section.kind)", offset: section.offset)
        }
    }

    /// MLPB-1: header, sections, tensors, further sections, index: each at the first multiple of 64 after the one before.
    private func checkOrder() throws(CheckpointError) {
        var next = Layout.headerCount
        var section = 0
        func place(_ found: Int, _ what: String, tensor: String? = nil) throws(CheckpointError) {
            guard found == next else {
                throw CheckpointError(.malformed, "the \(what) is said to begin at \(found); the part before it ends so that it must begin at \(next)", tensor: tensor, offset: found)
            }
        }
        // Whatever reaches beyond the index cannot be right, and further sums could overflow.
        func stay(_ what: String, tensor: String? = nil) throws(CheckpointError) {
            guard next <= offset else { throw CheckpointError(.malformed, "the \(what) reaches to \(next), beyond the index at \(offset)", tensor: tensor, offset: offset) }
        }
        func takeSection() throws(CheckpointError) {
            try place(sections[section].offset, "section \(sections[section].kind)")
            next = try Layout.aligned(Layout.sum(next + SectionHead.count, sections[section].bodyCount))
            try stay("section \(sections[section].kind)")
            section += 1
        }
        while section < sections.count, sections[section].offset == next { try takeSection() }
        for tensor in tensors {
            try place(tensor.head.offset, "tensor", tensor: tensor.head.name)
            next = try Layout.aligned(Layout.sum(tensor.dataOffset, tensor.foot.storedCount))
            try stay("data", tensor: tensor.head.name)
            try place(tensor.foot.offset, "foot", tensor: tensor.head.name)
            next = try Layout.aligned(tensor.end)
            try stay("foot", tensor: tensor.head.name)
        }
        while section < sections.count { try takeSection() }
        guard next == offset else { throw CheckpointError(.malformed, "the parts end at \(next), the index begins at \(offset)", offset: offset) }
    }
}
