import ByteIO
import Checkpoints
import Tensors

/// A tensor with its axes turned round, element by element from the whole tensor in memory: the one comparison that needs more than a buffer.
final class ReversedBytes: TensorBytes {
    private let buffer: ChunkBuffer
    private let size: Int
    /// The sizes of the reversed tensor, and the stride in elements of each of its axes in the original.
    private let sizes: [Int]
    private let strides: [Int]
    let count: Int
    var isSeekable: Bool { true }

    /// Draws the tensor at `position` whole. Throws what reading throws, `io` when there is no memory.
    init(_ checkpoint: any Checkpoint, _ position: Int) throws(CheckpointError) {
        let info = checkpoint.index.tensors[position]
        count = info.byteCount
        size = info.dtype.byteCount
        sizes = info.shape.reversed.sizes
        var strides: [Int] = [], step = 1
        for axis in info.shape.sizes.reversed() {
            strides.append(step)
            step *= max(axis, 1)
        }
        self.strides = strides
        buffer = try ChunkBuffer(checkedCount: info.byteCount)
        let reader = try checkpoint.bytes(ofTensorAt: position)
        try reader.read(at: 0, count: info.byteCount, into: buffer, at: 0)
    }

    /// Whole elements only.
    func read(at offset: Int, count: Int, into target: ChunkBuffer, at position: Int) throws(CheckpointError) {
        guard offset >= 0, count >= 0, offset <= self.count - count, offset % size == 0, count % size == 0 else {
            throw CheckpointError(.io, "read past the end of the tensor: \(count) bytes at \(offset) of \(self.count)")
        }
        guard count > 0 else { return }
        // The multi-index of the first element, then counted up like an odometer.
        var index = [Int](repeating: 0, count: sizes.count)
        var rest = offset / size
        for axis in sizes.indices.reversed() {
            index[axis] = rest % sizes[axis]
            rest /= sizes[axis]
        }
        var from = 0
        for axis in sizes.indices { from += index[axis] * strides[axis] }
        unsafe buffer.withUnsafeBytes(0..<self.count) { source in
            unsafe target.withUnsafeBytes(position..<position + count) { out in
                var at = 0
                while at < count {
                    for byte in 0..<size { unsafe out[at + byte] = source[from * size + byte] }
                    at += size
                    var axis = sizes.count - 1
                    while axis >= 0 {
                        index[axis] += 1
                        from += strides[axis]
                        if index[axis] < sizes[axis] { break }
                        from -= index[axis] * strides[axis]
                        index[axis] = 0
                        axis -= 1
                    }
                }
            }
        }
    }
}
