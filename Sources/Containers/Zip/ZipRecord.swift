import ByteIO

/// A member on its way into an archive, and the bytes of its records (APPNOTE 4.3).
struct ZipRecord {
    let name: [UInt8]
    let count: Int
    var method: ZipMethod = .stored
    var crc: UInt32 = 0
    var compressedCount = 0
    var hasDescriptor = false
    private(set) var headerOffset = 0
    private var padding = 0

    /// The id of the field that pads: "Android ZIP alignment extra field".
    private static let alignmentField: UInt16 = 0xD935
    private static let zip64FieldSize = 20
    private static let date: UInt32 = 0x0021_0000  // 1980-01-01, 00:00
    private static let attributes: UInt32 = 0o100644 << 16

    init(name: [UInt8], count: Int) {
        self.name = name
        self.count = count
        // What is known before the bytes come; a deflated member changes it at its end.
        compressedCount = count
    }

    /// Whether the sizes need 64 bits, decided before the bytes come: a stream that cannot be made smaller grows by less than this.
    var isLong: Bool { count + count / 1000 + 1024 >= Int(UInt32.max) }

    /// Sets where the header starts, and the padding that puts the data on a multiple of `alignment`.
    mutating func place(at offset: Int, alignment: Int) {
        headerOffset = offset
        self.alignment = alignment
        padding = 0
        let gap = (alignment - dataOffset % alignment) % alignment
        // The field needs six bytes: id, size and the alignment.
        padding = gap == 0 ? 0 : gap >= 6 ? gap : gap + (6 - gap + alignment - 1) / alignment * alignment
    }

    private var alignment = 1

    var dataOffset: Int { headerOffset + LocalHeader.fixedSize + name.count + (isLong ? Self.zip64FieldSize : 0) + padding }

    private var flags: UInt16 {
        (hasDescriptor ? ZipFlag.descriptor : 0) | (name.allSatisfy { $0 < 0x80 } ? 0 : ZipFlag.utf8)
    }

    private var version: UInt16 { isLong || headerOffset >= Int(UInt32.max) ? 45 : 20 }

    /// In a header before a descriptor nothing is known but what a stored member declares.
    var localHeader: [UInt8] {
        let packed = hasDescriptor && method == .deflated ? 0 : compressedCount, plain = hasDescriptor && method == .deflated ? 0 : count
        var bytes: [UInt8] = []
        bytes.append(littleEndian: ZipSignature.local)
        bytes.append(littleEndian: version)
        bytes.append(littleEndian: flags)
        bytes.append(littleEndian: method.rawValue)
        bytes.append(littleEndian: Self.date)
        bytes.append(littleEndian: hasDescriptor ? 0 : crc)
        bytes.append(littleEndian: isLong ? UInt32.max : UInt32(truncatingIfNeeded: packed))
        bytes.append(littleEndian: isLong ? UInt32.max : UInt32(truncatingIfNeeded: plain))
        bytes.append(littleEndian: UInt16(name.count))
        bytes.append(littleEndian: UInt16((isLong ? Self.zip64FieldSize : 0) + padding))
        bytes += name
        if isLong { bytes += Self.zip64Field([plain, packed]) }
        if padding > 0 {
            bytes.append(littleEndian: Self.alignmentField)
            bytes.append(littleEndian: UInt16(padding - 4))
            bytes.append(littleEndian: UInt16(truncatingIfNeeded: alignment))
            bytes += [UInt8](repeating: 0, count: padding - 6)
        }
        return bytes
    }

    /// What has to be written over a header once the bytes went through.
    var patches: [(offset: Int, bytes: [UInt8])] {
        var sums: [UInt8] = []
        sums.append(littleEndian: crc)
        guard isLong else {
            sums.append(littleEndian: UInt32(truncatingIfNeeded: compressedCount))
            sums.append(littleEndian: UInt32(truncatingIfNeeded: count))
            return [(headerOffset + 14, sums)]
        }
        return [(headerOffset + 14, sums), (headerOffset + LocalHeader.fixedSize + name.count, Self.zip64Field([count, compressedCount]))]
    }

    var descriptor: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: ZipSignature.descriptor)
        bytes.append(littleEndian: crc)
        if isLong {
            bytes.append(littleEndian: UInt64(compressedCount))
            bytes.append(littleEndian: UInt64(count))
        } else {
            bytes.append(littleEndian: UInt32(truncatingIfNeeded: compressedCount))
            bytes.append(littleEndian: UInt32(truncatingIfNeeded: count))
        }
        return bytes
    }

    var centralHeader: [UInt8] {
        var long: [Int] = []
        func short(_ value: Int) -> UInt32 {
            guard value >= Int(UInt32.max) else { return UInt32(value) }
            long.append(value)
            return .max
        }
        let plain = short(count), packed = short(compressedCount), offset = short(headerOffset)
        let extra = long.isEmpty ? [] : Self.zip64Field(long)
        var bytes: [UInt8] = []
        bytes.append(littleEndian: ZipSignature.central)
        bytes.append(littleEndian: 3 << 8 | version)
        bytes.append(littleEndian: version)
        bytes.append(littleEndian: flags)
        bytes.append(littleEndian: method.rawValue)
        bytes.append(littleEndian: Self.date)
        bytes.append(littleEndian: crc)
        bytes.append(littleEndian: packed)
        bytes.append(littleEndian: plain)
        bytes.append(littleEndian: UInt16(name.count))
        bytes.append(littleEndian: UInt16(extra.count))
        bytes += [UInt8](repeating: 0, count: 6)  // comment, disk, internal attributes
        bytes.append(littleEndian: Self.attributes)
        bytes.append(littleEndian: offset)
        return bytes + name + extra
    }

    /// The end record of an archive, with its zip64 companion where the numbers need it.
    static func end(entries: Int, offset: Int, count: Int, comment: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        if entries >= Int(UInt16.max) || offset >= Int(UInt32.max) || count >= Int(UInt32.max) {
            bytes.append(littleEndian: ZipSignature.end64)
            bytes.append(littleEndian: UInt64(44))
            bytes.append(littleEndian: UInt16(3 << 8 | 45))
            bytes.append(littleEndian: UInt16(45))
            bytes.append(littleEndian: UInt64(0))  // disks
            for value in [entries, entries, count, offset] { bytes.append(littleEndian: UInt64(value)) }
            bytes.append(littleEndian: ZipSignature.locator64)
            bytes.append(littleEndian: UInt32(0))
            bytes.append(littleEndian: UInt64(offset + count))
            bytes.append(littleEndian: UInt32(1))
        }
        bytes.append(littleEndian: ZipSignature.end)
        bytes.append(littleEndian: UInt32(0))  // disks
        let short = UInt16(min(entries, Int(UInt16.max)))
        bytes.append(littleEndian: short)
        bytes.append(littleEndian: short)
        bytes.append(littleEndian: UInt32(min(count, Int(UInt32.max))))
        bytes.append(littleEndian: UInt32(min(offset, Int(UInt32.max))))
        bytes.append(littleEndian: UInt16(comment.count))
        return bytes + comment
    }

    private static func zip64Field(_ values: [Int]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: UInt16(1))
        bytes.append(littleEndian: UInt16(values.count * 8))
        for value in values { bytes.append(littleEndian: UInt64(value)) }
        return bytes
    }
}
