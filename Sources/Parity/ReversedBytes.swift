import ByteIO
import Checkpoints
import Tensors

/// A tensor with its axes turned round, from the whole tensor in memory: the one comparison that needs more than a buffer.
final class ReversedBytes: TensorBytes {
    private let buffer: ChunkBuffer
    private let view: StridedView
    let count: Int
    var isSeekable: Bool { true }

    /// Draws the tensor at `position` whole. Throws what reading throws, `io` when there is no memory.
    init(_ checkpoint: any Checkpoint, _ position: Int) throws(CheckpointError) {
        let info = checkpoint.index.tensors[position]
        count = info.byteCount
        do throws(TensorError) {
            view = try .fortran(info.shape.reversed, elementSize: info.dtype.byteCount)
        } catch { throw CheckpointError(.limit, error.description) }
        buffer = try ChunkBuffer(checkedCount: info.byteCount)
        let reader = try checkpoint.bytes(ofTensorAt: position)
        try reader.read(at: 0, count: info.byteCount, into: buffer, at: 0)
    }

    /// Whole elements only.
    func read(at offset: Int, count: Int, into target: ChunkBuffer, at position: Int) throws(CheckpointError) {
        let size = view.elementSize
        guard offset >= 0, count >= 0, offset <= self.count - count, offset % size == 0, count % size == 0 else {
            throw CheckpointError(.io, "read past the end of the tensor: \(count) bytes at \(offset) of \(self.count)")
        }
        guard count > 0 else { return }
        buffer.withBytes(0..<self.count) { block in
            target.withMutableBytes(position..<position + count) { out in view.pack(offset / size..<(offset + count) / size, of: block, into: &out) }
        }
    }
}
