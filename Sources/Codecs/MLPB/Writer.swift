import ByteIO
import Checkpoints
import Checksums
import Tensors

/// Writes a checkpoint front to back: header, sections, each tensor (head, data, foot), index, tail. Nothing is patched.
struct Writer {
    private let checkpoint: any Checkpoint
    private let output: OutputFile
    private let options: WriteOptions
    private let blockSize: Int
    /// Where the file begins in the output.
    private let origin: Int
    private let buffer: ChunkBuffer
    private let recordsHashes: Bool
    private var sections: [SectionHead] = []
    private var tensors: [TensorRecord] = []
    /// For each tensor that is tied, the groups that it is in.
    private var groups: [Int: [Int]] = [:]
    private var written = 0
    private let total: Int

    /// Above this many bytes of tensors, hashes are recorded only when asked for: SHA-256 takes three times as long as writing.
    static let hashedBytes = 4 << 20

    init(_ checkpoint: any Checkpoint, to output: OutputFile, options: WriteOptions, blockSize: Int) throws(CheckpointError) {
        self.checkpoint = checkpoint
        self.output = output
        self.options = options
        self.blockSize = blockSize
        origin = output.position
        // A part of a block at a time: it is still in the core's cache when it is summed and written.
        buffer = try ChunkBuffer(checkedCount: min(blockSize, 256 << 10))
        total = checkpoint.index.totalBytes
        recordsHashes = options.recordsHashes ?? (total <= Self.hashedBytes)
        for (number, group) in checkpoint.index.ties.enumerated() { for ordinal in group { groups[ordinal, default: []].append(number) } }
    }

    /// What is refused before the first byte: names that are no names, ties that are none.
    static func check(_ index: CheckpointIndex) throws(CheckpointError) {
        guard UInt32(exactly: index.tensors.count) != nil else { throw CheckpointError(.limit, "MLPB numbers tensors with 32 bits") }
        var seen = Set<ExactText>(minimumCapacity: index.tensors.count)
        for tensor in index.tensors where !seen.insert(ExactText(tensor.name)).inserted {
            throw CheckpointError(.mismatch, "two tensors have this name; rename one", tensor: tensor.name)
        }
        for group in index.ties where !TiesBody.isGroup(group, of: index.tensors.count) {
            throw CheckpointError(.mismatch, "a group of tied tensors must be two or more positions in the index, ascending; it is \(group.prefix(8))")
        }
    }

    private var position: Int { output.position - origin }

    mutating func run(_ further: [(kind: String, isCritical: Bool, body: [UInt8])]) throws(CheckpointError) {
        let header = FileHeader().bytes
        try put(header)
        let index = checkpoint.index
        if let network = index.metadata[MetadataKey.network] { try putSection(SectionKind.network.rawValue, Array(network.utf8)) }
        var metadata = index.metadata
        metadata[MetadataKey.network] = nil
        if !metadata.isEmpty { try putSection(SectionKind.metadata.rawValue, MetadataBody.encode(metadata)) }
        if let optimizer = index.optimizer { try putSection(SectionKind.optimizer.rawValue, OptimizerBody.encode(optimizer)) }
        if !index.ties.isEmpty { try putSection(SectionKind.ties.rawValue, TiesBody.encode(index.ties)) }
        for section in further { try putSection(section.kind, section.body, isCritical: section.isCritical) }
        tensors.reserveCapacity(index.tensors.count)
        for ordinal in index.tensors.indices {
            do throws(CheckpointError) { try putTensor(ordinal) } catch { throw error.at(tensor: index.tensors[ordinal].name) }
        }
        try putIndex(headerCRC: CRC32.of(Array(header.dropLast(4))))
    }

    private mutating func putSection(_ kind: String, _ body: [UInt8], isCritical: Bool = false) throws(CheckpointError) {
        let head = SectionHead(offset: position, kind: kind, isCritical: isCritical, body: body)
        sections.append(head)
        try put(head.bytes + body)
    }

    private mutating func putTensor(_ ordinal: Int) throws(CheckpointError) {
        let tensor = checkpoint.index.tensors[ordinal]
        guard let dtypeID = DTypeTable.id(tensor.dtype) else { throw CheckpointError(.unsupported, "MLPB has no number for \(tensor.dtype.rawValue)") }
        let owner = try dataOwner(of: ordinal)
        let head = TensorHead(offset: position, ordinal: ordinal, dataOrdinal: owner ?? ordinal, byteCount: tensor.byteCount,
                              storedCount: owner == nil ? tensor.byteCount : 0, blockSize: blockSize, dtypeID: dtypeID,
                              encoding: Encoding.stored, sizes: tensor.shape.sizes, name: tensor.name)
        let headBytes = head.bytes
        try put(headBytes)
        var blocks: [TensorFoot.Block] = []
        var sha256 = owner.flatMap { tensors[$0].foot.sha256 }
        if owner == nil { (blocks, sha256) = try putData(ordinal) } else { report(tensor.byteCount) }
        let foot = TensorFoot(offset: position, ordinal: ordinal, headCRC: CRC32.of(Array(headBytes.dropLast(4))),
                              storedCount: blocks.reduce(0) { $0 + $1.count }, sha256: sha256, blocks: blocks)
        tensors.append(TensorRecord(head: head, foot: foot))
        try put(foot.bytes)
    }

