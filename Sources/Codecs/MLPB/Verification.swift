import ByteIO
import Checkpoints
import Checksums

/// Checks every byte that opening the file and reading its tensors do not (MLPB-80): heads and feet against the index, padding, and the
/// data of sections and tensors that this version does not read.
struct Verification {
    private let checkpoint: MLPBCheckpoint
    private let buffer: ChunkBuffer

    init(_ checkpoint: MLPBCheckpoint) throws(CheckpointError) {
        self.checkpoint = checkpoint
        buffer = try ChunkBuffer(checkedCount: 64 << 10)
    }

    func run() throws(CheckpointError) {
        for section in checkpoint.file.sections {
            try expect(section.bytes, at: section.offset, "head of the section \(section.kind)")
            if SectionKind(rawValue: section.kind) == nil {
                try expect(section.bodyCRC, of: section.bodyCount, at: section.bodyOffset, "section \(section.kind)")
            }
            try expectPadding(from: section.bodyOffset + section.bodyCount)
        }
        let readable = Set(checkpoint.ordinals)
        for tensor in checkpoint.file.tensors {
            do throws(CheckpointError) { try check(tensor, isRead: readable.contains(tensor.head.ordinal)) } catch { throw error.at(tensor: tensor.head.name) }
        }
        try checkContentHash()
    }

    private func check(_ tensor: TensorRecord, isRead: Bool) throws(CheckpointError) {
        try expect(tensor.head.bytes, at: tensor.head.offset, "head")
        try expectPadding(from: tensor.head.offset + tensor.head.count)
        if !isRead {
            var offset = tensor.dataOffset
            for block in tensor.foot.blocks {
                try expect(block.crc, of: block.count, at: offset, "data")
                offset += block.count
            }
        }
        try expectPadding(from: tensor.dataOffset + tensor.foot.storedCount)
        try expect(tensor.foot.bytes, at: tensor.foot.offset, "foot")
        try expectPadding(from: tensor.end)
    }

    /// The bytes at `offset` must be `bytes`: the index, whose checksum was right, says so.
    private func expect(_ bytes: [UInt8], at offset: Int, _ part: String) throws(CheckpointError) {
        let found = try read(bytes.count, at: offset)
        guard found == bytes else {
            let first = zip(found, bytes).enumerated().first { $1.0 != $1.1 }?.offset ?? 0
            throw CheckpointError(.malformed, "the \(part) differs from its copy in the index: it is damaged", offset: offset + first)
        }
    }

    /// MLPB-4: zeros up to the next multiple of 64.
    private func expectPadding(from offset: Int) throws(CheckpointError) {
        let end = try Layout.aligned(offset)
        guard end > offset else { return }
        guard try read(end - offset, at: offset).allSatisfy({ $0 == 0 }) else {
            throw CheckpointError(.malformed, "padding is not zero: it is damaged", offset: offset)
        }
    }

    private func expect(_ crc: UInt32, of count: Int, at offset: Int, _ part: String) throws(CheckpointError) {
        var found = CRC32()
        var done = 0
        while done < count {
            let piece = min(buffer.count, count - done)
            try rising { () throws(IOError) in try checkpoint.source.read(at: offset + done, count: piece, into: buffer, at: 0) }
            buffer.withBytes(0..<piece) { found.update($0) }
            done += piece
        }
        guard found.value == crc else {
            throw CheckpointError(.malformed, "the \(part) has the CRC-32 \(hex(found.value)), the file records \(hex(crc)): it is damaged", offset: offset)
        }
    }

    private func read(_ count: Int, at offset: Int) throws(CheckpointError) -> [UInt8] {
        try rising { () throws(IOError) in try checkpoint.source.bytes(at: offset, count: count) }
    }

    /// MLPB-76: the recorded contentHash follows from the recorded hashes of the tensors. With dtypes that are not known here it cannot be said.
    private func checkContentHash() throws(CheckpointError) {
        guard let recorded = checkpoint.file.contentHash, checkpoint.ordinals.count == checkpoint.file.tensors.count else { return }
        let tensors = zip(checkpoint.index.tensors, checkpoint.file.tensors).map { (info: $0, sha256: ContentHash.hex($1.foot.sha256 ?? [])) }
        let found = ContentHash.combined(tensors)
        guard found == ContentHash.hex(recorded) else {
            throw CheckpointError(.malformed, "the recorded contentHash is \(ContentHash.hex(recorded)), the recorded hashes of the tensors give \(found)", offset: checkpoint.file.offset + 40)
        }
    }
}
