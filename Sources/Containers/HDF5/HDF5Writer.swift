public import ByteIO
public import Checkpoints
public import Tensors

/// Writes a planned HDF5 file: the layouter lays it out, the tensors' bytes are written here, in place or as finished chunks.
public enum HDF5Writer {
    /// The bytes of a chunk, about: large enough for the codec, small enough to read a part of a tensor.
    static let chunkTarget = 256 << 10
    /// A tensor smaller than this gains nothing from chunks, whose index alone takes more.
    static let smallestChunked = 4096

    /// HDF5-21. How a tensor is stored under `options`: contiguous, or with compression in chunks that are runs of its bytes, shuffled and deflated.
    public static func storage(for tensor: TensorInfo, options: WriteOptions) -> HDF5Plan.Storage {
        guard options.compression == .deflate, tensor.byteCount >= smallestChunked else { return .contiguous }
        let sizes = tensor.shape.sizes
        // The axes behind the cut are whole, those before it one element: each chunk is one run.
        var axis = sizes.count - 1, inner = tensor.dtype.byteCount
        while axis > 0, inner * sizes[axis] <= chunkTarget {
            inner *= sizes[axis]
            axis -= 1
        }
        let rows = min(max(chunkTarget / inner, 1), sizes[axis])
        let shape = [Int](repeating: 1, count: axis) + [rows] + sizes[(axis + 1)...]
        let level = HDF5Filter(id: HDF5Filter.deflate, values: [UInt32(min(max(options.level ?? 4, 0), 9))])
        let shuffle = HDF5Filter(id: HDF5Filter.shuffle, values: [UInt32(tensor.dtype.byteCount)])
        return .chunked(shape: shape, filters: tensor.dtype.byteCount > 1 ? [shuffle, level] : [level])
    }

    /// Lays `plan` out in `output` and fills it: the plan's i-th dataset with the tensor `tensors[i]` of `checkpoint`, drawn through one buffer.
    /// - Throws: `io` when something cannot be written, and what drawing the tensors throws.
    public static func write(
        _ plan: HDF5Plan, tensors: [Int], of checkpoint: any Checkpoint, to output: OutputFile, layouter: any HDF5Layouter, options: WriteOptions
    ) throws(CheckpointError) {
        guard tensors.count == plan.datasets.count else {
            throw CheckpointError(.io, "a plan of \(plan.datasets.count) datasets for \(tensors.count) tensors")
        }
        let session = try layouter.lay(plan, into: output)
        guard session.addresses.count == tensors.count else { throw CheckpointError(.io, "the layout has \(session.addresses.count) addresses for \(tensors.count) tensors") }
        let buffer = try ChunkBuffer(checkedCount: 4 << 20)
        let total = tensors.reduce(0) { $0 + checkpoint.index.tensors[$1].byteCount }
        var done = 0
        for (number, position) in tensors.enumerated() {
            let tensor = checkpoint.index.tensors[position], dataset = plan.datasets[number]
            guard tensor.dtype == dataset.dtype, tensor.shape.sizes == dataset.shape else {
                throw CheckpointError(.io, "the plan has \(dataset.dtype.rawValue) of shape \(dataset.shape), the tensor is \(tensor.dtype.rawValue) of \(tensor.shape)", tensor: tensor.name)
            }
            switch dataset.storage {
            case .contiguous:
                var offset = 0
                try checkpoint.forEachChunk(ofTensorAt: position, through: buffer) { (bytes) throws(CheckpointError) in
                    guard let address = session.addresses[number], address >= 0, address < Int.max - tensor.byteCount else {
                        throw CheckpointError(.io, "the layout gives the dataset no place")
                    }
                    try rising { () throws(IOError) in try output.place(bytes, at: address + offset) }
                    offset += bytes.byteCount
                    options.progress?(done + offset, total)
                }
            case .chunked(let chunk, let filters):
                do throws(CheckpointError) {
                    let encoder = try HDF5ChunkEncoder(dataset, chunk, filters)
                    try encoder.encode(checkpoint.bytes(ofTensorAt: position)) { (offset, mask, bytes, count) throws(CheckpointError) in
                        try session.store(chunkOf: number, at: offset, mask: mask, bytes: bytes, count: count)
                        options.progress?(done + min((offset.first ?? 0) * tensor.byteCount / max(dataset.shape.first ?? 1, 1), tensor.byteCount), total)
                    }
                } catch { throw error.at(tensor: tensor.name) }
            }
            done += tensor.byteCount
            options.progress?(done, total)
        }
        try session.finish()
    }
}
