#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif
import ByteIO
import Checkpoints

extension HDF5File {
    /// A copy of `source` in a file that has no name any more: libhdf5 needs a descriptor, and memory or a deflated zip member has none.
    static func spooled(_ source: any ByteSource, limits: Limits) throws(CheckpointError) -> FileRange {
        guard source.count <= limits.totalBytes else {
            throw CheckpointError(.limit, "\(grouped(source.count)) bytes are over the limit of \(grouped(limits.totalBytes)) for a file; raise it with --max-bytes")
        }
        let folder = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        var template = Array("\(folder)/mlpconv-XXXXXX".utf8CString)
        let descriptor = unsafe template.withUnsafeMutableBufferPointer { text in
            unsafe text.baseAddress.map { unsafe mkstemp($0) } ?? -1
        }
        guard descriptor >= 0 else {
            throw CheckpointError(.io, "no temporary file can be made in \(folder): set TMPDIR to a folder that can be written")
        }
        let path = unsafe template.withUnsafeBufferPointer { text in
            unsafe text.baseAddress.map { unsafe String(cString: $0) } ?? ""
        }
        defer { unsafe unlink(path) }
        let output = OutputFile(descriptor: descriptor, path: path, isSeekable: true)
        let buffer = try ChunkBuffer(checkedCount: 1 << 20)
        return try rising { () throws(IOError) in
            var offset = 0
            while offset < source.count {
                let size = min(buffer.count, source.count - offset)
                try source.read(at: offset, count: size, into: buffer, at: 0)
                try buffer.withBytes(0..<size) { (bytes) throws(IOError) in try output.append(bytes) }
                offset += size
            }
            try output.flush()
            let file = try FileSource(path: path)
            guard let range = file.backing else { throw IOError(operation: "use a temporary file", path: path, reason: "it is no file") }
            return range
        }
    }
}
