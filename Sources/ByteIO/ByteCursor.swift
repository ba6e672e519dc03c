/// Reads little-endian values from a bounded run of bytes, in order. It never reads past the end: it throws, naming the offset.
public struct ByteCursor: Sendable {
    private let bytes: [UInt8]
    /// Where these bytes start in their file, so that errors name the file's offset.
    public let origin: Int
    /// The next byte to read, from the start of `bytes`.
    public private(set) var position = 0

    public init(_ bytes: [UInt8], origin: Int = 0) {
        self.bytes = bytes
        self.origin = origin
    }

    public var count: Int { bytes.count }
    public var remaining: Int { bytes.count - position }
    public var isAtEnd: Bool { position == bytes.count }
    /// The offset in the file of the next byte.
    public var offset: Int { origin + position }

    /// Moves to `position`, from the start of the bytes.
    public mutating func seek(to position: Int) throws(IOError) {
        guard (0...bytes.count).contains(position) else { throw short("seek", position) }
        self.position = position
    }

    public mutating func skip(_ count: Int) throws(IOError) {
        guard count >= 0, count <= remaining else { throw short("skip", count) }
        position += count
    }

    /// The next `count` bytes.
    public mutating func take(_ count: Int) throws(IOError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else { throw short("take", count) }
        defer { position += count }
        return bytes[position..<position + count]
    }

    public mutating func integer<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(IOError) -> T {
        let size = MemoryLayout<T>.size
        guard size <= remaining else { throw short("read an integer of", size) }
        var value: T = 0
        for index in (0..<size).reversed() { value = (value << 8) | T(truncatingIfNeeded: bytes[position + index]) }
        position += size
        return value
    }

    public mutating func u8() throws(IOError) -> UInt8 { try integer() }
    public mutating func u16() throws(IOError) -> UInt16 { try integer() }
    public mutating func u32() throws(IOError) -> UInt32 { try integer() }
    public mutating func u64() throws(IOError) -> UInt64 { try integer() }

    /// A u64 that must be a usable size or offset: at most `Int.max`.
    public mutating func size() throws(IOError) -> Int {
        let at = offset
        let value = try u64()
        guard let size = Int(exactly: value) else {
            throw IOError(operation: "use a size", offset: at, reason: "\(value) is beyond 2^63")
        }
        return size
    }

    /// The next `count` bytes as UTF-8; throws when they are not.
    public mutating func utf8(_ count: Int) throws(IOError) -> String {
        let at = offset
        let raw = try take(count)
        guard let text = String(validating: raw, as: UTF8.self) else {
            throw IOError(operation: "read text", offset: at, reason: "\(count) bytes are not valid UTF-8")
        }
        return text
    }

    private func short(_ verb: String, _ count: Int) -> IOError {
        IOError(operation: "\(verb) \(count) bytes", offset: offset, reason: "\(remaining) are left")
    }
}

extension Array where Element == UInt8 {
    /// Appends the little-endian bytes of `value`.
    public mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
        var rest = value
        for _ in 0..<MemoryLayout<T>.size {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }
}
