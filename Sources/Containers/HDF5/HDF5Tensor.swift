public import Checkpoints
public import Tensors

/// A dataset that is a tensor of ours, proven against the file: every size fits, every range lies inside.
public struct HDF5Tensor: Sendable {
    /// Named by its path; the axes of an array type follow those of the dataspace.
    public let info: TensorInfo
    let isBigEndian: Bool
    let place: Place

    enum Place: Sendable {
        case fill
        case range(address: Int)
        case bytes([UInt8])
        case chunks(HDF5Chunking, HDF5Grid)
    }

    /// One element of little-endian bytes; empty for zeros.
    let fill: [UInt8]
    /// The bytes that the file stores for it.
    let storedBytes: Int
    /// The size of an element in the file, an array type's axes included: what shuffle works on.
    let storedElement: Int

    /// Why a dataset is not a tensor, or is one that cannot be believed.
    enum Problem: Error {
        case unsupported(String)
        case error(CheckpointError)
    }

    /// - Parameters:
    ///   - count: the bytes of the HDF5 file.
    ///   - chunks: the chunks that the datasets before this one have in their grids; this one's are added.
    init(_ array: HDF5Array, path: String, dtypeName: String?, fileCount count: Int, limits: Limits, chunks: inout Int) throws(Problem) {
        let element: HDF5Element
        do throws(HDF5TypeRefusal) { element = try array.type.element(named: dtypeName) } catch { throw .unsupported(error.reason) }
        let sizes = array.shape + element.innerSizes
        guard sizes.count <= limits.rank else {
            throw .error(CheckpointError(.limit, "it has \(sizes.count) axes, over the limit of \(limits.rank)"))
        }
        guard path.utf8.count <= limits.nameBytes else {
            throw .error(CheckpointError(.limit, "a path of \(path.utf8.count) bytes is over the limit of \(limits.nameBytes)"))
        }
        do throws(TensorError) { info = try TensorInfo(name: path, dtype: element.dtype, sizes: sizes) } catch {
            throw .error(CheckpointError(.malformed, error.description))
        }
        guard let stored = array.type.byteCount, stored > 0, stored % element.dtype.byteCount == 0,
            (try? Shape(element.innerSizes))?.elementCount == stored / element.dtype.byteCount else {
            throw .error(CheckpointError(.malformed, "its element type contradicts itself: \(array.type.byteCount ?? 0) bytes for \(element.dtype.rawValue)"))
        }
        storedElement = stored
        isBigEndian = element.isBigEndian
        guard array.fill.isEmpty || array.fill.count == stored else {
            throw .error(CheckpointError(.malformed, "its fill value has \(array.fill.count) bytes, an element \(stored)"))
        }
        fill = Self.littleEndian(array.fill, unit: element.dtype.swapUnit, isBigEndian: element.isBigEndian)
        switch array.layout {
        case .unallocated:
            place = .fill
            storedBytes = 0
        case .contiguous(let address, let size):
            guard size == info.byteCount else {
                throw .error(CheckpointError(.malformed, "shape \(info.shape) of \(info.dtype.rawValue) needs \(grouped(info.byteCount)) bytes, the dataset's storage has \(grouped(size))"))
            }
            guard address >= 0, address <= count, size <= count - address else {
                throw .error(CheckpointError(.malformed, "the data ends early: \(grouped(size)) bytes at offset \(address) of a file of \(grouped(count)). The file is truncated or damaged; fetch it again", offset: address))
            }
            place = .range(address: address)
            storedBytes = size
        case .compact(let bytes):
            guard bytes.count == info.byteCount else {
                throw .error(CheckpointError(.malformed, "shape \(info.shape) of \(info.dtype.rawValue) needs \(grouped(info.byteCount)) bytes, its compact storage has \(bytes.count)"))
            }
            place = .bytes(bytes)
            storedBytes = bytes.count
        case .chunked(var chunking):
            let grid = try Self.grid(array, chunking, stored)
            let (sum, overflow) = chunks.addingReportingOverflow(grid.count)
            guard !overflow, sum <= Limits.hdf5Chunks else {
                throw .error(CheckpointError(.limit, "with its grid of \(grouped(grid.count)) chunks the file has more than \(grouped(Limits.hdf5Chunks)); rewrite it with larger chunks (h5repack -l)"))
            }
            chunks = sum
            storedBytes = try Self.check(chunking, grid, fileCount: count, tensorBytes: info.byteCount)
            chunking.shape += element.innerSizes
            place = .chunks(chunking, grid)
        }
    }

    private static func grid(_ array: HDF5Array, _ chunking: HDF5Chunking, _ element: Int) throws(Problem) -> HDF5Grid {
        do throws(CheckpointError) {
            return try HDF5Grid(shape: array.shape, chunk: chunking.shape, elementBytes: element)
        } catch { throw .error(error) }
    }

