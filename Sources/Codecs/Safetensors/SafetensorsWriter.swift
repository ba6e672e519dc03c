import ByteIO
import Checkpoints
import StrictJSON
import Tensors

/// Writes as the reference writer does: header, then the tensors by rank of dtype, highest first, then by name, without a gap.
///
/// One difference, which every reader must accept: the header is padded with blanks so that the data begins at a multiple of 64, not of 8.
struct SafetensorsWriter {
    private let checkpoint: any Checkpoint
    /// Positions in the index, in the order of the data.
    private let order: [Int]
    private let header: [UInt8]

    static let alignment = 64

    init(_ checkpoint: any Checkpoint) throws(CheckpointError) {
        self.checkpoint = checkpoint
        (order, header) = try Self.plan(checkpoint.index)
    }

    /// The order of the data, and the header that says so. Throws for what no file can hold.
    static func plan(_ index: CheckpointIndex) throws(CheckpointError) -> (order: [Int], header: [UInt8]) {
        var names = Set<[UInt8]>(minimumCapacity: index.tensors.count)
        var ranks: [Int] = [], codes: [String] = []
        for tensor in index.tensors {
            if let objection = SafetensorsCodec().objection(to: tensor) { throw CheckpointError(.unsupported, objection, tensor: tensor.name) }
            guard let dtype = SafetensorsDType(tensor.dtype) else { continue }
            ranks.append(dtype.rank)
            codes.append(dtype.rawValue)
            guard names.insert(Array(tensor.name.utf8)).inserted else {
                throw CheckpointError(.mismatch, "two tensors have this name; rename one", tensor: tensor.name)
            }
        }
        let order = index.tensors.indices.sorted { a, b in
            ranks[a] != ranks[b] ? ranks[a] > ranks[b] : index.tensors[a].name.utf8.lexicographicallyPrecedes(index.tensors[b].name.utf8)
        }
        var metadata = index.sidecar(dtypesWhere: { $0 == .void16 })
        metadata[MetadataKey.order] = order.elementsEqual(index.tensors.indices) ? nil : JSONValue.strings(index.tensors.map(\.name)).text()
        var members: [JSONValue.Member] = []
        if !metadata.isEmpty {
            let sorted = metadata.entries.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            members.append(.init(SafetensorsHeader.metadataKey, .object(sorted.map { .init($0.key, .string($0.text)) })))
        }
        var end = 0
        for position in order {
            let tensor = index.tensors[position]
            let (next, overflow) = end.addingReportingOverflow(tensor.byteCount)
            guard !overflow else { throw CheckpointError(.limit, "the tensors have more than 2^63 bytes") }
            members.append(.init(tensor.name, [
                "dtype": .string(codes[position]), "shape": .array(tensor.shape.sizes.map { .number(String($0)) }),
                "data_offsets": [.number(String(end)), .number(String(next))],
            ]))
            end = next
        }
        var text = Array(JSONValue.object(members).text().utf8)
        text += [UInt8](repeating: UInt8(ascii: " "), count: (alignment - (text.count + 8) % alignment) % alignment)
        guard text.count <= SafetensorsHeader.maxCount else {
            throw CheckpointError(.limit, "names and metadata make a header of \(grouped(text.count)) bytes; safetensors readers take at most \(grouped(SafetensorsHeader.maxCount)): drop metadata, or write another format")
        }
        return (order, text)
    }

    func run(to output: OutputFile, options: WriteOptions) throws(CheckpointError) {
        var length: [UInt8] = []
        length.append(littleEndian: UInt64(header.count))
        try rising { () throws(IOError) in try output.append(length + header) }
        let buffer = try ChunkBuffer(checkedCount: 256 << 10)
        let total = checkpoint.index.totalBytes
        var done = 0
        for position in order {
            let tensor = checkpoint.index.tensors[position]
            let start = done
            try checkpoint.forEachChunk(ofTensorAt: position, through: buffer) { (bytes) throws(CheckpointError) in
                try rising { () throws(IOError) in try output.append(bytes) }
                done += bytes.byteCount
                options.progress?(done, total)
            }
            guard done - start == tensor.byteCount else {
                throw CheckpointError(.mismatch, "the source gave \(grouped(done - start)) bytes of \(grouped(tensor.byteCount))", tensor: tensor.name)
            }
        }
    }
}
