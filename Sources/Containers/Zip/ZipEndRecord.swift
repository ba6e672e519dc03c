import ByteIO

/// What the end of an archive says of its central directory: the end record, and its zip64 companion where there is one.
struct ZipEndRecord {
    let entryCount: Int
    let directoryOffset: Int
    let directoryCount: Int
    let comment: [UInt8]

    private static let size = 22
    private static let locatorSize = 20
    private static let size64 = 56

    /// Finds the end record from the end of `source`: the one whose comment reaches exactly to the end of the file.
    init(_ source: any ByteSource) throws(ZipError) {
        let tailCount = min(source.count, Self.size + Int(UInt16.max))
        let tailOffset = source.count - tailCount
        let tail = try rising { () throws(IOError) in try source.bytes(at: tailOffset, count: tailCount) }
        let position = try Self.find(in: tail, tailOffset: tailOffset)
        let at = tailOffset + position
        var cursor = ByteCursor(Array(tail[position...]), origin: at)
        let fields = try Self.parsed { () throws(IOError) in
            try cursor.skip(4)
            return (disk: try cursor.u16(), directoryDisk: try cursor.u16(), onDisk: try cursor.u16(), total: try cursor.u16(),
                    count: try cursor.u32(), offset: try cursor.u32(), comment: Array(try cursor.take(Int(cursor.u16()))))
        }
        comment = fields.comment
        let end: Int
        if let record = try Self.zip64(source, endAt: at) {
            // Each field of the short record is either saturated or says the same.
            func agree(_ short: some FixedWidthInteger, _ long: UInt64) throws(ZipError) {
                guard short == .max || UInt64(short) == long else {
                    throw ZipError(.malformed, "the zip64 end record says \(long) where the end record says \(short)", offset: at)
                }
            }
            try agree(fields.onDisk, record.onDisk)
            try agree(fields.total, record.total)
            try agree(fields.count, record.count)
            try agree(fields.offset, record.offset)
            try Self.oneDisk([UInt64(record.disk), UInt64(record.directoryDisk)], fields.disk == .max ? 0 : fields.disk, record.onDisk, record.total, at: record.at)
            entryCount = try Self.int(record.total, "entry count", at: record.at)
            directoryCount = try Self.int(record.count, "central directory's size", at: record.at)
            directoryOffset = try Self.int(record.offset, "central directory's offset", at: record.at)
            end = record.at
        } else {
            try Self.oneDisk([UInt64(fields.directoryDisk)], fields.disk, UInt64(fields.onDisk), UInt64(fields.total), at: at)
            entryCount = Int(fields.total)
            directoryCount = Int(fields.count)
            directoryOffset = Int(fields.offset)
            end = at
        }
        let (directoryEnd, overflow) = directoryOffset.addingReportingOverflow(directoryCount)
        guard !overflow, directoryEnd <= end else {
            throw ZipError(.malformed, "the central directory, \(directoryCount) bytes at \(directoryOffset), does not end before the end record at \(end): the file is damaged", offset: at)
        }
        guard directoryEnd == end else {
            throw ZipError(.malformed, "the central directory, \(directoryCount) bytes at \(directoryOffset), ends \(end - directoryEnd) bytes before the end record at \(end): bytes were put before or into the archive", offset: at)
        }
    }

