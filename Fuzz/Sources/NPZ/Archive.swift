import ByteIO
import Checksums
import Harness
import Zip

/// A zip archive as its members' contents, to be changed and written anew in one of the ways that archives are written.
struct Archive {
    struct Member {
        var name: [UInt8]
        var content: [UInt8]
        var isDeflated: Bool
    }

    var members: [Member] = []
    var comment: [UInt8]

    /// Nil when `bytes` is no archive that reads, or one without members.
    init?(_ bytes: [UInt8]) {
        guard let directory = try? ZipDirectory(MemorySource(bytes)), !directory.entries.isEmpty else { return nil }
        comment = directory.comment
        for entry in directory.entries.prefix(32) {
            guard let content = try? directory.bytes(of: entry, atMost: 1 << 16) else { continue }
            members.append(Member(name: Array(entry.name.utf8), content: content, isDeflated: entry.method == .deflated))
        }
        guard !members.isEmpty else { return nil }
    }

    mutating func change(_ choices: inout Choices, limit: Int) {
        let place = Int.random(in: members.indices, using: &choices)
        switch choices.next() % 16 {
        case 0: members.remove(at: place)
        case 1: members.append(Member(name: members[place].name.dropLast(4) + Array("2.npy".utf8), content: members[place].content, isDeflated: true))
        case 2: members[place].name = changed(members[place].name, limit: 64)
        case 3: members[place].isDeflated.toggle()
        case 4: comment = comment.isEmpty ? Array(#"{"mlpconv.dtypes":"{\"a\":\"bfloat16\"}"}"#.utf8) : changedJSON(comment, &choices, limit: 4096)
        case 5: members.swapAt(place, Int.random(in: members.indices, using: &choices))
        case 6: members[place].content = changed(members[place].content, limit: min(members[place].content.count + 64, limit))
        default: members[place].content = changedNPY(members[place].content, &choices, limit: min(members[place].content.count + 4096, limit))
        }
    }

    /// The archive: members stored, or deflated as stored blocks; sizes in 32 or 64 bits; before the data or behind it.
    func bytes(_ choices: inout Choices) -> [UInt8] {
        var out: [UInt8] = [], central: [UInt8] = []
        for member in members {
            let data = member.isDeflated ? storedBlocks(member.content, &choices) : member.content
            let isLong = choices.once(in: 4), hasDescriptor = choices.once(in: 4)
            let crc = CRC32.of(member.content), at = out.count
            var extra: [UInt8] = []
            if isLong {
                extra.append(littleEndian: UInt16(1))
                extra.append(littleEndian: UInt16(16))
                extra.append(littleEndian: UInt64(member.content.count))
                extra.append(littleEndian: UInt64(data.count))
            }
            var common: [UInt8] = []
            common.append(littleEndian: UInt16(isLong ? 45 : 20))
            common.append(littleEndian: UInt16((hasDescriptor ? 8 : 0) | 0x800))
            common.append(littleEndian: UInt16(member.isDeflated ? 8 : 0))
            common.append(littleEndian: UInt32(0x21_0000))
            out.append(littleEndian: ZipSignatures.local)
            out += common
            out.append(littleEndian: hasDescriptor ? 0 : crc)
            for size in [data.count, member.content.count] { out.append(littleEndian: isLong ? UInt32.max : hasDescriptor ? 0 : UInt32(size)) }
            out.append(littleEndian: UInt16(truncatingIfNeeded: member.name.count))
            out.append(littleEndian: UInt16(extra.count))
            out += member.name + extra + data
            if hasDescriptor {
                out.append(littleEndian: ZipSignatures.descriptor)
                out.append(littleEndian: crc)
                for size in [data.count, member.content.count] {
                    if isLong { out.append(littleEndian: UInt64(size)) } else { out.append(littleEndian: UInt32(size)) }
                }
            }
            central.append(littleEndian: ZipSignatures.central)
            central.append(littleEndian: UInt16(0x31E))
            central += common
            central.append(littleEndian: crc)
            for size in [data.count, member.content.count] { central.append(littleEndian: UInt32(size)) }
            central.append(littleEndian: UInt16(truncatingIfNeeded: member.name.count))
            central += [UInt8](repeating: 0, count: 12)
            central.append(littleEndian: UInt32(at))
            central += member.name
        }
        let start = out.count
        out += central
        out.append(littleEndian: ZipSignatures.end)
        out += [0, 0, 0, 0]
        for _ in 0..<2 { out.append(littleEndian: UInt16(members.count)) }
        out.append(littleEndian: UInt32(central.count))
        out.append(littleEndian: UInt32(start))
        out.append(littleEndian: UInt16(truncatingIfNeeded: comment.count))
        return out + comment
    }

    /// A deflate stream of stored blocks (RFC 1951, 3.2.4), cut where the choices fall.
    private func storedBlocks(_ content: [UInt8], _ choices: inout Choices) -> [UInt8] {
        var out: [UInt8] = [], rest = content[...]
        repeat {
            let size = choices.once(in: 2) ? min(rest.count, 65_535) : min(rest.count, Int.random(in: 0...65_535, using: &choices))
            let isLast = size == rest.count
            out.append(isLast ? 1 : 0)
            out.append(littleEndian: UInt16(size))
            out.append(littleEndian: ~UInt16(size))
            out += rest.prefix(size)
            rest = rest.dropFirst(size)
            if isLast { return out }
        } while true
    }
}

/// The signatures of an archive's records (APPNOTE 4.3).
enum ZipSignatures {
    static let local: UInt32 = 0x0403_4B50, central: UInt32 = 0x0201_4B50, end: UInt32 = 0x0605_4B50, descriptor: UInt32 = 0x0807_4B50
}

/// `archive` with the checksums of its stored members made to fit, in both headers, as far as its directory leads.
func withChecksums(_ archive: [UInt8]) -> [UInt8] {
    var archive = archive
    var end = archive.count - 22
    while end >= 0, archive.field(end, 4) != Int(ZipSignatures.end) { end -= 1 }
    guard end >= 0, var at = archive.field(end + 16, 4) else { return archive }
    while archive.field(at, 4) == Int(ZipSignatures.central), let name = archive.field(at + 28, 2), let extra = archive.field(at + 30, 2), let comment = archive.field(at + 32, 2) {
        if archive.field(at + 10, 2) == 0, let size = archive.field(at + 20, 4), let local = archive.field(at + 42, 4),
           let names = archive.field(local + 26, 2), let extras = archive.field(local + 28, 2), let data = archive.part(local + 30 + names + extras, size) {
            let crc = CRC32.of(Array(data))
            archive.setField(at + 16, 4, crc)
            if (archive.field(local + 6, 2) ?? 0) & 8 == 0 { archive.setField(local + 14, 4, crc) }
        }
        at += 46 + name + extra + comment
    }
    return archive
}
