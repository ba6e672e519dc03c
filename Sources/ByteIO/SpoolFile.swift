#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A temporary file that has lost its name as soon as it is open: nothing stays behind, however this process ends.
public enum SpoolFile {
    /// A file in `TMPDIR` (or /tmp) that holds what `fill` appends.
    public static func holding(_ fill: (OutputFile) throws(IOError) -> Void) throws(IOError) -> FileSource {
        let folder = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        var template = Array("\(folder)/mlpconv-XXXXXX".utf8CString)
        let descriptor = unsafe template.withUnsafeMutableBufferPointer { text in
            unsafe text.baseAddress.map { unsafe mkstemp($0) } ?? -1
        }
        guard descriptor >= 0 else {
            throw IOError.last("make a temporary file (set TMPDIR to a folder that can be written)", path: folder)
        }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unsafe unlink(path) }
        let output = OutputFile(descriptor: descriptor, path: path, isSeekable: true)
        try fill(output)
        try output.flush()
        return try FileSource(path: path)
    }

    /// A copy of a stream that cannot seek, at most `limit` bytes of it.
    public static func copy(ofDescriptor descriptor: Int32, limit: Int) throws(IOError) -> FileSource {
        try holding { (output) throws(IOError) in
            let buffer = try ChunkBuffer(count: 1 << 20)
            while true {
                let count = unsafe buffer.withUnsafeBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
                if count < 0 {
                    if errno == EINTR { continue }
                    throw IOError.last("read standard input", path: nil)
                }
                if count == 0 { return }
                guard output.position + count <= limit else {
                    throw IOError(operation: "keep standard input", code: IOError.overLimit, reason: "it is larger than the limit of \(limit) bytes; raise it with --max-bytes")
                }
                try buffer.withBytes(0..<count) { (bytes) throws(IOError) in try output.append(bytes) }
            }
        }
    }

    /// A copy of `source`, for libraries that need a file of its own.
    public static func copy(of source: any ByteSource) throws(IOError) -> FileSource {
        try holding { (output) throws(IOError) in try output.append(contentsOf: source) }
    }
}

extension OutputFile {
    /// Appends all of `source`, through one small buffer.
    public func append(contentsOf source: any ByteSource) throws(IOError) {
        let buffer = try ChunkBuffer(count: 1 << 20)
        var offset = 0
        while offset < source.count {
            let size = min(buffer.count, source.count - offset)
            try source.read(at: offset, count: size, into: buffer, at: 0)
            try buffer.withBytes(0..<size) { (bytes) throws(IOError) in try append(bytes) }
            offset += size
        }
    }
}
