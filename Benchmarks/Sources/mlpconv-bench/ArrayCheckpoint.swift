import ByteIO
import Checkpoints
import Tensors

/// A file's tensors held in memory: what a program that has trained a model has to write.
final class ArrayCheckpoint: Checkpoint {
    let index: CheckpointIndex
    private let tensors: [BufferSource]

    init(copying source: any Checkpoint) throws {
        // Metadata of the file that brought the data is no part of the job.
        index = CheckpointIndex(tensors: source.index.tensors)
        tensors = try source.index.tensors.indices.map { BufferSource(try source.buffer(ofTensorAt: $0)) }
    }

    func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes {
        ExtentBytes(TensorExtent(source: tensors[position], offset: 0, count: tensors[position].count))
    }
}

/// A buffer as a source.
final class BufferSource: ByteSource {
    // Nobody writes it after this.
    private nonisolated(unsafe) let buffer: ChunkBuffer
    let count: Int
    var path: String? { nil }
    var backing: FileRange? { nil }

    init(_ buffer: ChunkBuffer) {
        unsafe self.buffer = buffer
        count = buffer.count
    }

    func read(at offset: Int, count: Int, into target: ChunkBuffer, at position: Int) throws(IOError) {
        try check(offset, count)
        unsafe buffer.withBytes(offset..<offset + count) { target.store($0, at: position) }
    }
}

extension Checkpoint {
    /// The tensor's bytes in a buffer of its own, aligned and on huge pages where it is large.
    func buffer(ofTensorAt position: Int) throws(CheckpointError) -> ChunkBuffer {
        let count = index.tensors[position].byteCount
        let buffer = try ChunkBuffer(checkedCount: count)
        try bytes(ofTensorAt: position).read(at: 0, count: count, into: buffer, at: 0)
        return buffer
    }
}
