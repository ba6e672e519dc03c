import Checksums
import Harness

/// `file` with every checksum made to fit, and the parts in place made to agree with the index, as far as its offsets lead (Specs/MLPB.md).
func repaired(_ file: [UInt8]) -> [UInt8] {
    var file = file
    seal(&file, at: 0, count: 60)
    let tail = file.count - 64
    guard tail >= 64 else { return file }
    file.setField(tail + 8, 8, tail)
    if let index = file.field(tail + 16, 8), let count = file.field(tail + 24, 8), count >= 76, file.part(index, count) != nil {
        repairIndex(&file, at: index, count: count)
        file.setField(tail + 32, 4, file.field(index + count - 4, 4) ?? 0)
    }
    file.setField(tail + 36, 4, file.field(60, 4) ?? 0)
    seal(&file, at: tail, count: 60)
    return file
}

/// Writes the CRC-32 of `count` bytes at `offset` behind them.
private func seal(_ file: inout [UInt8], at offset: Int, count: Int) {
    guard let part = file.part(offset, count) else { return }
    file.setField(offset + count, 4, CRC32.of(Array(part)))
}

private func repairIndex(_ file: inout [UInt8], at index: Int, count: Int) {
    let end = index + count - 4
    var at = index + 72
    for _ in 0..<min(file.field(index + 28, 4) ?? 0, 16) where at + 64 <= end {
        if let offset = file.field(at + 8, 8), let size = file.field(at + 24, 8), let body = file.part(offset, size > 0 ? 64 : 0).flatMap({ _ in file.part(offset + 64, size) }) {
            file.setField(at + 32, 4, CRC32.of(Array(body)))
        }
        seal(&file, at: at, count: 60)
        copy(&file, from: at, count: 64, to: file.field(at + 8, 8))
        at += 64
    }
    for _ in 0..<min(file.field(index + 24, 4) ?? 0, 256) {
        guard let rank = file.field(at + 46, 1), let name = file.field(at + 48, 4), at + 60 + 8 * rank + name <= end else { break }
        let head = 56 + 8 * rank + name
        seal(&file, at: at, count: head)
        copy(&file, from: at, count: head + 4, to: file.field(at + 8, 8))
        let foot = at + head + 4
        guard let blocks = file.field(foot + 32, 4), let flags = file.field(foot + 36, 4), blocks < 4096 else { break }
        let table = foot + 40 + (flags & 1) * 32
        guard table + 8 * blocks + 4 <= end else { break }
        file.setField(foot + 20, 4, file.field(at + head, 4) ?? 0)
        var data = ((file.field(at + 8, 8) ?? 0) &+ head &+ 4 &+ 63) & ~63
        for block in 0..<blocks {
            guard let size = file.field(table + 8 * block, 4), let bytes = file.part(data, size) else { break }
            file.setField(table + 8 * block + 4, 4, CRC32.of(Array(bytes)))
            data += size
        }
        seal(&file, at: foot, count: table + 8 * blocks - foot)
        copy(&file, from: foot, count: table + 8 * blocks + 4 - foot, to: file.field(foot + 8, 8))
        at = table + 8 * blocks + 4
    }
    seal(&file, at: index, count: count - 4)
}

private func copy(_ file: inout [UInt8], from: Int, count: Int, to place: Int?) {
    guard let place, let bytes = file.part(from, count), file.part(place, count) != nil else { return }
    file.replaceSubrange(place..<place + count, with: bytes)
}