    /// Draws the tensor through the buffer and appends it; gives its blocks' checksums and, where it is recorded, its hash.
    private mutating func putData(_ ordinal: Int) throws(CheckpointError) -> ([TensorFoot.Block], sha256: [UInt8]?) {
        let tensor = checkpoint.index.tensors[ordinal]
        var blocks: [TensorFoot.Block] = []
        var crc = CRC32(), inBlock = 0, drawn = 0
        var hash = ContentHash.Running()
        // Buffer and block sizes are powers of two, so no piece reaches over the end of a block.
        try checkpoint.forEachChunk(ofTensorAt: ordinal, through: buffer) { (bytes) throws(CheckpointError) in
            crc.update(bytes)
            if recordsHashes { hash.update(bytes) }
            try rising { () throws(IOError) in try output.append(bytes) }
            inBlock += bytes.byteCount
            drawn += bytes.byteCount
            if inBlock == blockSize || drawn == tensor.byteCount {
                blocks.append(.init(count: inBlock, crc: crc.value))
                crc = CRC32()
                inBlock = 0
            }
            options.progress?(written + drawn, total)
        }
        guard drawn == tensor.byteCount else {
            throw CheckpointError(.mismatch, "the source gave \(grouped(drawn)) bytes of \(grouped(tensor.byteCount))")
        }
        written += drawn
        try put([])
        return (blocks, recordsHashes ? hash.digest() : nil)
    }

    private mutating func report(_ count: Int) {
        written += count
        options.progress?(written, total)
    }

    private func putIndex(headerCRC: UInt32) throws(CheckpointError) {
        var contentHash: [UInt8]?
        if recordsHashes {
            let hashes = zip(checkpoint.index.tensors, tensors).map { (info: $0, sha256: ContentHash.hex($1.foot.sha256 ?? [])) }
            contentHash = ContentHash.bytes(ofHex: ContentHash.combined(hashes))
        }
        let index = FileIndex(offset: position, sections: sections, tensors: tensors, contentHash: contentHash)
        let bytes = index.bytes
        try put(bytes)
        let tail = Tail(offset: position, indexOffset: index.offset, indexCount: bytes.count, indexCRC: CRC32.of(Array(bytes.dropLast(4))), headerCRC: headerCRC)
        try put(tail.bytes)
    }

    /// Appends `bytes`, then zeros up to a multiple of 64 of the file.
    private func put(_ bytes: [UInt8]) throws(CheckpointError) {
        let padding = (Layout.alignment - (position + bytes.count) % Layout.alignment) % Layout.alignment
        try rising { () throws(IOError) in try output.append(bytes + [UInt8](repeating: 0, count: padding)) }
    }

    /// The earlier tensor whose data this one can share (MLPB-27): tied to it, of its dtype and shape, and equal in every byte.
    private func dataOwner(of ordinal: Int) throws(CheckpointError) -> Int? {
        let index = checkpoint.index
        let tensor = index.tensors[ordinal]
        guard tensor.byteCount > 0 else { return nil }
        var tried: Set<Int> = []
        for group in (groups[ordinal] ?? []).map({ index.ties[$0] }) {
            for other in group.prefix(while: { $0 < ordinal }) {
                let owner = tensors[other].head.dataOrdinal
                let candidate = index.tensors[owner]
                guard candidate.dtype == tensor.dtype, candidate.shape == tensor.shape, tried.insert(owner).inserted,
                      // A tie may be said of the other alone: the owner must be tied to this one too.
                      group.contains(owner), try isSame(ordinal, owner)
                else { continue }
                return owner
            }
        }
        return nil
    }

    private func isSame(_ a: Int, _ b: Int) throws(CheckpointError) -> Bool {
        let count = checkpoint.index.tensors[a].byteCount
        let second = try ChunkBuffer(checkedCount: buffer.count)
        let (left, right) = (try checkpoint.bytes(ofTensorAt: a), try checkpoint.bytes(ofTensorAt: b))
        var done = 0
        while done < count {
            let piece = min(buffer.count, count - done)
            try left.read(at: done, count: piece, into: buffer, at: 0)
            try right.read(at: done, count: piece, into: second, at: 0)
            guard buffer.isEqual(to: second, count: piece) else { return false }
            done += piece
        }
        return true
    }
}
