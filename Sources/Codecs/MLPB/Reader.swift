import ByteIO
import Checkpoints
import Checksums
import Tensors

/// An open MLPB file. Opening reads the header, the tail, the index and the sections that are known: never the tensors (MLPB-72).
final class MLPBCheckpoint: Checkpoint {
    let index: CheckpointIndex
    let source: any ByteSource
    let file: FileIndex
    /// For each tensor of `index`, its place in the file: tensors that this version cannot decode are not in `index`.
    let ordinals: [Int]

    init(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) {
        let source = input.source
        let header = try FileHeader(input.head)
        guard source.count >= Layout.headerCount + FileIndex.fixedCount + Layout.tailCount else {
            throw CheckpointError(.malformed, "the file ends after \(source.count) bytes: it is truncated, fetch it again", offset: source.count)
        }
        let tailOffset = source.count - Layout.tailCount
        let tail = try Tail(rising { () throws(IOError) in try source.bytes(at: tailOffset, count: Layout.tailCount) }, at: tailOffset)
        // MLPB-63, here and below for the index.
        guard tail.headerCRC == CRC32.of(Array(header.bytes.dropLast(4))) else {
            throw CheckpointError(.malformed, "the tail belongs to another header", offset: tailOffset + 36)
        }
        guard tail.indexCount <= limits.headerBytes else {
            throw CheckpointError(.limit, "an index of \(grouped(tail.indexCount)) bytes is over the limit of \(grouped(limits.headerBytes))", offset: tail.indexOffset)
        }
        // MLPB-62: the index and its padding up to the tail.
        let bytes = try rising { () throws(IOError) in try source.bytes(at: tail.indexOffset, count: tailOffset - tail.indexOffset) }
        guard bytes[tail.indexCount...].allSatisfy({ $0 == 0 }) else {
            throw CheckpointError(.malformed, "the padding after the index is not zero", offset: tail.indexOffset + tail.indexCount)
        }
        let file = try FileIndex(Array(bytes[..<tail.indexCount]), at: tail.indexOffset, limits: limits)
        guard Array(bytes[..<tail.indexCount].suffix(4)) == Self.littleEndian(tail.indexCRC) else {
            throw CheckpointError(.malformed, "the tail belongs to another index", offset: tailOffset + 32)
        }
        var sections = try Sections(file, in: source, limits: limits)
        var infos: [TensorInfo] = [], ordinals: [Int] = [], unsupported: [CheckpointIndex.Unsupported] = []
        infos.reserveCapacity(file.tensors.count)
        var total = 0
        for tensor in file.tensors {
            let head = tensor.head
            if let reason = try Self.unsupported(head, header) {
                unsupported.append(.init(name: head.name, reason: reason))
                continue
            }
            guard let dtype = DTypeTable.dtype(head.dtypeID) else { continue }
            do throws(TensorError) { infos.append(try TensorInfo(name: head.name, dtype: dtype, sizes: head.sizes)) } catch {
                throw CheckpointError(.malformed, error.description, tensor: head.name, offset: head.offset)
            }
            ordinals.append(head.ordinal)
            try limits.admit(head.name, bytes: head.byteCount, total: &total)
        }
        try sections.checkShares(file)
        if !unsupported.isEmpty { sections.keepTies(among: ordinals) }
        self.source = source
        self.file = file
        self.ordinals = ordinals
        index = CheckpointIndex(tensors: infos, metadata: sections.metadata, unsupported: unsupported, ties: sections.ties, optimizer: sections.optimizer)
    }

    /// Why this version cannot decode the tensor (MLPB-31, MLPB-41: what minor versions add, MLPB-101); nil when it can.
    private static func unsupported(_ head: TensorHead, _ header: FileHeader) throws(CheckpointError) -> String? {
        if DTypeTable.dtype(head.dtypeID) == nil {
            guard header.minor > Layout.minor, head.dtypeID != 0 else {
                throw CheckpointError(.malformed, "dtype \(head.dtypeID) is not defined in MLPB \(header.major).\(header.minor)", tensor: head.name, offset: head.offset + 44)
            }
            return "dtype \(head.dtypeID) of MLPB \(header.major).\(header.minor) is not known to this reader (\(Layout.major).\(Layout.minor))"
        }
        return head.encoding == Encoding.stored ? nil : "encoding \(head.encoding) is not known to this reader (MLPB \(Layout.major).\(Layout.minor))"
    }

