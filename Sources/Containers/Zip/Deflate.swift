import ByteIO
import CDeflate

/// Deflate at once, by libdeflate: for what fits in memory.
enum Deflate {
    /// Decodes the first `packedCount` bytes of `packed` into the first `count` of `plain`. The stream must end exactly where both do.
    static func inflate(_ packed: ChunkBuffer, count packedCount: Int, into plain: ChunkBuffer, count: Int, for entry: ZipEntry) throws(ZipError) {
        guard let decompressor = unsafe libdeflate_alloc_decompressor() else { throw outOfMemory }
        defer { unsafe libdeflate_free_decompressor(decompressor) }
        var used = 0, made = 0
        let result = unsafe packed.withUnsafeBytes(0..<packedCount) { source in
            unsafe plain.withUnsafeBytes(0..<count) { target in
                unsafe libdeflate_deflate_decompress_ex(decompressor, source.baseAddress, packedCount, target.baseAddress, count, &used, &made)
            }
        }
        switch result {
        case LIBDEFLATE_SUCCESS: break
        case LIBDEFLATE_INSUFFICIENT_SPACE: throw entry.damaged("they decode to more than the declared \(count) bytes")
        default: throw entry.damaged("they are no deflate stream of \(packedCount) bytes")
        }
        guard made == count else { throw entry.damaged("they decode to \(made) bytes, \(count) are declared") }
        guard used == packedCount else { throw entry.damaged("the stream ends after \(used) of \(packedCount) bytes") }
    }

    /// Encodes the first `count` bytes of `plain` into the first `room` of `packed`; returns how many bytes that gave, or nil when they do not fit.
    static func deflate(_ plain: ChunkBuffer, count: Int, level: Int, into packed: ChunkBuffer, room: Int) throws(ZipError) -> Int? {
        guard let compressor = unsafe libdeflate_alloc_compressor(Int32(level)) else { throw outOfMemory }
        defer { unsafe libdeflate_free_compressor(compressor) }
        let size = unsafe plain.withUnsafeBytes(0..<count) { source in
            unsafe packed.withUnsafeBytes(0..<room) { target in
                unsafe libdeflate_deflate_compress(compressor, source.baseAddress, count, target.baseAddress, target.count)
            }
        }
        return size > 0 ? size : nil
    }

    static let outOfMemory = ZipError(IOError(operation: "allocate memory for deflate", code: 12, reason: "out of memory"))
}
