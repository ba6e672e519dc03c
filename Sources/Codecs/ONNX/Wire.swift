import ByteIO
import Checkpoints

/// One field of a protobuf message, as the wire has it. Bytes are named by their place in the file, not loaded.
struct WireField {
    enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        case bytes(Range<Int>)
    }

    let number: Int
    let value: Value
    /// Where its tag stands.
    let offset: Int
}

/// The small piece of a file that a walk over its messages has in memory, and how many fields it may still read.
final class WireWindow {
    let source: any ByteSource
    private var piece: [UInt8] = []
    private var start = 0
    private let size: Int
    private var fieldsLeft: Int
    private var textLeft: Int

    /// - Parameters:
    ///   - fields: how many fields may be read in all.
    ///   - text: how many bytes of texts may be kept in all.
    init(_ source: any ByteSource, fields: Int, text: Int, size: Int = 4096) {
        self.source = source
        self.size = size
        fieldsLeft = fields
        textLeft = text
    }

    func byte(at offset: Int) throws(CheckpointError) -> UInt8 {
        if offset < start || offset - start >= piece.count {
            let count = min(size, source.count - offset)
            guard offset >= 0, count > 0 else { throw CheckpointError(.malformed, "the file ends in the midst of a field; it is truncated, fetch it again", offset: offset) }
            piece = try rising { () throws(IOError) in try source.bytes(at: offset, count: count) }
            start = offset
        }
        return piece[offset - start]
    }

    func bytes(_ range: Range<Int>, limit: Int) throws(CheckpointError) -> [UInt8] {
        guard range.count <= min(limit, textLeft) else {
            throw CheckpointError(.limit, "a text of \(grouped(range.count)) bytes is over the limit of \(grouped(limit)) for one, or with those before it over the limit for all", offset: range.lowerBound)
        }
        textLeft -= range.count
        return try rising { () throws(IOError) in try source.bytes(at: range.lowerBound, count: range.count) }
    }

    func text(_ range: Range<Int>, limit: Int) throws(CheckpointError) -> String {
        guard let text = String(validating: try bytes(range, limit: limit), as: UTF8.self) else {
            throw CheckpointError(.malformed, "a text of \(range.count) bytes is not UTF-8", offset: range.lowerBound)
        }
        return text
    }

    func countField(_ offset: Int) throws(CheckpointError) {
        fieldsLeft -= 1
        guard fieldsLeft >= 0 else { throw CheckpointError(.limit, "it has more protobuf fields than any model", offset: offset) }
    }
}

/// Reads the fields of one protobuf message in the order of the file. A field that does not lie within its message is an error; so are groups,
/// which ONNX never had.
struct WireReader {
    let window: WireWindow
    private(set) var position: Int
    let end: Int

    init(_ window: WireWindow, _ range: Range<Int>) {
        self.window = window
        position = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { position >= end }

    /// The next field; nil at the end of the message.
    mutating func next() throws(CheckpointError) -> WireField? {
        guard !isAtEnd else { return nil }
        let offset = position
        try window.countField(offset)
        let tag = try varint()
        guard tag >> 3 > 0, tag >> 3 < 1 << 29 else {
            throw CheckpointError(.malformed, "field number \(tag >> 3) does not exist in protobuf: the file is damaged, or it is no ONNX model", offset: offset)
        }
        let number = Int(tag >> 3)
        switch tag & 7 {
        case 0: return WireField(number: number, value: .varint(try varint()), offset: offset)
        case 1: return WireField(number: number, value: .fixed64(try fixed(8)), offset: offset)
        case 5: return WireField(number: number, value: .fixed32(UInt32(truncatingIfNeeded: try fixed(4))), offset: offset)
        case 2:
            let count = try varint()
            guard count <= UInt64(end - position) else {
                throw CheckpointError(.malformed, "field \(number) should have \(count) bytes, \(grouped(end - position)) are left in its message; the file is truncated or damaged", offset: offset)
            }
            let range = position..<position + Int(count)
            position = range.upperBound
            return WireField(number: number, value: .bytes(range), offset: offset)
        default:
            throw CheckpointError(.malformed, "wire type \(tag & 7) of field \(number) is not used by ONNX: the file is damaged, or it is no ONNX model", offset: offset)
        }
    }

    mutating func varint() throws(CheckpointError) -> UInt64 {
        var value: UInt64 = 0
        let offset = position
        for place in 0..<10 {
            guard position < end else { throw CheckpointError(.malformed, "a number is cut off; the file is truncated or damaged", offset: offset) }
            let byte = try window.byte(at: position)
            position += 1
            if place == 9, byte > 1 { break }
            value |= UInt64(byte & 0x7F) << UInt64(7 * place)
            if byte < 0x80 { return value }
        }
        throw CheckpointError(.malformed, "a number has more than 64 bits", offset: offset)
    }

    mutating func fixed(_ size: Int) throws(CheckpointError) -> UInt64 {
        guard size <= end - position else { throw CheckpointError(.malformed, "a number of \(size) bytes is cut off; the file is truncated or damaged", offset: position) }
        var value: UInt64 = 0
        for place in 0..<size { value |= UInt64(try window.byte(at: position + place)) << UInt64(8 * place) }
        position += size
        return value
    }
}

extension WireField {
    private func wrong(_ what: String) -> CheckpointError {
        CheckpointError(.malformed, "field \(number) should be \(what): the file is damaged, or it is no ONNX model", offset: offset)
    }

    func range() throws(CheckpointError) -> Range<Int> {
        guard case .bytes(let range) = value else { throw wrong("a text or a message") }
        return range
    }

    func integer() throws(CheckpointError) -> Int64 {
        guard case .varint(let bits) = value else { throw wrong("a whole number") }
        return Int64(bitPattern: bits)
    }

    func float() throws(CheckpointError) -> Float {
        guard case .fixed32(let bits) = value else { throw wrong("a float") }
        return Float(bitPattern: bits)
    }

    /// Calls `body` with each number of a repeated field, packed or not.
    func integers(_ window: WireWindow, _ body: (Int64) throws(CheckpointError) -> Void) throws(CheckpointError) {
        switch value {
        case .varint(let bits): try body(Int64(bitPattern: bits))
        case .bytes(let range):
            var reader = WireReader(window, range)
            while !reader.isAtEnd { try body(Int64(bitPattern: try reader.varint())) }
        default: throw wrong("whole numbers")
        }
    }
}
