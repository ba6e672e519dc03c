public import ByteIO
import Tensors

// A plan and its chunks as bytes, for the way from the client to the helper.

extension HDF5Plan {
    var wire: [UInt8] {
        var writer = WireWriter()
        writer.put(groups) { writer, group in
            writer.put(group.path)
            writer.put(group.attributes) { $1.write(to: &$0) }
        }
        writer.put(datasets) { writer, dataset in
            writer.put(dataset.path)
            writer.put(dataset.dtype.rawValue)
            writer.put(dataset.shape)
            switch dataset.storage {
            case .contiguous: writer.put(false)
            case .chunked(let shape, let filters):
                writer.put(true)
                writer.put(shape)
                writer.put(filters) { $1.write(to: &$0) }
            }
            writer.put(dataset.attributes) { $1.write(to: &$0) }
        }
        return writer.bytes
    }

    /// The plan that a payload holds.
    public init(wire: [UInt8]) throws(IOError) {
        var reader = WireReader(wire)
        let groups = try reader.list { (reader) throws(IOError) in
            let path = try reader.text()
            return Group(path: path, attributes: try reader.list { (reader) throws(IOError) in try Attribute(from: &reader) })
        }
        let datasets = try reader.list { (reader) throws(IOError) in
            let path = try reader.text(), name = try reader.text(), shape = try reader.ints()
            guard let dtype = DType(rawValue: name) else { throw reader.unknown("a dtype", name.utf8.count) }
            var storage = Storage.contiguous
            if try reader.bool() {
                let shape = try reader.ints()
                storage = .chunked(shape: shape, filters: try reader.list { (reader) throws(IOError) in try HDF5Filter(from: &reader) })
            }
            return Dataset(path: path, dtype: dtype, shape: shape, storage: storage,
                           attributes: try reader.list { (reader) throws(IOError) in try Attribute(from: &reader) })
        }
        self.init(groups: groups, datasets: datasets)
    }
}

extension HDF5Plan.Attribute {
    func write(to writer: inout WireWriter) {
        writer.put(name)
        switch value {
        case .text(let text):
            writer.put(UInt8(0))
            writer.put(text)
        case .texts(let texts):
            writer.put(UInt8(1))
            writer.put(texts) { $0.put($1) }
        case .integer(let value):
            writer.put(UInt8(2))
            writer.put(Int(value))
        case .integers(let values):
            writer.put(UInt8(3))
            writer.put(values) { $0.put(Int($1)) }
        case .float(let value):
            writer.put(UInt8(4))
            writer.put(value.bitPattern)
        case .floats(let values):
            writer.put(UInt8(5))
            writer.put(values) { $0.put($1.bitPattern) }
        }
    }

    init(from reader: inout WireReader) throws(IOError) {
        name = try reader.text()
        let kind = try reader.cursor.u8()
        value = switch kind {
        case 0: .text(try reader.text())
        case 1: .texts(try reader.list { (reader) throws(IOError) in try reader.text() })
        case 2: .integer(Int64(try reader.int()))
        case 3: .integers(try reader.list { (reader) throws(IOError) in Int64(try reader.int()) })
        case 4: .float(Double(bitPattern: try reader.cursor.u64()))
        case 5: .floats(try reader.list { (reader) throws(IOError) in Double(bitPattern: try reader.cursor.u64()) })
        default: throw reader.unknown("a kind of attribute", kind)
        }
    }
}

/// What stands before a chunk's bytes on their way to the helper.
public struct HDF5ChunkHead: Sendable, Equatable {
    public var dataset: Int
    public var offset: [Int]
    public var mask: UInt32

    var wire: [UInt8] {
        var writer = WireWriter()
        writer.put(dataset)
        writer.put(offset)
        writer.put(mask)
        return writer.bytes
    }

    public init(dataset: Int, offset: [Int], mask: UInt32) {
        self.dataset = dataset
        self.offset = offset
        self.mask = mask
    }

    /// The head at the start of a chunk frame's payload, and how many bytes it takes.
    public static func read(_ payload: [UInt8]) throws(IOError) -> (head: HDF5ChunkHead, count: Int) {
        var reader = WireReader(payload)
        let head = HDF5ChunkHead(dataset: try reader.int(), offset: try reader.ints(), mask: try reader.cursor.u32())
        return (head, reader.cursor.position)
    }
}

/// The payload of an addresses frame: -1 where a dataset has none.
public enum HDF5Addresses {
    public static func wire(_ addresses: [Int?]) -> [UInt8] {
        var writer = WireWriter()
        writer.put(addresses.map { $0 ?? -1 })
        return writer.bytes
    }

    static func read(_ payload: [UInt8]) throws(IOError) -> [Int?] {
        var reader = WireReader(payload)
        return try reader.ints().map { $0 < 0 ? nil : $0 }
    }
}
