import ByteIO

/// A record of the central directory (APPNOTE 4.3.12), with its zip64 values in place.
struct CentralHeader {
    static let fixedSize = 46

    let nameBytes: [UInt8]
    let name: String
    let flags: UInt16
    let method: ZipMethod
    let crc: UInt32
    let compressedCount: Int
    let count: Int
    let headerOffset: Int

    init(_ cursor: inout ByteCursor) throws(ZipError) {
        let at = cursor.offset
        var flags: UInt16 = 0, method: UInt16 = 0, crc: UInt32 = 0, sizes: (compressed: UInt32, plain: UInt32) = (0, 0)
        var disk: UInt16 = 0, offset: UInt32 = 0, name: [UInt8] = [], extra: [UInt8] = []
        let signature = try ZipEndRecord.parsed { () throws(IOError) in
            let signature = try cursor.u32()
            try cursor.skip(4)
            flags = try cursor.u16()
            method = try cursor.u16()
            try cursor.skip(4)
            crc = try cursor.u32()
            sizes = (try cursor.u32(), try cursor.u32())
            let lengths = (name: Int(try cursor.u16()), extra: Int(try cursor.u16()), comment: Int(try cursor.u16()))
            disk = try cursor.u16()
            try cursor.skip(6)
            offset = try cursor.u32()
            name = Array(try cursor.take(lengths.name))
            extra = Array(try cursor.take(lengths.extra))
            try cursor.skip(lengths.comment)
            return signature
        }
        guard signature == ZipSignature.central else {
            throw ZipError(.malformed, "no member's record stands in the central directory where one should", offset: at)
        }
        self.flags = flags
        self.method = ZipMethod(rawValue: method)
        self.crc = crc
        // NPZ-13
        nameBytes = name
        let member: String
        if flags & ZipFlag.utf8 != 0 {
            guard let text = String(validating: name, as: UTF8.self) else {
                throw ZipError(.malformed, "a member's name says it is UTF-8 and is not", offset: at + Self.fixedSize)
            }
            member = text
        } else {
            member = CodePage437.decode(name)
        }
        self.name = member
        guard !name.contains(0) else {
            throw ZipError(.malformed, "a member's name has a NUL in it, where other readers end it", member: member, offset: at + Self.fixedSize)
        }

        let long = try Zip64Values(extra: extra, member: member, at: at + Self.fixedSize + name.count)
        var rest = long.values[...]
        func value(_ short: UInt32, _ what: String) throws(ZipError) -> Int {
            guard short == .max else { return Int(short) }
            guard let value = rest.popFirst() else {
                throw ZipError(.malformed, "the \(what) is in a zip64 field, which " + (long.isPresent ? "is too short" : "is missing"), member: member, offset: at)
            }
            guard let value = Int(exactly: value) else {
                throw ZipError(.malformed, "the \(what), \(value), is beyond 2^63", member: member, offset: at)
            }
            return value
        }
        count = try value(sizes.plain, "size")
        compressedCount = try value(sizes.compressed, "compressed size")
        headerOffset = try value(offset, "local header's offset")
        guard disk == 0 || disk == .max else {
            throw ZipError(.unsupported, "the member starts on disk \(disk) of a split archive; join its parts first", member: member, offset: at)
        }
        if method == ZipMethod.stored.rawValue, compressedCount != count, flags & ZipFlag.encrypted == 0 {
            throw ZipError(.malformed, "the member is stored, and its \(count) bytes are said to take \(compressedCount)", member: member, offset: at)
        }
        // A deflate stream says at most 258 bytes with two bits.
        if method == ZipMethod.deflated.rawValue, count / 1032 > compressedCount {
            throw ZipError(.malformed, "\(compressedCount) deflated bytes claim to be \(count): deflate reaches 1032 to 1", member: member, offset: at)
        }
    }

