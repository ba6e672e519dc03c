import ByteIO
import Checkpoints
import Checksums
import Tensors

/// The tensors and texts of a damaged file that are proven whole (MLPB-91), and no others (MLPB-92).
final class SalvagedCheckpoint: Checkpoint {
    let index: CheckpointIndex
    let lost: [CheckpointIndex.Unsupported]
    private let source: any ByteSource
    /// For each tensor of `index`, the record that has its data.
    private let owners: [TensorRecord]

    init(_ finds: Finds, limits: Limits) throws(CheckpointError) {
        var proof = Proof(finds, limits: limits)
        try proof.run()
        var sections = Sections()
        for section in finds.sections.values.sorted(by: { $0.offset < $1.offset }) {
            guard let kind = SectionKind(rawValue: section.kind), let body = Self.body(section, finds.source, limits) else {
                proof.lose("section \(section.kind)", "its body is damaged or not known to this reader")
                continue
            }
            do throws(CheckpointError) { try sections.take(kind, body, at: section.bodyOffset, tensors: Int(UInt32.max), limits: limits) } catch {
                proof.lose("section \(section.kind)", error.message)
            }
        }
        try sections.settle()
        sections.keepTies(among: proof.whole.map(\.ordinal))
        source = finds.source
        owners = proof.whole.map(\.owner)
        lost = proof.lost
        index = CheckpointIndex(tensors: proof.whole.map(\.info), metadata: sections.metadata, ties: sections.ties, optimizer: sections.optimizer)
    }

    private static func body(_ section: SectionHead, _ source: any ByteSource, _ limits: Limits) -> [UInt8]? {
        guard section.offset <= source.count - SectionHead.count, section.bodyCount <= limits.headerBytes,
              let body = try? source.bytes(at: section.bodyOffset, count: section.bodyCount), CRC32.of(body) == section.bodyCRC
        else { return nil }
        return body
    }

    func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes { BlockBytes(owners[position], in: source) }
}

/// Puts heads and feet together and reads all data.
private struct Proof {
    private(set) var whole: [(ordinal: Int, info: TensorInfo, owner: TensorRecord)] = []
    private(set) var lost: [CheckpointIndex.Unsupported] = []
    private let finds: Finds
    private let limits: Limits
    private let buffer: ChunkBuffer?
    private var records: [Int: TensorRecord] = [:]
    private var names: Set<ExactText> = []

    init(_ finds: Finds, limits: Limits) {
        self.finds = finds
        self.limits = limits
        buffer = try? ChunkBuffer(count: 256 << 10)
    }

    mutating func lose(_ name: String, _ reason: String) { lost.append(.init(name: name, reason: reason)) }

    mutating func run() throws(CheckpointError) {
        let heads = finds.heads.values.sorted { ($0.head.ordinal, $0.head.offset) < ($1.head.ordinal, $1.head.offset) }
        var next = 0, total = 0
        for (head, crc) in heads {
            if head.ordinal > next {
                lose(head.ordinal == next + 1 ? "tensor \(next)" : "tensors \(next) to \(head.ordinal - 1)", "both copies of the head are damaged")
            }
            next = max(next, head.ordinal + 1)
            do throws(CheckpointError) {
                let owner = try prove(head, crc)
                guard names.insert(ExactText(head.name)).inserted else { throw CheckpointError(.malformed, "another tensor has this name") }
                guard let dtype = DTypeTable.dtype(head.dtypeID), let info = try? TensorInfo(name: head.name, dtype: dtype, sizes: head.sizes) else {
                    throw CheckpointError(.unsupported, "dtype \(head.dtypeID) is not known to this reader")
                }
                try limits.admit(head.name, bytes: info.byteCount, total: &total)
                whole.append((head.ordinal, info, owner))
            } catch {
                guard error.code != .io else { throw error }
                lose(head.name, error.message)
            }
        }
    }

    /// MLPB-91: the record that has the tensor's data, every block of it checked.
    private mutating func prove(_ head: TensorHead, _ crc: UInt32) throws(CheckpointError) -> TensorRecord {
        guard head.encoding == Encoding.stored else { throw CheckpointError(.unsupported, "encoding \(head.encoding) is not known to this reader") }
        guard let bytes = finds.feet[.init(ordinal: head.ordinal, headCRC: crc)] else {
            throw CheckpointError(.malformed, "both copies of its checksums are damaged")
        }
        var cursor = ByteCursor(bytes)
        let record = TensorRecord(head: head, foot: try TensorFoot(&cursor, of: head))
        if head.sharesData {
            guard let owner = records[head.dataOrdinal], owner.head.dtypeID == head.dtypeID, owner.head.sizes == head.sizes, owner.head.byteCount == head.byteCount else {
                throw CheckpointError(.malformed, "the tensor \(head.dataOrdinal), whose data it shares, is lost")
            }
            return owner
        }
        let reader = BlockBytes(record, in: finds.source)
        guard head.offset <= finds.source.count - head.count, record.dataOffset <= finds.source.count - reader.count else {
            throw CheckpointError(.malformed, "the file ends before its data does")
        }
        guard let buffer else { throw CheckpointError(.io, "out of memory") }
        var hash = ContentHash.Running(), done = 0
        while done < reader.count {
            let count = min(buffer.count, reader.count - done)
            try reader.read(at: done, count: count, into: buffer, at: 0)
            if record.foot.sha256 != nil { buffer.withBytes(0..<count) { hash.update($0) } }
            done += count
        }
        if let recorded = record.foot.sha256, recorded != hash.digest() { throw CheckpointError(.malformed, "its SHA-256 is not the recorded one") }
        if records[head.ordinal] == nil { records[head.ordinal] = record }
        return record
    }
}
