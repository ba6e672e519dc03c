import ByteIO
import Checksums

/// An MLPB file taken apart into its raw parts, to be put together again with other bytes in them and every checksum right: what an
/// attacker can make. Independent of the codec's own types.
struct Forgery {
    struct Section {
        /// Without the CRC at its end, as all parts here.
        var head: [UInt8]
        var body: [UInt8]
    }

    struct Tensor {
        var head: [UInt8]
        var data: [UInt8]
        var foot: [UInt8]
    }

    var header: [UInt8]
    var sections: [Section] = []
    var tensors: [Tensor] = []
    /// The first 72 bytes.
    var index: [UInt8]
    var tail: [UInt8]

    init(_ file: [UInt8]) {
        header = Array(file[..<60])
        tail = Array(file[(file.count - 64)..<(file.count - 4)])
        var at = Int(read(tail, 16, 8))
        index = Array(file[at..<at + 72])
        at += 72
        for _ in 0..<read(index, 28, 4) {
            let head = Array(file[at..<at + 60])
            let body = Int(read(head, 8, 8)) + 64
            sections.append(Section(head: head, body: Array(file[body..<body + Int(read(head, 24, 8))])))
            at += 64
        }
        for _ in 0..<read(index, 24, 4) {
            let count = 56 + 8 * Int(file[at + 46]) + Int(read(file, at + 48, 4))
            let head = Array(file[at..<at + count])
            at += count + 4
            let footCount = 40 + (read(file, at + 36, 4) == 1 ? 32 : 0) + 8 * Int(read(file, at + 32, 4))
            let foot = Array(file[at..<at + footCount])
            at += footCount + 4
            let data = (Int(read(head, 8, 8)) + count + 4 + 63) & ~63
            tensors.append(Tensor(head: head, data: Array(file[data..<data + Int(read(foot, 24, 8))]), foot: foot))
        }
    }

    /// The file, with every CRC right. With `relocating`, so is every offset, length, count and ordinal that follows from the parts.
    func build(relocating: Bool = true) -> [UInt8] {
        var out = seal(header)
        var copies: [UInt8] = []
        for var section in sections {
            if relocating {
                put(out.count, 8, at: 8, in: &section.head)
                put(section.body.count, 8, at: 24, in: &section.head)
                put(Int(CRC32.of(section.body)), 4, at: 32, in: &section.head)
            }
            let head = seal(section.head)
            copies += head
            out += head + section.body
            pad(&out)
        }
        for (ordinal, var tensor) in tensors.enumerated() {
            if relocating {
                put(out.count, 8, at: 8, in: &tensor.head)
                put(ordinal, 4, at: 16, in: &tensor.head)
                put(ordinal, 4, at: 16, in: &tensor.foot)
            }
            let head = seal(tensor.head)
            copies += head
            out += head
            pad(&out)
            out += tensor.data
            pad(&out)
            if relocating {
                put(out.count, 8, at: 8, in: &tensor.foot)
                tensor.foot.replaceSubrange(20..<24, with: head.suffix(4))
            }
            let foot = seal(tensor.foot)
            copies += foot
            out += foot
            pad(&out)
        }
        var index = index, tail = tail
        let at = out.count, count = index.count + copies.count + 4
        if relocating {
            put(at, 8, at: 8, in: &index)
            put(count, 8, at: 16, in: &index)
            put(tensors.count, 4, at: 24, in: &index)
            put(sections.count, 4, at: 28, in: &index)
        }
        let sealed = seal(index + copies)
        out += sealed
        pad(&out)
        if relocating {
            put(out.count, 8, at: 8, in: &tail)
            put(at, 8, at: 16, in: &tail)
            put(count, 8, at: 24, in: &tail)
            tail.replaceSubrange(32..<36, with: sealed.suffix(4))
            tail.replaceSubrange(36..<40, with: seal(header).suffix(4))
        }
        return out + seal(tail)
    }

    private func seal(_ part: [UInt8]) -> [UInt8] {
        var out = part
        out.append(littleEndian: CRC32.of(part))
        return out
    }

    private func pad(_ out: inout [UInt8]) { out += [UInt8](repeating: 0, count: (64 - out.count % 64) % 64) }
}

/// The little-endian number of `width` bytes at `offset`.
func read(_ bytes: [UInt8], _ offset: Int, _ width: Int) -> UInt64 {
    bytes[offset..<offset + width].reversed().reduce(0) { $0 << 8 | UInt64($1) }
}

func put(_ value: Int, _ width: Int, at offset: Int, in bytes: inout [UInt8]) { put(UInt64(value), width, at: offset, in: &bytes) }

func put(_ value: UInt64, _ width: Int, at offset: Int, in bytes: inout [UInt8]) {
    for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
}
