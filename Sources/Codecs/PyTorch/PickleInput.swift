import ByteIO
import Checkpoints

/// The bytes of pickles, front to back through a window: where a legacy file's pickles end is known only when they have been read.
struct PickleInput {
    private let source: any ByteSource
    private let end: Int
    /// What is added to offsets in errors.
    private let origin: Int
    private var window: [UInt8] = []
    private var windowStart: Int
    private(set) var position: Int

    init(_ source: any ByteSource, from start: Int = 0, to end: Int, origin: Int = 0) {
        self.source = source
        self.end = end
        self.origin = origin
        windowStart = start
        position = start
    }

    var remaining: Int { end - position }
    /// The offset of the next byte, for errors.
    var offset: Int { origin + position }

    private mutating func fill() throws(CheckpointError) {
        let size = min(1 << 16, remaining)
        let start = position
        window = try rising { () throws(IOError) in try source.bytes(at: start, count: size) }
        windowStart = start
    }

    mutating func byte() throws(CheckpointError) -> UInt8 {
        guard remaining > 0 else { throw short(1) }
        if position < windowStart || position - windowStart >= window.count { try fill() }
        defer { position += 1 }
        return window[position - windowStart]
    }

    /// The next `count` bytes; nothing is allocated for more than there are.
    mutating func take(_ count: Int) throws(CheckpointError) -> [UInt8] {
        guard count >= 0, count <= remaining else { throw short(count) }
        let from = position - windowStart
        if from + count <= window.count {
            position += count
            return Array(window[from..<from + count])
        }
        let start = position
        let bytes = try rising { () throws(IOError) in try source.bytes(at: start, count: count) }
        position += count
        return bytes
    }

    /// Passes over `count` bytes, which the caller knows to be there.
    mutating func skip(_ count: Int) {
        position += min(max(count, 0), remaining)
    }

    /// A little-endian number of `count` bytes, at most 8.
    mutating func number(_ count: Int) throws(CheckpointError) -> UInt64 {
        try take(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// A size of 8 bytes that must be believable.
    mutating func size() throws(CheckpointError) -> Int {
        let at = offset
        let value = try number(8)
        guard let size = Int(exactly: value), size <= remaining else {
            throw CheckpointError(.malformed, "the pickle says that \(value) bytes follow, \(remaining) are left; the file is damaged or truncated", offset: at)
        }
        return size
    }

    /// The text up to the next newline, which is skipped.
    mutating func line(atMost limit: Int) throws(CheckpointError) -> String {
        let at = offset
        var bytes: [UInt8] = []
        while true {
            let byte = try byte()
            if byte == 10 { break }
            guard bytes.count < limit else { throw CheckpointError(.limit, "a name in the pickle has more than \(limit) bytes", offset: at) }
            bytes.append(byte)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw CheckpointError(.malformed, "a name in the pickle is not valid UTF-8", offset: at) }
        return text
    }

    private func short(_ count: Int) -> CheckpointError {
        CheckpointError(.malformed, "the pickle ends early: \(count) bytes are asked for, \(remaining) are left; the file is truncated or damaged", offset: offset)
    }
}
