import ByteIO
import TestSupport
import Zip

/// The arrays of an `.npz` of references: version 1 headers, little-endian, C order. Anything else fails the test that reads it; the NPZ
/// codec has its own tests, and the core is tested without it.
struct NumPyArchive {
    struct Unexpected: Error { let what: String }

    let arrays: [String: (shape: [Int], values: [Double])]

    init(_ fixture: String) throws {
        let directory = try ZipDirectory(MemorySource(try Fixtures.bytes(fixture)))
        var arrays: [String: (shape: [Int], values: [Double])] = [:]
        for entry in directory.entries {
            guard entry.name.hasSuffix(".npy") else { throw Unexpected(what: entry.name) }
            arrays[String(entry.name.dropLast(4))] = try Self.array(directory.bytes(of: entry, atMost: 1 << 28))
        }
        self.arrays = arrays
    }

    private static func array(_ bytes: [UInt8]) throws -> (shape: [Int], values: [Double]) {
        guard bytes.count >= 10, bytes[0] == 0x93, bytes[6] == 1 else { throw Unexpected(what: "not npy 1.0") }
        let start = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
        let header = String(decoding: bytes[10..<start], as: UTF8.self)
        guard header.contains("'fortran_order': False"), let open = header.firstIndex(of: "("), let close = header.firstIndex(of: ")") else {
            throw Unexpected(what: header)
        }
        let shape = header[header.index(after: open)..<close].split(separator: ",").compactMap { Int($0.filter(\.isNumber)) }
        func little<Bits: FixedWidthInteger>(_: Bits.Type) -> [Bits] {
            let size = Bits.bitWidth / 8
            return stride(from: start, to: bytes.count, by: size).map { at in
                (0..<size).reduce(0) { $0 | Bits(truncatingIfNeeded: bytes[at + $1]) << (8 * $1) }
            }
        }
        let values: [Double]
        if header.contains("'<f8'") {
            values = little(UInt64.self).map { Double(bitPattern: $0) }
        } else if header.contains("'<f4'") {
            values = little(UInt32.self).map { Double(Float(bitPattern: $0)) }
        } else if header.contains("'<f2'") {
            values = little(UInt16.self).map(half)
        } else if header.contains("'<i8'") {
            values = little(Int64.self).map { Double($0) }
        } else {
            throw Unexpected(what: header)
        }
        guard values.count == shape.reduce(1, *) else { throw Unexpected(what: "\(values.count) values of shape \(shape)") }
        return (shape, values)
    }

    /// The value of a finite half: sign, 5 bits of exponent, 10 of fraction.
    private static func half(_ bits: UInt16) -> Double {
        let (exponent, fraction) = (Int(bits >> 10 & 31), Double(bits & 1023) / 1024)
        let size = exponent == 0 ? fraction * 0x1p-14 : (1 + fraction) * Double(sign: .plus, exponent: exponent - 15, significand: 1)
        return bits >> 15 == 1 ? -size : size
    }
}
