import ByteIO
public import Checkpoints
import Tensors

/// What the helper process and its client say to each other: frames of a kind, a length and a payload, all little-endian.
///
/// The client takes every answer as hostile: counts are believed only if the bytes could hold them, and what is decoded is checked
/// again by `HDF5File`.
public enum HDF5Frame: UInt8, Sendable {
    /// Helper to client: the path of the object that is touched next.
    case visiting = 1
    /// A description, the answer to `describe`.
    case description = 2
    case error = 3
    /// Client to helper: a plan, a chunk, the end. Helper to client: where the datasets lie, and that the file is closed.
    case plan = 16, chunk = 17, finish = 18, addresses = 19, finished = 20

    /// The bytes of a frame's head: kind and length.
    public static let headCount = 9

    /// The frame with this payload.
    public func framed(_ payload: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = [rawValue]
        bytes.append(littleEndian: UInt64(payload.count))
        return bytes + payload
    }
}

/// Builds a payload.
struct WireWriter {
    var bytes: [UInt8] = []

    mutating func put(_ value: Int) { bytes.append(littleEndian: Int64(value)) }
    mutating func put(_ value: UInt64) { bytes.append(littleEndian: value) }
    mutating func put(_ value: UInt32) { bytes.append(littleEndian: value) }
    mutating func put(_ value: UInt8) { bytes.append(value) }
    mutating func put(_ value: Bool) { bytes.append(value ? 1 : 0) }
    mutating func put(_ text: String) { put(Array(text.utf8)) }
    mutating func put(_ raw: [UInt8]) {
        put(raw.count)
        bytes += raw
    }
    mutating func put(_ values: [Int]) { put(values) { $0.put($1) } }
    mutating func put<T>(_ items: [T], _ one: (inout WireWriter, T) -> Void) {
        put(items.count)
        for item in items { one(&self, item) }
    }
}

/// Takes a payload apart.
struct WireReader {
    var cursor: ByteCursor

    init(_ bytes: [UInt8]) { cursor = ByteCursor(bytes) }

    mutating func int() throws(IOError) -> Int { Int(truncatingIfNeeded: try cursor.integer(Int64.self)) }
    mutating func bool() throws(IOError) -> Bool { try cursor.u8() != 0 }
    mutating func text() throws(IOError) -> String { try cursor.utf8(try length()) }
    mutating func raw() throws(IOError) -> [UInt8] { Array(try cursor.take(try length())) }
    mutating func ints() throws(IOError) -> [Int] { try list { (reader) throws(IOError) in try reader.int() } }

    /// A count of things that take a byte each at least.
    mutating func length() throws(IOError) -> Int {
        let at = cursor.offset, count = try int()
        guard count >= 0, count <= cursor.remaining else {
            throw IOError(operation: "read a list of \(count) items", offset: at, reason: "\(cursor.remaining) bytes are left")
        }
        return count
    }

    mutating func list<T>(_ one: (inout WireReader) throws(IOError) -> T) throws(IOError) -> [T] {
        let count = try length()
        var items: [T] = []
        for _ in 0..<count { items.append(try one(&self)) }
        return items
    }

    func unknown(_ what: String, _ value: some BinaryInteger) -> IOError {
        IOError(operation: "read \(what)", offset: cursor.offset, reason: "\(value) is none")
    }
}

extension CheckpointError {
    /// The payload of an error frame.
    public var wire: [UInt8] {
        var writer = WireWriter()
        writer.put(code.rawValue)
        writer.put(message)
        writer.put(place.tensor.map { [$0] } ?? []) { $0.put($1) }
        writer.put(place.offset.map { [$0] } ?? [])
        return writer.bytes
    }

    /// The error that a helper reports; an error of its own when the report is not one.
    init(wire: [UInt8]) {
        do throws(IOError) {
            var reader = WireReader(wire)
            let code = Code(rawValue: try reader.text()) ?? .malformed
            let message = try reader.text()
            let tensor = try reader.list { (reader) throws(IOError) in try reader.text() }.first
            self.init(code, message, tensor: tensor, offset: try reader.ints().first)
        } catch {
            self.init(.malformed, "the HDF5 reader reports an error that cannot be read: \(error)")
        }
    }
}

extension HDF5Attribute {
    func write(to writer: inout WireWriter) {
        writer.put(name)
        writer.put(shape)
        switch value {
        case .text(let texts):
            writer.put(UInt8(0))
            writer.put(texts) { $0.put($1) }
        case .integers(let values):
            writer.put(UInt8(1))
            writer.put(values) { $0.put(UInt64(bitPattern: $1)) }
        case .unsigned(let values):
            writer.put(UInt8(2))
            writer.put(values) { $0.put($1) }
        case .floats(let values):
            writer.put(UInt8(3))
            writer.put(values) { $0.put($1.bitPattern) }
        case .booleans(let values):
            writer.put(UInt8(4))
            writer.put(values) { $0.put($1) }
        case .empty: writer.put(UInt8(5))
        case .unsupported(let reason):
            writer.put(UInt8(6))
            writer.put(reason)
        }
    }