    /// Finds the member's bytes, and all that it takes in the file: local header, bytes, data descriptor. Throws unless the local header
    /// says what this record says.
    func locate(in window: WindowedSource, before limit: Int) throws(ZipError) -> (dataOffset: Int, extent: Range<Int>) {
        func fault(_ text: String, at offset: Int? = nil) -> ZipError { ZipError(.malformed, text, member: name, offset: offset ?? headerOffset) }
        guard headerOffset <= limit - LocalHeader.fixedSize else {
            throw fault("the member's header, at \(headerOffset), does not lie before the central directory at \(limit)")
        }
        let local = try LocalHeader(try window.bytes(at: headerOffset, count: LocalHeader.fixedSize))
        guard local.signature == ZipSignature.local else { throw fault("no member's header stands at \(headerOffset)") }
        let dataOffset = headerOffset + LocalHeader.fixedSize + local.nameCount + local.extraCount
        guard dataOffset <= limit else { throw fault("the member's header runs into the central directory at \(limit)") }
        let text = try window.bytes(at: headerOffset + LocalHeader.fixedSize, count: local.nameCount + local.extraCount)
        guard text[..<local.nameCount] == nameBytes[...] else { throw fault("the member has another name in its own header than in the central directory") }
        guard local.method == method.rawValue else {
            throw fault("the member's own header says method \(ZipMethod(rawValue: local.method)), the central directory \(method)")
        }
        let hidden = ZipFlag.encrypted | ZipFlag.patched | ZipFlag.strongEncryption | ZipFlag.maskedHeader
        guard local.flags & hidden == flags & hidden else { throw fault("the member's own header and the central directory differ on encryption") }

        let long = try Zip64Values(extra: Array(text[local.nameCount...]), member: name, at: headerOffset + LocalHeader.fixedSize + local.nameCount)
        // The local zip64 field, where there is one, has both sizes.
        if (local.count == .max || local.compressedCount == .max) && long.values.count < 2 {
            throw fault("the member's own header keeps its sizes in a zip64 field, which " + (long.isPresent ? "is too short" : "is missing"))
        }
        let plain = local.count == .max ? long.values[0] : UInt64(local.count)
        let packed = local.compressedCount == .max ? long.values[1] : UInt64(local.compressedCount)
        let later = local.flags & ZipFlag.descriptor != 0
        guard plain == UInt64(count) || later && plain == 0 else { throw fault("the member's own header says \(plain) bytes, the central directory \(count)") }
        guard packed == UInt64(compressedCount) || later && packed == 0 else {
            throw fault("the member's own header says \(packed) compressed bytes, the central directory \(compressedCount)")
        }
        guard local.crc == crc || later && local.crc == 0 else { throw fault("the member's own header and the central directory differ on its CRC-32") }

        guard compressedCount <= limit - dataOffset else {
            throw fault("the member's \(compressedCount) bytes at \(dataOffset) do not end before the central directory at \(limit)")
        }
        var end = dataOffset + compressedCount
        if later {
            guard let size = try descriptorSize(window.bytes(at: end, count: min(24, limit - end))) else {
                throw fault("no data descriptor that agrees with the central directory follows the member's bytes", at: end)
            }
            end += size
        }
        return (dataOffset, headerOffset..<end)
    }

    /// The size of the data descriptor that `bytes` start with: with or without a signature, in 64 or 32 bits; nil when none says what we know.
    private func descriptorSize(_ bytes: [UInt8]) -> Int? {
        for signed in [true, false] {
            for wide in [true, false] {
                var expected: [UInt8] = []
                if signed { expected.append(littleEndian: ZipSignature.descriptor) }
                expected.append(littleEndian: crc)
                if wide {
                    expected.append(littleEndian: UInt64(compressedCount))
                    expected.append(littleEndian: UInt64(count))
                } else {
                    guard let packed = UInt32(exactly: compressedCount), let plain = UInt32(exactly: count) else { continue }
                    expected.append(littleEndian: packed)
                    expected.append(littleEndian: plain)
                }
                if bytes.starts(with: expected) { return expected.count }
            }
        }
        return nil
    }
}

/// The fixed part of a local header (APPNOTE 4.3.7).
struct LocalHeader {
    static let fixedSize = 30

    let signature: UInt32
    let flags: UInt16
    let method: UInt16
    let crc: UInt32
    let compressedCount: UInt32
    let count: UInt32
    let nameCount: Int
    let extraCount: Int

    init(_ bytes: [UInt8]) throws(ZipError) {
        var cursor = ByteCursor(bytes)
        do throws(IOError) {
            signature = try cursor.u32()
            try cursor.skip(2)
            flags = try cursor.u16()
            method = try cursor.u16()
            try cursor.skip(4)
            crc = try cursor.u32()
            compressedCount = try cursor.u32()
            count = try cursor.u32()
            nameCount = Int(try cursor.u16())
            extraCount = Int(try cursor.u16())
        } catch {
            throw ZipError(error)
        }
    }
}

/// The 64-bit values of the zip64 field (id 1) of an extra area, in its order; none when there is no such field.
struct Zip64Values {
    private(set) var values: [UInt64] = []
    private(set) var isPresent = false

    init(extra: [UInt8], member: String, at: Int) throws(ZipError) {
        var cursor = ByteCursor(extra, origin: at)
        while cursor.remaining >= 4 {
            let fieldAt = cursor.offset
            do throws(IOError) {
                let id = try cursor.u16()
                let field = Array(try cursor.take(Int(cursor.u16())))
                guard id == 1 else { continue }
                guard !isPresent else { throw IOError(operation: "", offset: fieldAt, reason: "there are two zip64 fields") }
                isPresent = true
                var fields = ByteCursor(field)
                while fields.remaining >= 8 { values.append(try fields.u64()) }
            } catch {
                throw ZipError(.malformed, "an extra field is not right: \(error.reason)", member: member, offset: error.offset)
            }
        }
        // Tools that align members pad with less than a field's head.
        guard extra[cursor.position...].allSatisfy({ $0 == 0 }) else {
            throw ZipError(.malformed, "\(cursor.remaining) bytes are left after the last extra field", member: member, offset: cursor.offset)
        }
    }
}
