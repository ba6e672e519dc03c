internal import CDeflate

/// CRC-32 as zip, gzip, PNG and MLPB use it (ISO 3309, polynomial 0xEDB88320 reflected), by libdeflate.
public struct CRC32: Sendable {
    /// The checksum of the bytes seen so far; 0 for none.
    public private(set) var value: UInt32 = 0

    public init() {}

    public mutating func update(_ bytes: RawSpan) {
        value = unsafe bytes.withUnsafeBytes { unsafe libdeflate_crc32(value, $0.baseAddress, $0.count) }
    }

    public static func of(_ bytes: RawSpan) -> UInt32 {
        var crc = CRC32()
        crc.update(bytes)
        return crc.value
    }

    public static func of(_ bytes: [UInt8]) -> UInt32 { unsafe of(bytes.span.bytes) }
}
