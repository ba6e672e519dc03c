import ByteIO
import CDeflate
import Checkpoints
import Tensors

/// Cuts a tensor into chunks that are runs of its bytes, and puts each through its filters.
@safe final class HDF5ChunkEncoder {
    private let shape: [Int], chunk: [Int]
    private let unit: Int
    private let filters: [HDF5Filter]
    /// The axis along which a chunk has `chunk[axis]` elements: before it one, behind it all.
    private let axis: Int
    private let rowBytes: Int, chunkBytes: Int
    private let plain: ChunkBuffer, shuffled: ChunkBuffer, packed: ChunkBuffer
    private let compressor: OpaquePointer

    init(_ dataset: HDF5Plan.Dataset, _ chunk: [Int], _ filters: [HDF5Filter]) throws(CheckpointError) {
        shape = dataset.shape
        self.chunk = chunk
        self.filters = filters
        unit = dataset.dtype.byteCount
        axis = chunk.firstIndex { $0 > 1 } ?? chunk.count - 1
        guard chunk.count == shape.count, chunk[(axis + 1)...].elementsEqual(shape[(axis + 1)...]),
            filters.last?.id == HDF5Filter.deflate, filters.dropLast().allSatisfy({ $0.id == HDF5Filter.shuffle }) else {
            throw CheckpointError(.io, "chunks of shape \(chunk) through filters \(filters.map(\.id)) are not written here")
        }
        rowBytes = shape[(axis + 1)...].reduce(unit, *)
        chunkBytes = rowBytes * chunk[axis]
        guard let compressor = unsafe libdeflate_alloc_compressor(Int32(filters.last?.values.first ?? 4)) else {
            throw CheckpointError(.io, "no memory is left for a compressor")
        }
        unsafe self.compressor = compressor
        plain = try ChunkBuffer(checkedCount: chunkBytes)
        shuffled = try ChunkBuffer(checkedCount: chunkBytes)
        packed = try ChunkBuffer(checkedCount: unsafe libdeflate_zlib_compress_bound(compressor, chunkBytes))
    }

    deinit { unsafe libdeflate_free_compressor(compressor) }

    /// Calls `store` with every finished chunk in order: its offset in elements, the mask of filters not applied, and its bytes.
    func encode(_ bytes: any TensorBytes, _ store: ([Int], UInt32, ChunkBuffer, Int) throws(CheckpointError) -> Void) throws(CheckpointError) {
        let outer = shape[..<axis].reduce(1, *), steps = (shape[axis] - 1) / chunk[axis] + 1
        for run in 0..<outer {
            for step in 0..<steps {
                let rows = min(chunk[axis], shape[axis] - step * chunk[axis])
                try bytes.read(at: (run * shape[axis] + step * chunk[axis]) * rowBytes, count: rows * rowBytes, into: plain, at: 0)
                plain.fill(rows * rowBytes..<chunkBytes, with: [], phase: 0)
                var offset = [Int](repeating: 0, count: shape.count)
                offset[axis] = step * chunk[axis]
                var rest = run
                for position in stride(from: axis - 1, through: 0, by: -1) {
                    offset[position] = rest % shape[position]
                    rest /= shape[position]
                }
                try pack(offset, store)
            }
        }
    }

    private func pack(_ offset: [Int], _ store: ([Int], UInt32, ChunkBuffer, Int) throws(CheckpointError) -> Void) throws(CheckpointError) {
        var input = plain
        if filters.count > 1, unit > 1 {
            Shuffle.apply(plain, count: chunkBytes, unit: unit, into: shuffled)
            input = shuffled
        }
        let count = unsafe input.withUnsafeBytes(0..<chunkBytes) { from in
            unsafe packed.withUnsafeBytes { to in
                unsafe libdeflate_zlib_compress(compressor, from.baseAddress, from.count, to.baseAddress, to.count)
            }
        }
        // What does not get smaller is stored as it is, with the word that no filter was applied.
        if count == 0 || count >= chunkBytes {
            try store(offset, (1 << UInt32(filters.count)) - 1, plain, chunkBytes)
        } else {
            try store(offset, 0, packed, count)
        }
    }
}
