import ByteIO
import Checkpoints
import Checksums

/// A stored tensor's bytes, each block checked against its CRC-32 before any of it is handed out (MLPB-45).
///
/// A block that is wanted as a whole is read straight into the caller's buffer; of one that is wanted in part, all is read into a buffer
/// of ours, once for pieces that follow each other.
final class BlockBytes: TensorBytes {
    private let record: TensorRecord
    private let source: any ByteSource
    private var held: (block: Int, buffer: ChunkBuffer)?

    init(_ record: TensorRecord, in source: any ByteSource) {
        self.record = record
        self.source = source
    }

    var count: Int { record.head.byteCount }
    var isSeekable: Bool { true }

    func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        guard offset >= 0, count >= 0, offset <= self.count - count else {
            throw CheckpointError(.io, "read past the end of the tensor: \(count) bytes at \(offset) of \(self.count)")
        }
        let size = record.head.blockSize
        var done = 0
        while done < count {
            let at = offset + done
            let block = at / size, inBlock = at % size
            let whole = record.foot.blocks[block].count
            let piece = min(whole - inBlock, count - done)
            if piece == whole {
                try load(block, into: buffer, at: position + done)
            } else {
                let cache = try hold(block)
                cache.withBytes(inBlock..<inBlock + piece) { buffer.store($0, at: position + done) }
            }
            done += piece
        }
    }

    private func hold(_ block: Int) throws(CheckpointError) -> ChunkBuffer {
        if let held, held.block == block { return held.buffer }
        let buffer = if let held { held.buffer } else { try ChunkBuffer(checkedCount: min(record.head.blockSize, count)) }
        held = nil
        try load(block, into: buffer, at: 0)
        held = (block, buffer)
        return buffer
    }

    private func load(_ block: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        let start = block * record.head.blockSize
        let (count, crc) = (record.foot.blocks[block].count, record.foot.blocks[block].crc)
        try rising { () throws(IOError) in try source.read(at: record.dataOffset + start, count: count, into: buffer, at: position) }
        let found = buffer.withBytes(position..<position + count) { CRC32.of($0) }
        guard found == crc else {
            throw CheckpointError(.malformed, "bytes \(grouped(start)) to \(grouped(start + count)) have the CRC-32 \(hex(found)), the file records \(hex(crc)): they are damaged; fetch the file again, or salvage the other tensors",
                                  tensor: record.head.name, offset: record.dataOffset + start)
        }
    }
}