    private static func littleEndian(_ value: UInt32) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: value)
        return bytes
    }

    /// The record that holds the data of the tensor at `position`: its own, or the one whose data it shares.
    private func owner(ofTensorAt position: Int) -> TensorRecord {
        file.tensors[file.tensors[ordinals[position]].head.dataOrdinal]
    }

    func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes {
        BlockBytes(owner(ofTensorAt: position), in: source)
    }

    /// In place, without the checksums that `bytes(ofTensorAt:)` verifies.
    func extent(ofTensorAt position: Int) -> TensorExtent? {
        let record = owner(ofTensorAt: position)
        return TensorExtent(source: source, offset: record.dataOffset, count: record.foot.storedCount)
    }

    func storedSHA256(ofTensorAt position: Int) -> String? {
        file.tensors[ordinals[position]].foot.sha256.map(ContentHash.hex)
    }

    func verifyRemainder() throws(CheckpointError) { try Verification(self).run() }
}

/// What the known sections say.
struct Sections {
    var metadata = Metadata()
    var optimizer: OptimizerState?
    var ties: [[Int]] = []

    init(_ file: FileIndex, in source: any ByteSource, limits: Limits) throws(CheckpointError) {
        var total = 0
        for section in file.sections {
            guard let kind = SectionKind(rawValue: section.kind) else {
                // MLPB-52: what is critical and unknown cannot be passed over.
                guard !section.isCritical else {
                    throw CheckpointError(.unsupported, "the section \(section.kind) is marked as critical and is not known to this reader: a newer mlpconv reads it", offset: section.offset)
                }
                continue
            }
            total += min(section.bodyCount, limits.headerBytes)
            guard section.bodyCount <= limits.headerBytes, total <= limits.headerBytes else {
                throw CheckpointError(.limit, "the section \(section.kind) of \(grouped(section.bodyCount)) bytes is over the limit of \(grouped(limits.headerBytes)) for all texts", offset: section.offset)
            }
            let body = try rising { () throws(IOError) in try source.bytes(at: section.bodyOffset, count: section.bodyCount) }
            let crc = CRC32.of(body)
            guard crc == section.bodyCRC else {
                throw CheckpointError(.malformed, "the section \(section.kind) has the CRC-32 \(hex(crc)), its head says \(hex(section.bodyCRC)): it is damaged", offset: section.bodyOffset)
            }
            try take(kind, body, at: section.bodyOffset, tensors: file.tensors.count, limits: limits)
        }
        try settle()
    }

    init() {}

    private var network: String?

    /// Reads the body of a known section, whose checksum was right.
    mutating func take(_ kind: SectionKind, _ body: [UInt8], at offset: Int, tensors: Int, limits: Limits) throws(CheckpointError) {
        var cursor = ByteCursor(body, origin: offset)
        switch kind {
        case .network: network = try cursor.parsed("network section") { (cursor) throws(IOError) in try cursor.utf8(body.count) }
        case .metadata: metadata = try MetadataBody.decode(&cursor)
        case .optimizer:
            optimizer = try OptimizerBody.decode(body, at: offset, limits: limits)
            return
        case .ties: ties = try TiesBody.decode(&cursor, tensors: tensors)
        }
        guard cursor.isAtEnd else {
            throw CheckpointError(.malformed, "\(cursor.remaining) bytes follow the end of the section \(kind.rawValue)", offset: cursor.offset)
        }
    }

    /// After the last section: the network's text comes back under its key, in its place in the order of keys (MLPB-56).
    mutating func settle() throws(CheckpointError) {
        guard let network else { return }
        guard metadata[MetadataKey.network] == nil else {
            throw CheckpointError(.malformed, "the network stands in its section and in the metadata")
        }
        var pairs = metadata.entries.map { ($0.key, $0.text) }
        let place = pairs.firstIndex { MetadataKey.network.utf8.lexicographicallyPrecedes($0.0.utf8) } ?? pairs.count
        pairs.insert((MetadataKey.network, network), at: place)
        metadata = Metadata(pairs)
    }

    /// MLPB-28: tensors that share data are tied.
    func checkShares(_ file: FileIndex) throws(CheckpointError) {
        guard file.tensors.contains(where: \.head.sharesData) else { return }
        var groups: [Int: Set<Int>] = [:]
        for (number, group) in ties.enumerated() { for ordinal in group { groups[ordinal, default: []].insert(number) } }
        for tensor in file.tensors where tensor.head.sharesData {
            guard let mine = groups[tensor.head.ordinal], let owners = groups[tensor.head.dataOrdinal], !mine.isDisjoint(with: owners) else {
                throw CheckpointError(.malformed, "it shares the data of tensor \(quoted(file.tensors[tensor.head.dataOrdinal].head.name)), and no tie says so", tensor: tensor.head.name, offset: tensor.head.offset + 20)
            }
        }
    }

    /// Renumbers the ties to the tensors that are in the index.
    mutating func keepTies(among ordinals: [Int]) {
        let positions = Dictionary(uniqueKeysWithValues: ordinals.enumerated().map { ($1, $0) })
        ties = ties.map { $0.compactMap { positions[$0] } }.filter { $0.count > 1 }
    }
}
