public import ByteIO

/// A zip archive's members, proven before any is read: every record lies in the file, the central directory and the local headers say the
/// same, no two members share a byte or a name.
///
/// What is strict, and why: what two readers of one archive could take for two different contents is refused (a count that does not
/// fit, names that differ, bytes after the end, two end records). Gaps between members are allowed: tools align and delete
/// (Specs/NPZ.md, NPZ-2).
public struct ZipDirectory: Sendable {
    /// What one archive may ask for.
    public struct Limits: Sendable {
        public var entries: Int
        /// Bytes of the central directory.
        public var directoryBytes: Int
        /// Bytes of a member's name.
        public var nameBytes: Int
        public init(entries: Int = 1_000_000, directoryBytes: Int = 100_000_000, nameBytes: Int = 4096) {
            self.entries = entries
            self.directoryBytes = directoryBytes
            self.nameBytes = nameBytes
        }
    }

    /// The archive.
    public let source: any ByteSource
    /// In the central directory's order. Names are unique, byte for byte.
    public let entries: [ZipEntry]
    /// The archive's comment.
    public let comment: [UInt8]
    private let positions: [[UInt8]: Int]

    /// Reads and checks the directory of `source`. Throws `malformed`, `unsupported` (split archives), `limit` or `io`.
    public init(_ source: any ByteSource, limits: Limits = Limits()) throws(ZipError) {
        let end = try ZipEndRecord(source)
        guard end.entryCount <= limits.entries else {
            throw ZipError(.limit, "the archive says it has \(end.entryCount) members, over the limit of \(limits.entries)")
        }
        guard end.directoryCount <= limits.directoryBytes else {
            throw ZipError(.limit, "the central directory has \(end.directoryCount) bytes, over the limit of \(limits.directoryBytes)", offset: end.directoryOffset)
        }
        guard end.entryCount <= end.directoryCount / CentralHeader.fixedSize else {
            throw ZipError(.malformed, "the archive says it has \(end.entryCount) members; a central directory of \(end.directoryCount) bytes holds at most \(end.directoryCount / CentralHeader.fixedSize)", offset: end.directoryOffset)
        }
        var cursor = ByteCursor(try rising { () throws(IOError) in try source.bytes(at: end.directoryOffset, count: end.directoryCount) }, origin: end.directoryOffset)
        let window = try WindowedSource(source)
        var entries: [ZipEntry] = [], extents: [Range<Int>] = [], positions: [[UInt8]: Int] = [:]
        entries.reserveCapacity(end.entryCount)
        for _ in 0..<end.entryCount {
            let at = cursor.offset
            let central = try CentralHeader(&cursor)
            guard central.nameBytes.count <= limits.nameBytes else {
                throw ZipError(.limit, "a member's name has \(central.nameBytes.count) bytes, over the limit of \(limits.nameBytes)", offset: at)
            }
            guard positions.updateValue(entries.count, forKey: central.nameBytes) == nil else {
                throw ZipError(.malformed, "two members have the name \(central.name): which is meant cannot be known", member: central.name, offset: at)
            }
            let (dataOffset, extent) = try central.locate(in: window, before: end.directoryOffset)
            extents.append(extent)
            entries.append(ZipEntry(name: central.name, method: central.method, crc: central.crc, compressedCount: central.compressedCount,
                                    count: central.count, headerOffset: central.headerOffset, dataOffset: dataOffset, flags: central.flags))
        }
        guard cursor.isAtEnd else {
            throw ZipError(.malformed, "the archive says it has \(end.entryCount) members, and \(cursor.remaining) bytes of its central directory are left after them: members would be lost", offset: cursor.offset)
        }
        var last = 0
        for position in extents.indices.sorted(by: { extents[$0].lowerBound < extents[$1].lowerBound }) {
            guard extents[position].lowerBound >= last else {
                throw ZipError(.malformed, "the member's bytes, at \(extents[position]), overlap another member's", member: entries[position].name, offset: extents[position].lowerBound)
            }
            last = extents[position].upperBound
        }
        self.source = source
        self.entries = entries
        self.positions = positions
        comment = end.comment
    }

    /// The member `name`, byte for byte; nil when there is none.
    public func entry(named name: String) -> ZipEntry? { positions[Array(name.utf8)].map { entries[$0] } }

    /// The bytes of a stored member where they lie; nil for a member that has to be decoded. Their CRC is not checked by reading them here.
    public func source(of entry: ZipEntry) -> (any ByteSource)? {
        guard entry.objection == nil, entry.method == .stored else { return nil }
        return try? source.part(at: entry.dataOffset, count: entry.count)
    }

    /// A reader of `entry`. Throws `unsupported`, naming the method, when it cannot be read here.
    public func reader(of entry: ZipEntry) throws(ZipError) -> ZipEntryReader { try ZipEntryReader(entry, of: source) }

    /// The first `count` bytes of `entry`, to look at. Only when they are all it has is their checksum checked.
    public func prefix(of entry: ZipEntry, count: Int) throws(ZipError) -> [UInt8] {
        guard count < entry.count else { return try bytes(of: entry, atMost: count) }
        let reader = try ZipEntryReader(entry, of: source, wholeLimit: -1)
        let buffer = try rising { () throws(IOError) in try ChunkBuffer(count: max(count, 0)) }
        try reader.read(at: 0, count: max(count, 0), into: buffer, at: 0)
        return buffer.array()
    }

    /// All bytes of `entry`, checked. Throws `limit` when there are more than `limit`.
    public func bytes(of entry: ZipEntry, atMost limit: Int) throws(ZipError) -> [UInt8] {
        guard entry.count <= limit else {
            throw ZipError(.limit, "the member has \(entry.count) bytes, over the limit of \(limit)", member: entry.name)
        }
        let reader = try reader(of: entry)
        let buffer = try rising { () throws(IOError) in try ChunkBuffer(count: entry.count) }
        try reader.read(at: 0, count: entry.count, into: buffer, at: 0)
        return buffer.array(0..<entry.count)
    }

    /// Reads `entry` to its end through `buffer`, for its checksum alone.
    public func verify(_ entry: ZipEntry, through buffer: ChunkBuffer) throws(ZipError) {
        let reader = try reader(of: entry)
        var offset = 0
        repeat {
            let size = min(max(buffer.count, 1), entry.count - offset)
            try reader.read(at: offset, count: size, into: buffer, at: 0)
            offset += size
        } while offset < entry.count
    }
}