    init(from reader: inout WireReader) throws(IOError) {
        name = try reader.text()
        shape = try reader.ints()
        let kind = try reader.cursor.u8()
        value = switch kind {
        case 0: .text(try reader.list { (reader) throws(IOError) in try reader.text() })
        case 1: .integers(try reader.list { (reader) throws(IOError) in Int64(bitPattern: try reader.cursor.u64()) })
        case 2: .unsigned(try reader.list { (reader) throws(IOError) in try reader.cursor.u64() })
        case 3: .floats(try reader.list { (reader) throws(IOError) in Double(bitPattern: try reader.cursor.u64()) })
        case 4: .booleans(try reader.list { (reader) throws(IOError) in try reader.bool() })
        case 5: .empty
        case 6: .unsupported(try reader.text())
        default: throw reader.unknown("a kind of attribute", kind)
        }
    }
}

extension HDF5Type.Integer {
    func write(to writer: inout WireWriter) {
        writer.put([size, precision, bitOffset])
        writer.put(signed)
        writer.put(order.rawValue)
    }

    init(from reader: inout WireReader) throws(IOError) {
        let facts = try reader.ints()
        guard facts.count == 3, facts.allSatisfy({ (0..<1 << 48).contains($0) }) else { throw reader.unknown("an integer type of facts", facts.count) }
        self.init(size: facts[0], signed: try reader.bool(), order: try .init(from: &reader), precision: facts[1], bitOffset: facts[2])
    }
}

extension HDF5Type.ByteOrder {
    init(from reader: inout WireReader) throws(IOError) {
        let value = try reader.cursor.u8()
        guard let order = Self(rawValue: value) else { throw reader.unknown("a byte order", value) }
        self = order
    }
}

extension HDF5Type.Float {
    func write(to writer: inout WireWriter) {
        writer.put([size, precision, bitOffset, signPosition, exponentPosition, exponentSize, mantissaPosition, mantissaSize, bias])
        writer.put(isImplied)
        writer.put(order.rawValue)
    }

    init(from reader: inout WireReader) throws(IOError) {
        let facts = try reader.ints()
        guard facts.count == 9, facts.allSatisfy({ (0..<1 << 48).contains($0) }) else { throw reader.unknown("a floating-point type of facts", facts.count) }
        let isImplied = try reader.bool()
        self.init(size: facts[0], order: try .init(from: &reader), precision: facts[1], bitOffset: facts[2], signPosition: facts[3],
                  exponentPosition: facts[4], exponentSize: facts[5], mantissaPosition: facts[6], mantissaSize: facts[7], bias: facts[8], isImplied: isImplied)
    }
}

extension HDF5Type {
    // Recursion is bounded: by the reader of types when writing, by `depth` when reading.
    func write(to writer: inout WireWriter) {
        switch self {
        case .integer(let type):
            writer.put(UInt8(0))
            type.write(to: &writer)
        case .float(let type):
            writer.put(UInt8(1))
            type.write(to: &writer)
        case .bitfield(let type):
            writer.put(UInt8(2))
            type.write(to: &writer)
        case .opaque(let size, let tag):
            writer.put(UInt8(3))
            writer.put(size)
            writer.put(tag)
        case .enumeration(let base, let names):
            writer.put(UInt8(4))
            base.write(to: &writer)
            writer.put(names) {
                $0.put($1.name)
                $0.put(Int($1.value))
            }
        case .compound(let size, let members):
            writer.put(UInt8(5))
            writer.put(size)
            writer.put(members) {
                $0.put($1.name)
                $0.put($1.offset)
                $1.type.write(to: &$0)
            }
        case .array(let element, let sizes):
            writer.put(UInt8(6))
            writer.put(sizes)
            element.write(to: &writer)
        case .other(let what):
            writer.put(UInt8(7))
            writer.put(what)
        }
    }

    init(from reader: inout WireReader, depth: Int = 0) throws(IOError) {
        let kind = try reader.cursor.u8()
        guard depth <= 4 else { throw reader.unknown("a type at depth", depth) }
        switch kind {
        case 0: self = .integer(try Integer(from: &reader))
        case 1: self = .float(try Float(from: &reader))
        case 2: self = .bitfield(try Integer(from: &reader))
        case 3: self = .opaque(size: try reader.int(), tag: try reader.text())
        case 4:
            let base = try Integer(from: &reader)
            self = .enumeration(base: base, names: try reader.list { (reader) throws(IOError) in Name(try reader.text(), Int64(try reader.int())) })
        case 5:
            let size = try reader.int()
            self = .compound(size: size, members: try reader.list { (reader) throws(IOError) in
                Member(name: try reader.text(), offset: try reader.int(), type: try HDF5Type(from: &reader, depth: depth + 1))
            })
        case 6:
            let sizes = try reader.ints()
            guard sizes.allSatisfy({ $0 >= 0 }) else { throw reader.unknown("an array type of axes", sizes.count) }
            self = .array(try HDF5Type(from: &reader, depth: depth + 1), sizes: sizes)
        case 7: self = .other(try reader.text())
        default: throw reader.unknown("a kind of type", kind)
        }
    }
}