    /// The stored bytes of all chunks, each of which lies in the file and can be what it claims.
    private static func check(_ chunking: HDF5Chunking, _ grid: HDF5Grid, fileCount: Int, tensorBytes: Int) throws(Problem) -> Int {
        for (position, filter) in chunking.filters.enumerated() where !HDF5ChunkDecoder.knows(filter) {
            // A filter that no chunk went through is no obstacle.
            let isUsed = chunking.chunks.isEmpty || position >= 32 || chunking.chunks.contains { $0.mask & (1 << UInt32(position)) == 0 }
            if isUsed { throw .unsupported("its chunks went through filter \(filter.id) (\(HDF5ChunkDecoder.name(filter.id))), which is not decoded here; rewrite it with h5repack -f GZIP=4") }
        }
        guard chunking.filters.count <= 32, chunking.filters.count(where: { HDF5ChunkDecoder.compresses($0) }) <= 1 else {
            throw .unsupported("its chunks were compressed more than once")
        }
        let compressor = chunking.filters.firstIndex { HDF5ChunkDecoder.compresses($0) }
        if compressor != nil, grid.chunkBytes > max(Limits.hdf5ChunkBytes, tensorBytes) {
            throw .error(CheckpointError(.limit, "one chunk is \(grouped(grid.chunkBytes)) bytes, its whole tensor \(grouped(tensorBytes)); the limit for a chunk is \(grouped(Limits.hdf5ChunkBytes))"))
        }
        var total = 0, next = 0
        for chunk in chunking.chunks {
            guard chunk.index >= next, chunk.index < grid.count else {
                throw .error(CheckpointError(.malformed, "chunk \(chunk.index) is not in the grid of \(grid.count) chunks, or stands twice"))
            }
            next = chunk.index + 1
            guard chunk.address >= 0, chunk.count > 0, chunk.address <= fileCount, chunk.count <= fileCount - chunk.address else {
                throw .error(CheckpointError(.malformed, "chunk \(chunk.index) is \(grouped(chunk.count)) bytes at offset \(chunk.address) of a file of \(grouped(fileCount)). The file is truncated or damaged", offset: chunk.address))
            }
            let isPlain = compressor.map { chunk.mask & (1 << UInt32($0)) != 0 } ?? true
            // Deflate cannot reach 1,032 times; a chunk that claims more is never allocated for.
            guard isPlain || grid.chunkBytes / 1040 <= chunk.count + 64 else {
                throw .error(CheckpointError(.malformed, "chunk \(chunk.index) is \(chunk.count) bytes and claims to be \(grouped(grid.chunkBytes)), more than deflate can do", offset: chunk.address))
            }
            guard !isPlain || (0...4 * chunking.filters.count).contains(chunk.count - grid.chunkBytes) else {
                throw .error(CheckpointError(.malformed, "chunk \(chunk.index) is \(grouped(chunk.count)) bytes, uncompressed it is \(grouped(grid.chunkBytes))", offset: chunk.address))
            }
            total += chunk.count
        }
        return total
    }

    static func littleEndian(_ element: [UInt8], unit: Int, isBigEndian: Bool) -> [UInt8] {
        guard isBigEndian, unit > 1 else { return element }
        var swapped: [UInt8] = []
        for start in stride(from: 0, to: element.count - unit + 1, by: unit) { swapped += element[start..<start + unit].reversed() }
        return swapped
    }
}

/// How chunks tile a dataset.
public struct HDF5Grid: Sendable, Equatable {
    /// The number of chunks along each axis.
    public let counts: [Int]
    /// Their product: the chunks there may be.
    public let count: Int
    /// The bytes of one whole chunk, decoded.
    public let chunkBytes: Int

    /// Throws `malformed` when the chunk has other axes than the dataset, an empty axis, or sizes that overflow.
    public init(shape: [Int], chunk: [Int], elementBytes: Int) throws(CheckpointError) {
        guard shape.count == chunk.count, !shape.isEmpty, chunk.allSatisfy({ $0 > 0 }), shape.allSatisfy({ $0 >= 0 }) else {
            throw CheckpointError(.malformed, "chunks of shape \(chunk) do not tile a dataset of shape \(shape)")
        }
        var counts: [Int] = [], total = 1, bytes = elementBytes
        for (size, step) in zip(shape, chunk) {
            let number = size == 0 ? 0 : (size - 1) / step + 1
            counts.append(number)
            let (product, over) = total.multipliedReportingOverflow(by: number)
            let (grown, wrapped) = bytes.multipliedReportingOverflow(by: step)
            guard !over, !wrapped, grown < 1 << 32 else {
                throw CheckpointError(.malformed, "chunks of shape \(chunk) in a dataset of shape \(shape): the sizes overflow what HDF5 allows (4 GiB for a chunk)")
            }
            total = product
            bytes = grown
        }
        self.counts = counts
        count = total
        chunkBytes = bytes
    }
}
