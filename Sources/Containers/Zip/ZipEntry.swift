/// How a member's bytes are stored: a number of the zip specification (APPNOTE 4.4.5).
public struct ZipMethod: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The bytes as they are.
    public static let stored = ZipMethod(rawValue: 0)
    /// A raw deflate stream (RFC 1951).
    public static let deflated = ZipMethod(rawValue: 8)

    /// `12 (bzip2)`.
    public var description: String {
        let name: String? = switch rawValue {
        case 0: "stored"
        case 1: "shrink"
        case 2...5: "reduce"
        case 6: "implode"
        case 8: "deflate"
        case 9: "deflate64"
        case 10: "PKWARE implode"
        case 12: "bzip2"
        case 14: "lzma"
        case 16: "IBM CMPSC"
        case 18: "IBM TERSE"
        case 19: "IBM LZ77"
        case 20, 93: "zstandard"
        case 94: "mp3"
        case 95: "xz"
        case 96: "jpeg"
        case 97: "wavpack"
        case 98: "ppmd"
        case 99: "AES encryption"
        default: nil
        }
        return name.map { "\(rawValue) (\($0))" } ?? "\(rawValue)"
    }
}

/// A member of an archive, after the central directory and the local header were found to agree.
public struct ZipEntry: Sendable {
    /// The name as the archive gives it: a name, not a path; it is never used to make a file.
    public let name: String
    public let method: ZipMethod
    /// The CRC-32 of the member's bytes, decoded.
    public let crc: UInt32
    /// The bytes the member takes in the file.
    public let compressedCount: Int
    /// The member's size, decoded.
    public let count: Int
    /// Where the local header starts.
    public let headerOffset: Int
    /// Where the member's bytes start.
    public let dataOffset: Int
    let flags: UInt16

    /// Whether this names a folder, and holds nothing.
    public var isFolder: Bool { name.utf8.last == UInt8(ascii: "/") }

    /// Why the member's bytes cannot be read here (NPZ-3); nil when they can.
    public var objection: String? {
        if flags & (ZipFlag.encrypted | ZipFlag.strongEncryption | ZipFlag.maskedHeader) != 0 || method.rawValue == 99 {
            return "it is encrypted (flags \(flags), method \(method)); decrypt the archive first"
        }
        if flags & ZipFlag.patched != 0 { return "it is compressed patched data (flag bit 5), which is not read here" }
        if method != .stored && method != .deflated {
            return "its compression method is \(method); stored and deflated members are read here: pack the archive again with deflate"
        }
        return nil
    }
}

/// The general purpose flags (APPNOTE 4.4.4) that matter to us.
enum ZipFlag {
    static let encrypted: UInt16 = 1 << 0
    /// CRC and sizes follow the data, in a data descriptor.
    static let descriptor: UInt16 = 1 << 3
    static let patched: UInt16 = 1 << 5
    static let strongEncryption: UInt16 = 1 << 6
    /// The name is UTF-8; else code page 437.
    static let utf8: UInt16 = 1 << 11
    static let maskedHeader: UInt16 = 1 << 13
}

/// The first four bytes of each record, as little-endian numbers.
enum ZipSignature {
    static let local: UInt32 = 0x0403_4B50
    static let central: UInt32 = 0x0201_4B50
    static let descriptor: UInt32 = 0x0807_4B50
    static let end: UInt32 = 0x0605_4B50
    static let end64: UInt32 = 0x0606_4B50
    static let locator64: UInt32 = 0x0706_4B50
}
