import ByteIO

/// Small reads that move forward through a source, served from one block: a header a member costs a fraction of a system call.
final class WindowedSource {
    private let source: any ByteSource
    private let window: ChunkBuffer
    private var start = 0
    private var filled = 0

    init(_ source: any ByteSource, size: Int = 4096) throws(ZipError) {
        self.source = source
        window = try rising { () throws(IOError) in try ChunkBuffer(count: size) }
    }

    /// The bytes in `offset ..< offset + count`; throws when the source ends earlier.
    func bytes(at offset: Int, count: Int) throws(ZipError) -> [UInt8] {
        try rising { () throws(IOError) in
            try source.check(offset, count)
            guard count <= window.count else { return try source.bytes(at: offset, count: count) }
            if offset < start || offset + count > start + filled {
                filled = 0
                let size = min(window.count, source.count - offset)
                try source.read(at: offset, count: size, into: window, at: 0)
                start = offset
                filled = size
            }
            return window.array(offset - start..<offset - start + count)
        }
    }
}