    /// The position in `tail` of the one end record that fits the end of the file.
    private static func find(in tail: [UInt8], tailOffset: Int) throws(ZipError) -> Int {
        var fitting: Int?
        var misfit: (at: Int, comment: Int)?
        var position = tail.count - size
        while position >= 0 {
            defer { position -= 1 }
            guard tail[position] == 0x50, tail[position + 1] == 0x4B, tail[position + 2] == 5, tail[position + 3] == 6 else { continue }
            let comment = Int(tail[position + 20]) | Int(tail[position + 21]) << 8
            if position + size + comment == tail.count {
                guard fitting == nil else {
                    throw ZipError(.malformed, "two end records fit the end of the file, one inside the other's comment: which is meant cannot be known", offset: tailOffset + position)
                }
                fitting = position
            } else if misfit == nil {
                misfit = (position, comment)
            }
        }
        if let fitting { return fitting }
        if let misfit {
            let left = tail.count - misfit.at - size
            throw ZipError(.malformed, "the end record says that a comment of \(misfit.comment) bytes follows it, and \(left) bytes do: "
                + (left > misfit.comment ? "something was appended to the archive" : "the file is truncated"), offset: tailOffset + misfit.at)
        }
        throw ZipError(.malformed, "no end of a zip archive is found in the last \(tail.count) bytes: the file is truncated or is no zip archive; fetch it again", offset: tailOffset)
    }

    private struct Record64 {
        var at = 0
        var disk: UInt32 = 0, directoryDisk: UInt32 = 0
        var onDisk: UInt64 = 0, total: UInt64 = 0, count: UInt64 = 0, offset: UInt64 = 0
    }

    /// The zip64 end record, when a locator stands right before the end record at `endAt`.
    private static func zip64(_ source: any ByteSource, endAt: Int) throws(ZipError) -> Record64? {
        let locatorAt = endAt - locatorSize
        guard locatorAt >= 0 else { return nil }
        var locator = ByteCursor(try rising { () throws(IOError) in try source.bytes(at: locatorAt, count: locatorSize) }, origin: locatorAt)
        let place = try parsed { () throws(IOError) in
            (signature: try locator.u32(), disk: try locator.u32(), offset: try locator.u64(), disks: try locator.u32())
        }
        guard place.signature == ZipSignature.locator64 else { return nil }
        guard place.disk == 0, place.disks <= 1 else {
            throw ZipError(.unsupported, "the archive is split over \(place.disks) disks; join its parts first", offset: locatorAt)
        }
        guard let at = Int(exactly: place.offset), at <= locatorAt - size64 else {
            throw ZipError(.malformed, "the zip64 locator points to \(place.offset), where no zip64 end record fits before it", offset: locatorAt)
        }
        var cursor = ByteCursor(try rising { () throws(IOError) in try source.bytes(at: at, count: size64) }, origin: at)
        var record = Record64()
        record.at = at
        let (signature, length) = try parsed { () throws(IOError) in
            let head = (try cursor.u32(), try cursor.u64())
            try cursor.skip(4)
            record.disk = try cursor.u32()
            record.directoryDisk = try cursor.u32()
            record.onDisk = try cursor.u64()
            record.total = try cursor.u64()
            record.count = try cursor.u64()
            record.offset = try cursor.u64()
            return head
        }
        guard signature == ZipSignature.end64 else {
            throw ZipError(.malformed, "the zip64 locator points to \(at), where no zip64 end record stands", offset: at)
        }
        guard length == UInt64(locatorAt - at - 12) else {
            throw ZipError(.malformed, "the zip64 end record says it has \(length) bytes more; \(locatorAt - at - 12) stand before its locator", offset: at)
        }
        return record
    }

    private static func oneDisk(_ disks: [UInt64], _ disk: UInt16, _ onDisk: UInt64, _ total: UInt64, at: Int) throws(ZipError) {
        guard disk == 0, disks.allSatisfy({ $0 == 0 }), onDisk == total else {
            throw ZipError(.unsupported, "the archive is split over several disks (\(onDisk) of \(total) members are on this one); join its parts first", offset: at)
        }
    }

    private static func int(_ value: UInt64, _ what: String, at: Int) throws(ZipError) -> Int {
        guard let value = Int(exactly: value) else { throw ZipError(.malformed, "the \(what), \(value), is beyond 2^63", offset: at) }
        return value
    }

    static func parsed<R>(_ body: () throws(IOError) -> R) throws(ZipError) -> R {
        do throws(IOError) { return try body() } catch {
            throw ZipError(.malformed, "a record of the archive ends early: \(error.reason)", offset: error.offset)
        }
    }
}
