import ByteIO

/// HDF5's shuffle filter: the first bytes of all elements, then the second bytes …; bytes behind the last whole element stay.
enum Shuffle {
    static func undo(_ input: ChunkBuffer, count: Int, unit: Int, into output: ChunkBuffer) {
        transpose(input, count: count, into: output, unit: unit, isUndo: true)
    }

    static func apply(_ input: ChunkBuffer, count: Int, unit: Int, into output: ChunkBuffer) {
        transpose(input, count: count, into: output, unit: unit, isUndo: false)
    }

    private static func transpose(_ input: ChunkBuffer, count: Int, into output: ChunkBuffer, unit: Int, isUndo: Bool) {
        let elements = count / unit
        unsafe input.withUnsafeBytes(0..<count) { from in
            unsafe output.withUnsafeBytes(0..<count) { to in
                guard let source = unsafe from.baseAddress?.assumingMemoryBound(to: UInt8.self),
                    let target = unsafe to.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
                for plane in 0..<unit {
                    if isUndo {
                        let line = unsafe source + plane * elements
                        for element in 0..<elements { unsafe target[element * unit + plane] = line[element] }
                    } else {
                        let line = unsafe target + plane * elements
                        for element in 0..<elements { unsafe line[element] = source[element * unit + plane] }
                    }
                }
                for at in elements * unit..<count { unsafe target[at] = source[at] }
            }
        }
    }
}

/// The checksum of HDF5's fletcher32 filter: Fletcher's sums over big-endian 16-bit words, modulo 65,535, behind the data in four
/// little-endian bytes.
enum Fletcher32 {
    /// Whether the last four of `count` bytes are the checksum of those before them. HDF5 before 1.6.3 on little-endian machines wrote
    /// each half turned round; libhdf5 takes both, and so do we.
    static func matches(_ buffer: ChunkBuffer, count: Int) -> Bool {
        let sum = checksum(buffer, count: count - 4)
        let stored = buffer.array(count - 4..<count).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let turned = (sum & 0x00FF_00FF) << 8 | (sum & 0xFF00_FF00) >> 8
        return stored == sum || stored == turned
    }

    static func checksum(_ buffer: ChunkBuffer, count: Int) -> UInt32 {
        unsafe buffer.withUnsafeBytes(0..<count) { raw in
            var first: UInt32 = 0, second: UInt32 = 0
            func fold() {
                first = (first & 0xFFFF) + (first >> 16)
                second = (second & 0xFFFF) + (second >> 16)
            }
            var at = 0
            while at + 1 < raw.count {
                // 360 words is the most that 32-bit sums hold before they are folded.
                let end = min(raw.count & ~1, at + 720)
                while at < end {
                    first &+= unsafe UInt32(raw[at]) << 8 | UInt32(raw[at + 1])
                    second &+= first
                    at += 2
                }
                fold()
            }
            if raw.count % 2 == 1 {
                first &+= unsafe UInt32(raw[raw.count - 1]) << 8
                second &+= first
                fold()
            }
            fold()
            return second << 16 | first
        }
    }
}

/// LibLZF's format, which h5py writes as filter 32000: runs of literals, and copies from at most 8 KiB back.
enum LZF {
    /// Decodes to exactly `expected` bytes; false when the input does not give them.
    static func decode(_ input: ChunkBuffer, count: Int, into output: ChunkBuffer, expected: Int) -> Bool {
        unsafe input.withUnsafeBytes(0..<count) { from in
            unsafe output.withUnsafeBytes(0..<expected) { to in
                var at = 0, put = 0
                while at < from.count {
                    let control = unsafe Int(from[at])
                    at += 1
                    if control < 32 {
                        let length = control + 1
                        guard length <= from.count - at, length <= to.count - put else { return false }
                        for step in 0..<length { unsafe to[put + step] = from[at + step] }
                        at += length
                        put += length
                    } else {
                        var length = control >> 5
                        if length == 7 {
                            guard at < from.count else { return false }
                            length += unsafe Int(from[at])
                            at += 1
                        }
                        length += 2
                        guard at < from.count else { return false }
                        let distance = (control & 31) << 8 | (unsafe Int(from[at]))
                        at += 1
                        let start = put - distance - 1
                        guard start >= 0, length <= to.count - put else { return false }
                        // Byte by byte: a copy may overlap what it makes.
                        for step in 0..<length { unsafe to[put + step] = to[start + step] }
                        put += length
                    }
                }
                return put == to.count
            }
        }
    }
}
