/// Little-endian fields of bytes that may end anywhere: what does not lie within is not read and not written.
extension Array where Element == UInt8 {
    public func field(_ offset: Int, _ size: Int) -> Int? {
        guard offset >= 0, offset <= count - size else { return nil }
        var value: UInt64 = 0
        for index in (0..<size).reversed() { value = value << 8 | UInt64(self[offset + index]) }
        return Int(exactly: value)
    }

    public mutating func setField(_ offset: Int, _ size: Int, _ value: some FixedWidthInteger) {
        guard offset >= 0, offset <= count - size else { return }
        for index in 0..<size { self[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
    }

    /// The bytes in `offset ..< offset + size`, where they all are.
    public func part(_ offset: Int, _ size: Int) -> ArraySlice<UInt8>? {
        guard offset >= 0, size >= 0, offset <= count, size <= count - offset else { return nil }
        return self[offset..<offset + size]
    }
}
