@testable import HDF5Container
import ByteIO
import Tensors
import TestSupport
import Testing

private func float(_ size: Int, _ exponent: Int, _ mantissa: Int, bias: Int? = nil, order: HDF5Type.ByteOrder = .little) -> HDF5Type {
    .float(.init(size: size, order: order, precision: size * 8, bitOffset: 0, signPosition: size * 8 - 1, exponentPosition: mantissa, exponentSize: exponent,
                 mantissaPosition: 0, mantissaSize: mantissa, bias: bias ?? (1 << (exponent - 1)) - 1, isImplied: true))
}

private func integer(_ size: Int, signed: Bool = true, precision: Int? = nil) -> HDF5Type.Integer {
    .init(size: size, signed: signed, order: .little, precision: precision ?? size * 8, bitOffset: 0)
}

// HDF5-8, HDF5-9
@Test("types are told by their bits, never by a name alone")
func typeTable() throws {
    #expect(try float(2, 5, 10).element(named: nil).dtype == .float16)
    #expect(try float(2, 8, 7).element(named: nil).dtype == .bfloat16)
    #expect(try float(1, 5, 2).element(named: nil).dtype == .float8_e5m2)
    #expect(try float(1, 4, 3).element(named: "float8_e4m3fn").dtype == .float8_e4m3fn)
    #expect(try float(8, 11, 52, order: .big).element(named: nil) == HDF5Element(dtype: .float64, isBigEndian: true))
    #expect(try HDF5Type.opaque(size: 2, tag: "").element(named: "bfloat16").dtype == .bfloat16)
    #expect(try HDF5Type.opaque(size: 2, tag: "").element(named: nil).dtype == .void16)
    #expect(try HDF5Type.opaque(size: 2, tag: "").element(named: "float64").dtype == .void16)
    #expect(try HDF5Type.opaque(size: 1, tag: "").element(named: "float8_e5m2").dtype == .float8_e5m2)
    #expect(try HDF5Type.enumeration(base: integer(1), names: [.init("TRUE", 1), .init("FALSE", 0)]).element(named: nil).dtype == .bool)
    let part = float(4, 8, 23)
    #expect(try HDF5Type.compound(size: 8, members: [.init(name: "r", offset: 0, type: part), .init(name: "i", offset: 4, type: part)]).element(named: nil).dtype == .complex64)
    #expect(try HDF5Type.array(.integer(integer(2)), sizes: [3, 2]).element(named: nil).innerSizes == [3, 2])
}

// HDF5-10
@Test("a type that is nearly one of ours is refused, with what it is", arguments: [
    float(4, 8, 23, bias: 126), float(3, 8, 15), float(16, 15, 112), float(1, 4, 3),
    .integer(integer(2, precision: 12)), .integer(integer(16)), .integer(integer(3)), .opaque(size: 1, tag: ""), .opaque(size: 4, tag: "bfloat16"),
    .enumeration(base: integer(1), names: [.init("R", 0), .init("G", 1)]), .enumeration(base: integer(4), names: [.init("FALSE", 0), .init("TRUE", 1)]),
    .compound(size: 12, members: [.init(name: "r", offset: 0, type: float(4, 8, 23)), .init(name: "i", offset: 4, type: float(4, 8, 23))]),
    .compound(size: 8, members: [.init(name: "i", offset: 0, type: float(4, 8, 23)), .init(name: "r", offset: 4, type: float(4, 8, 23))]),
    .array(.array(.integer(integer(1)), sizes: [2]), sizes: [2]), .other("references"),
])
func nearMisses(_ type: HDF5Type) {
    #expect { _ = try type.element(named: nil) } throws: { ($0 as? HDF5TypeRefusal)?.reason.isEmpty == false }
}

@Test("shuffle comes undone, whatever the count and the unit")
func shuffleInverts() throws {
    for (count, unit) in [(0, 4), (1, 2), (7, 2), (64, 4), (67, 8), (33, 3), (40, 16)] {
        let bytes = (0..<count).map { UInt8($0 & 255) }
        let from = try ChunkBuffer(count: max(count, 1)), to = try ChunkBuffer(count: max(count, 1)), back = try ChunkBuffer(count: max(count, 1))
        from.store(bytes[...])
        Shuffle.apply(from, count: count, unit: unit, into: to)
        if count == 64 { #expect(to.array(0..<4) == [0, 4, 8, 12]) }
        Shuffle.undo(to, count: count, unit: unit, into: back)
        #expect(back.array(0..<count) == bytes)
    }
}

@Test("fletcher32 sums are Fletcher's: known sums, odd counts, and the turned halves of old files")
func fletcherSums() throws {
    for (text, sum) in [("", UInt32(0)), ("ab", 0x6162_6162), ("abcd", 0x2629_C4C6)] {
        let buffer = try ChunkBuffer(count: 64)
        buffer.store(Array(text.utf8)[...])
        #expect(Fletcher32.checksum(buffer, count: text.utf8.count) == sum)
    }
    var random = SplitMix64(seed: 3)
    for count in [1, 2, 5, 719, 720, 721, 5000, 100_001] {
        let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        // The textbook: sums modulo 65,535 of every word.
        var first = 0, second = 0
        for at in stride(from: 0, to: count, by: 2) {
            first = (first + Int(bytes[at]) << 8 + (at + 1 < count ? Int(bytes[at + 1]) : 0)) % 65535
            second = (second + first) % 65535
        }
        let sum = UInt32(second) << 16 | UInt32(first)
        let buffer = try ChunkBuffer(count: count + 4)
        for turned in [sum, (sum & 0x00FF_00FF) << 8 | (sum & 0xFF00_FF00) >> 8] {
            var stored = bytes
            stored.append(littleEndian: turned)
            buffer.store(stored[...])
            #expect(Fletcher32.matches(buffer, count: count + 4))
            stored[count / 2] ^= 0x10
            buffer.store(stored[...])
            #expect(!Fletcher32.matches(buffer, count: count + 4))
        }
    }
}

// HDF5-11
@Test("LZF decodes literals and overlapping copies, and refuses what leads outside")
func lzfDecodes() throws {
    let buffer = try ChunkBuffer(count: 64), out = try ChunkBuffer(count: 64)
    func decode(_ bytes: [UInt8], _ expected: Int) -> [UInt8]? {
        buffer.store(bytes[...])
        return LZF.decode(buffer, count: bytes.count, into: out, expected: expected) ? out.array(0..<expected) : nil
    }
    #expect(decode([2, 1, 2, 3], 3) == [1, 2, 3])
    #expect(decode([0, 9, 0x60, 0], 6) == [9, 9, 9, 9, 9, 9])
    #expect(decode([0, 9, 0xE0, 1, 0], 11) == [UInt8](repeating: 9, count: 11))
    for bad: [UInt8] in [[2, 1, 2], [0, 9, 0x60, 1], [0, 9, 0x60], [0, 9, 0xE0, 1], [31], [0, 9, 0x60, 0, 0, 1]] { #expect(decode(bad, 6) == nil) }
}
