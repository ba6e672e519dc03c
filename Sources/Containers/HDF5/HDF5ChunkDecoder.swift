import ByteIO
import CDeflate
import Checkpoints
import Tensors

/// Reads one chunk and undoes its filters: from stored bytes to little-endian elements (HDF5-11, HDF5-14).
final class HDF5ChunkDecoder {
    private let chunking: HDF5Chunking
    private let grid: HDF5Grid
    private let tensor: HDF5Tensor
    private let source: any ByteSource
    private var scratch: [ChunkBuffer] = []
    private let inflater = Inflater()

    init(_ chunking: HDF5Chunking, _ grid: HDF5Grid, _ tensor: HDF5Tensor, _ source: any ByteSource) {
        self.chunking = chunking
        self.grid = grid
        self.tensor = tensor
        self.source = source
    }

    static func knows(_ filter: HDF5Filter) -> Bool {
        [HDF5Filter.deflate, HDF5Filter.shuffle, HDF5Filter.fletcher32, HDF5Filter.lzf].contains(filter.id)
    }

    static func compresses(_ filter: HDF5Filter) -> Bool { filter.id == HDF5Filter.deflate || filter.id == HDF5Filter.lzf }

    static func name(_ id: Int) -> String {
        switch id {
        case 1: "deflate"
        case 2: "shuffle"
        case 3: "fletcher32"
        case 4: "szip"
        case 5: "nbit"
        case 6: "scale-offset"
        case 307: "bzip2"
        case 32000: "lzf"
        case 32001: "blosc"
        case 32004: "lz4"
        case 32008: "bitshuffle"
        case 32015: "zstd"
        case 32026: "blosc2"
        default: "unknown"
        }
    }

    /// The chunk's bytes, valid until the next call; nil when it was never written. Throws `malformed` when a checksum or a size is wrong.
    func decode(_ index: Int, isPartial: Bool) throws(CheckpointError) -> ChunkBuffer? {
        guard let chunk = find(index) else { return nil }
        var count = chunk.count
        let isPlain = isPartial && chunking.leavesPartialChunksUnfiltered
        var applied: [HDF5Filter] = []
        for (position, filter) in chunking.filters.enumerated() where !isPlain && chunk.mask & (1 << UInt32(position)) == 0 {
            applied.append(filter)
        }
        if scratch.isEmpty {
            let largest = chunking.chunks.reduce(grid.chunkBytes) { max($0, $1.count) } + 4 * chunking.filters.count
            scratch = [try ChunkBuffer(checkedCount: largest), try ChunkBuffer(checkedCount: largest)]
        }
        try rising { () throws(IOError) in try source.read(at: chunk.address, count: count, into: scratch[0], at: 0) }
        while let filter = applied.popLast() {
            // What the filters before this one made of a chunk's bytes.
            let expected = grid.chunkBytes + 4 * applied.count { $0.id == HDF5Filter.fletcher32 }
            switch filter.id {
            case HDF5Filter.fletcher32:
                guard count >= 4, Fletcher32.matches(scratch[0], count: count) else {
                    throw damaged(chunk, "its fletcher32 checksum does not fit")
                }
                count -= 4
            case HDF5Filter.deflate:
                guard inflater.inflate(scratch[0], count: count, into: scratch[1], expected: expected) else {
                    throw damaged(chunk, "\(count) deflated bytes do not decode to \(expected)")
                }
                count = expected
                scratch.swapAt(0, 1)
            case HDF5Filter.lzf:
                guard LZF.decode(scratch[0], count: count, into: scratch[1], expected: expected) else {
                    throw damaged(chunk, "\(count) LZF bytes do not decode to \(expected)")
                }
                count = expected
                scratch.swapAt(0, 1)
            default:
                let unit = filter.values.first.map(Int.init) ?? tensor.storedElement
                if unit > 1, unit <= count {
                    Shuffle.undo(scratch[0], count: count, unit: unit, into: scratch[1])
                    scratch.swapAt(0, 1)
                }
            }
        }
        guard count == grid.chunkBytes else { throw damaged(chunk, "it has \(count) bytes, not \(grid.chunkBytes)") }
        if tensor.isBigEndian { scratch[0].swapBytes(0..<count, unit: tensor.info.dtype.swapUnit) }
        return scratch[0]
    }

    private func damaged(_ chunk: HDF5Chunk, _ what: String) -> CheckpointError {
        CheckpointError(.malformed, "chunk \(chunk.index) at offset \(chunk.address) is damaged: \(what). Fetch the file again", offset: chunk.address)
    }

    private func find(_ index: Int) -> HDF5Chunk? {
        let chunks = chunking.chunks
        // A full grid is the rule: then the chunk stands at its number.
        if index < chunks.count, chunks[index].index == index { return chunks[index] }
        var low = 0, high = chunks.count
        while low < high {
            let middle = (low + high) / 2
            if chunks[middle].index < index { low = middle + 1 } else { high = middle }
        }
        return low < chunks.count && chunks[low].index == index ? chunks[low] : nil
    }
}

/// A libdeflate decompressor, made at first use and reused.
@safe final class Inflater {
    private var handle: OpaquePointer?

    init() {}
    deinit { if let handle = unsafe handle { unsafe libdeflate_free_decompressor(handle) } }

    /// Inflates a zlib stream that must give exactly `expected` bytes; its Adler-32 is checked. False when it does not.
    func inflate(_ input: ChunkBuffer, count: Int, into output: ChunkBuffer, expected: Int) -> Bool {
        if unsafe handle == nil { unsafe handle = libdeflate_alloc_decompressor() }
        guard let handle = unsafe handle else { return false }
        return unsafe input.withUnsafeBytes(0..<count) { from in
            unsafe output.withUnsafeBytes(0..<expected) { to in
                unsafe libdeflate_zlib_decompress(handle, from.baseAddress, from.count, to.baseAddress, to.count, nil) == LIBDEFLATE_SUCCESS
            }
        }
    }
}
