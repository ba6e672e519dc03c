import ByteIO
import Checkpoints
import Checksums

/// The parts of a damaged file whose own checksums are right, wherever they stand (MLPB-90).
struct Finds {
    let source: any ByteSource
    private let limits: Limits
    /// Heads by their place in the file, with the CRC-32 that ends them. A place can have one head: its checksum covers the place.
    private(set) var heads: [Int: (head: TensorHead, crc: UInt32)] = [:]
    /// The bytes of feet, by ordinal and head.
    private(set) var feet: [FootKey: [UInt8]] = [:]
    private(set) var sections: [Int: SectionHead] = [:]
    /// Marks with nothing right behind them; a file can be made of them, so they are counted.
    private var failures = 0
    private var indexes = 0

    struct FootKey: Hashable {
        let ordinal: Int
        let headCRC: UInt32
    }

    init(_ source: any ByteSource, limits: Limits) {
        self.source = source
        self.limits = limits
    }

    var isEmpty: Bool { heads.isEmpty && feet.isEmpty && sections.isEmpty }

    /// Looks at every multiple of 64, and everywhere in what is an index by its mark and place.
    mutating func search() throws(CheckpointError) {
        let buffer = try ChunkBuffer(checkedCount: 1 << 20)
        var offset = 0
        while offset < source.count {
            let count = min(buffer.count, source.count - offset)
            try rising { () throws(IOError) in try source.read(at: offset, count: count, into: buffer, at: 0) }
            let places = unsafe buffer.withUnsafeBytes(0..<count) { bytes in stride(from: 0, to: count, by: Layout.alignment).filter { unsafe bytes[$0] == 0x89 } }
            for place in places { try look(at: offset + place) }
            offset += count
        }
    }

    private mutating func look(at place: Int) throws(CheckpointError) {
        let source = source
        let mark = try Self.bytes(source, at: place, 16)
        if mark.starts(with: Mark.index) {
            // MLPB-90: an index is one only where it says that it is.
            var own = ByteCursor(Array(mark.dropFirst(8)))
            guard (try? own.size()) == place, indexes < 16 else { return }
            indexes += 1
            try searchIndex(Self.bytes(source, at: place, limits.headerBytes))
        } else {
            try keep(place, isInPlace: true) { (count) throws(CheckpointError) in try Self.bytes(source, at: place, count) }
        }
    }

    /// The copies in an index have marks like the parts themselves, at any offset.
    private mutating func searchIndex(_ index: [UInt8]) throws(CheckpointError) {
        var at = 0
        while let next = index[at...].firstIndex(of: 0x89) {
            let kept = try keep(next, isInPlace: false) { (count) throws(CheckpointError) in Array(index[next..<min(index.count, next + count)]) }
            at = next + max(kept, 1)
        }
    }

    /// Keeps the part that begins here, if there is one and its checksum is right; gives its length, or 0.
    @discardableResult
    private mutating func keep(_ place: Int, isInPlace: Bool, _ bytes: (Int) throws(CheckpointError) -> [UInt8]) throws(CheckpointError) -> Int {
        let fixed = try bytes(TensorHead.fixedCount)
        guard fixed.count == TensorHead.fixedCount else { return 0 }
        if fixed.starts(with: Mark.tensor) {
            let count = TensorHead.fixedCount + 8 * Int(fixed[46]) + min(number(fixed, 48), Layout.maxNameBytes) + 4
            var cursor = ByteCursor(try bytes(count), origin: place)
            if let head = try? TensorHead(&cursor, limits: limits), !isInPlace || head.offset == place {
                heads[head.offset] = (head, UInt32(truncatingIfNeeded: number(try bytes(count), count - 4)))
                return count
            }
        } else if fixed.starts(with: Mark.foot) {
            let blocks = number(fixed, 32)
            let count = TensorFoot.fixedCount + 32 * (number(fixed, 36) & 1) + 8 * blocks + 4
            // A table that the rest of the file could not hold is no table.
            if count <= source.count {
                let foot = try bytes(count)
                if foot.count == count, CRC32.of(Array(foot.dropLast(4))) == UInt32(truncatingIfNeeded: number(foot, count - 4)),
                   !isInPlace || number(foot, 8, width: 8) == place {
                    feet[FootKey(ordinal: number(foot, 16), headCRC: UInt32(truncatingIfNeeded: number(foot, 20)))] = foot
                    return count
                }
            }
        } else if fixed.starts(with: Mark.section) {
            var cursor = ByteCursor(try bytes(SectionHead.count), origin: place)
            if let head = try? SectionHead(&cursor), !isInPlace || head.offset == place {
                sections[head.offset] = head
                return SectionHead.count
            }
        } else {
            return 0
        }
        failures += 1
        guard failures <= limits.tensors else {
            throw CheckpointError(.limit, "more than \(grouped(limits.tensors)) marks have no part behind them: it is no damaged file, it is made of marks", offset: place)
        }
        return 0
    }

    /// Up to `count` bytes: fewer where the file ends.
    private static func bytes(_ source: any ByteSource, at offset: Int, _ count: Int) throws(CheckpointError) -> [UInt8] {
        try rising { () throws(IOError) in try source.bytes(at: offset, count: min(count, source.count - offset)) }
    }

    private func number(_ bytes: [UInt8], _ offset: Int, width: Int = 4) -> Int {
        bytes[offset..<offset + width].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
