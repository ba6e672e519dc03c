public import ByteIO

// A description as bytes, for the way from the helper to its client.

extension HDF5Description {
    /// The payload of a description frame.
    public var wire: [UInt8] {
        var writer = WireWriter()
        writer.put(groups) { writer, group in
            writer.put(group.path)
            writer.put(group.attributes) { $1.write(to: &$0) }
        }
        writer.put(datasets) { $1.write(to: &$0) }
        writer.put(others) {
            $0.put($1.path)
            $0.put($1.reason)
        }
        return writer.bytes
    }

    /// The description that a payload holds. Throws when it holds anything else, or more.
    public init(wire: [UInt8]) throws(IOError) {
        var reader = WireReader(wire)
        let groups = try reader.list { (reader) throws(IOError) in
            let path = try reader.text()
            return HDF5Group(path: path, attributes: try reader.list { (reader) throws(IOError) in try HDF5Attribute(from: &reader) })
        }
        let datasets = try reader.list { (reader) throws(IOError) in try HDF5Dataset(from: &reader) }
        let others = try reader.list { (reader) throws(IOError) in Other(path: try reader.text(), reason: try reader.text()) }
        guard reader.cursor.isAtEnd else { throw reader.unknown("a description that ends", reader.cursor.remaining) }
        self.init(groups: groups, datasets: datasets, others: others)
    }
}

extension HDF5Dataset {
    func write(to writer: inout WireWriter) {
        writer.put(path)
        writer.put(object)
        writer.put(attributes) { $1.write(to: &$0) }
        switch content {
        case .array(let array):
            writer.put(UInt8(0))
            array.write(to: &writer)
        case .unsupported(let reason):
            writer.put(UInt8(1))
            writer.put(reason)
        case .refused(let reason):
            writer.put(UInt8(2))
            writer.put(reason)
        }
    }

    init(from reader: inout WireReader) throws(IOError) {
        path = try reader.text()
        object = try reader.cursor.u64()
        attributes = try reader.list { (reader) throws(IOError) in try HDF5Attribute(from: &reader) }
        let kind = try reader.cursor.u8()
        content = switch kind {
        case 0: .array(try HDF5Array(from: &reader))
        case 1: .unsupported(try reader.text())
        case 2: .refused(try reader.text())
        default: throw reader.unknown("a kind of dataset", kind)
        }
    }
}

extension HDF5Array {
    func write(to writer: inout WireWriter) {
        type.write(to: &writer)
        writer.put(shape)
        writer.put(fill)
        switch layout {
        case .unallocated: writer.put(UInt8(0))
        case .contiguous(let address, let count):
            writer.put(UInt8(1))
            writer.put(address)
            writer.put(count)
        case .compact(let bytes):
            writer.put(UInt8(2))
            writer.put(bytes)
        case .chunked(let chunking):
            writer.put(UInt8(3))
            writer.put(chunking.shape)
            writer.put(chunking.leavesPartialChunksUnfiltered)
            writer.put(chunking.filters) { $1.write(to: &$0) }
            writer.put(chunking.chunks) {
                $0.put($1.index)
                $0.put($1.address)
                $0.put($1.count)
                $0.put($1.mask)
            }
        }
    }

    init(from reader: inout WireReader) throws(IOError) {
        type = try HDF5Type(from: &reader)
        shape = try reader.ints()
        fill = try reader.raw()
        let kind = try reader.cursor.u8()
        switch kind {
        case 0: layout = .unallocated
        case 1: layout = .contiguous(address: try reader.int(), count: try reader.int())
        case 2: layout = .compact(try reader.raw())
        case 3:
            let shape = try reader.ints(), partial = try reader.bool()
            let filters = try reader.list { (reader) throws(IOError) in try HDF5Filter(from: &reader) }
            let chunks = try reader.list { (reader) throws(IOError) in
                HDF5Chunk(index: try reader.int(), address: try reader.int(), count: try reader.int(), mask: try reader.cursor.u32())
            }
            layout = .chunked(HDF5Chunking(shape: shape, filters: filters, chunks: chunks, leavesPartialChunksUnfiltered: partial))
        default: throw reader.unknown("a kind of layout", kind)
        }
    }
}

extension HDF5Filter {
    func write(to writer: inout WireWriter) {
        writer.put(id)
        writer.put(values) { $0.put($1) }
    }

    init(from reader: inout WireReader) throws(IOError) {
        id = try reader.int()
        values = try reader.list { (reader) throws(IOError) in try reader.cursor.u32() }
    }
}
