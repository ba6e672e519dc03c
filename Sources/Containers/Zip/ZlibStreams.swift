import ByteIO
import CZlib
import Checksums

// The corresponding C library is zlib; `z_stream` lives on the heap because zlib keeps its address.

/// Inflates a member front to back through one input buffer, straight into the caller's: memory does not grow with the member.
@safe final class InflateStream {
    private let entry: ZipEntry
    private let source: any ByteSource
    private let input: ChunkBuffer
    private var scratch: ChunkBuffer?
    private let stream: UnsafeMutablePointer<z_stream>
    /// Compressed bytes handed to zlib so far, decoded bytes it gave, and their checksum.
    private var fed = 0
    private var made = 0
    private var crc = CRC32()
    private var hasEnded = false

    init(_ entry: ZipEntry, of source: any ByteSource) throws(ZipError) {
        self.entry = entry
        self.source = source
        input = try rising(entry.name) { () throws(IOError) in try ChunkBuffer(count: min(128 << 10, max(entry.compressedCount, 1))) }
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        guard unsafe inflateInit2_(stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { throw Deflate.outOfMemory }
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(ZipError) {
        if offset < made || made == 0 { try restart() }
        while made < offset {
            let room = try scratch.withRoom(64 << 10, for: entry.name)
            try decode(min(room.count, offset - made), into: room, at: 0)
        }
        try decode(count, into: buffer, at: position)
        if made == entry.count { try finish() }
    }

    private func restart() throws(ZipError) {
        guard unsafe inflateReset(stream) == Z_OK else { throw Deflate.outOfMemory }
        unsafe stream.pointee.avail_in = 0
        fed = 0
        made = 0
        crc = CRC32()
        hasEnded = false
    }

    private func decode(_ count: Int, into buffer: ChunkBuffer, at position: Int) throws(ZipError) {
        var done = 0
        while done < count {
            let got = try step(min(count - done, 1 << 30), into: buffer, at: position + done)
            guard got > 0 || !hasEnded else { throw entry.damaged("the stream ends after \(made) of \(entry.count) bytes") }
            buffer.withBytes(position + done..<position + done + got) { crc.update($0) }
            done += got
            made += got
        }
    }

    /// The stream must end here: no byte more comes out, none is left.
    private func finish() throws(ZipError) {
        let spare = try scratch.withRoom(1, for: entry.name)
        while !hasEnded {
            guard try step(1, into: spare, at: 0) == 0 else { throw entry.damaged("they decode to more than the declared \(entry.count) bytes") }
        }
        let used = fed - Int(unsafe stream.pointee.avail_in)
        guard used == entry.compressedCount else { throw entry.damaged("the stream ends after \(used) of \(entry.compressedCount) bytes") }
        try entry.compare(crc.value)
    }

    /// Decodes up to `room` bytes with the input that is at hand, or the next piece of it; returns how many came out.
    private func step(_ room: Int, into buffer: ChunkBuffer, at position: Int) throws(ZipError) -> Int {
        guard !hasEnded else { return 0 }
        var kept = Int(unsafe stream.pointee.avail_in)
        if kept == 0 {
            let size = min(input.count, entry.compressedCount - fed)
            guard size > 0 else { throw entry.damaged("they end early, after \(made) of \(entry.count) bytes") }
            try rising(entry.name) { () throws(IOError) in try source.read(at: entry.dataOffset + fed, count: size, into: input, at: 0) }
            fed += size
            kept = size
            pieceCount = size
        }
        let start = pieceCount - kept
        let (status, got) = unsafe input.withUnsafeBytes(start..<start + kept) { from in
            unsafe buffer.withUnsafeBytes(position..<position + room) { to in
                unsafe stream.pointee.next_in = from.baseAddress?.assumingMemoryBound(to: Bytef.self)
                unsafe stream.pointee.avail_in = uInt(kept)
                unsafe stream.pointee.next_out = to.baseAddress?.assumingMemoryBound(to: Bytef.self)
                unsafe stream.pointee.avail_out = uInt(room)
                let status = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
                return (status, room - Int(unsafe stream.pointee.avail_out))
            }
        }
        switch status {
        case Z_OK: break
        case Z_STREAM_END: hasEnded = true
        // No progress for want of input: the next step brings more, or finds that there is none.
        case Z_BUF_ERROR where unsafe stream.pointee.avail_in == 0: break
        case Z_MEM_ERROR: throw Deflate.outOfMemory
        default: throw entry.damaged("they are no deflate stream, after \(made) of \(entry.count) bytes")
        }
        return got
    }

    /// The size of the piece of input that is in the buffer.
    private var pieceCount = 0
}

/// Deflates what is appended, a buffer at a time, and hands each full buffer on.
@safe final class DeflateStream {
    private let output: ChunkBuffer
    private let stream: UnsafeMutablePointer<z_stream>
    private let sink: (RawSpan) throws(ZipError) -> Void

    init(level: Int, _ sink: @escaping (RawSpan) throws(ZipError) -> Void) throws(ZipError) {
        self.sink = sink
        output = try rising { () throws(IOError) in try ChunkBuffer(count: 128 << 10) }
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let status = unsafe deflateInit2_(stream, Int32(level), Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { throw Deflate.outOfMemory }
    }

    deinit {
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    func append(_ bytes: RawSpan) throws(ZipError) {
        try unsafe bytes.withUnsafeBytes { (raw) throws(ZipError) in
            var start = 0
            while start < raw.count, let base = raw.baseAddress {
                let size = min(raw.count - start, 1 << 30)
                // zlib reads through this pointer and never writes.
                unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: (base + start).assumingMemoryBound(to: Bytef.self))
                unsafe stream.pointee.avail_in = uInt(size)
                repeat { try step(Z_NO_FLUSH) } while unsafe stream.pointee.avail_in > 0
                start += size
            }
        }
    }

    func finish() throws(ZipError) {
        unsafe stream.pointee.avail_in = 0
        while try step(Z_FINISH) != Z_STREAM_END {}
    }

    @discardableResult private func step(_ flush: Int32) throws(ZipError) -> Int32 {
        let (status, made) = unsafe output.withUnsafeBytes { room in
            unsafe stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: Bytef.self)
            unsafe stream.pointee.avail_out = uInt(room.count)
            let status = unsafe CZlib.deflate(stream, flush)
            return (status, room.count - Int(unsafe stream.pointee.avail_out))
        }
        guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else { throw Deflate.outOfMemory }
        if made > 0 { try output.withBytes(0..<made, sink) }
        return status
    }
}
