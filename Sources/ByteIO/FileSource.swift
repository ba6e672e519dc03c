#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A regular file, read with `pread`: a file that shrinks underneath gives an error, never a signal.
public final class FileSource: ByteSource {
    /// The open descriptor; valid for as long as this object lives.
    public let descriptor: Int32
    public let path: String?
    /// The size when the file was opened; a later change of size shows as an error on reading.
    public let count: Int

    /// Opens `path` for reading. Throws for anything but a regular file: a folder, a FIFO or a device has no size to check claims against.
    public init(path: String) throws(IOError) {
        // O_NONBLOCK: opening a FIFO that nobody writes must answer, not hang.
        let fd = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard fd >= 0 else { throw IOError.last("open", path: path) }
        var status = stat()
        guard unsafe fstat(fd, &status) == 0 else {
            let error = IOError.last("stat", path: path)
            close(fd)
            throw error
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(fd)
            let kind = switch status.st_mode & S_IFMT {
            case S_IFDIR: "a folder"
            case S_IFIFO: "a pipe"
            case S_IFSOCK: "a socket"
            default: "a device"
            }
            throw IOError(operation: "read", path: path, reason: "it is \(kind), not a file")
        }
        self.descriptor = fd
        self.path = path
        self.count = Int(status.st_size)
    }

    deinit { close(descriptor) }

    public var backing: FileRange? { FileRange(file: self, offset: 0, count: count) }

    public func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(IOError) {
        try check(offset, count)
        try unsafe buffer.withUnsafeBytes(position..<position + count) { (target) throws(IOError) in
            var done = 0
            while done < count, let base = target.baseAddress {
                let got = unsafe pread(descriptor, base + done, min(count - done, 1 << 30), off_t(offset + done))
                if got < 0 {
                    if errno == EINTR { continue }
                    throw IOError.last("read \(count) bytes", path: path, offset: offset)
                }
                guard got > 0 else {
                    throw IOError(operation: "read \(count) bytes", path: path, offset: offset,
                                  reason: "the file became shorter while it was read: it ends at \(offset + done)")
                }
                done += got
            }
        }
    }
}

/// A whole file mapped into memory: the opt-in fast path of the library.
///
/// A mapping gives tensors in place without a copy. The price: when another process truncates the file, touching a lost page ends
/// this process with SIGBUS. Use it on files that nobody changes.
@safe public final class MappedFile: Sendable {
    /// The size in bytes.
    public let count: Int
    private nonisolated(unsafe) let base: UnsafeRawPointer?

    public init(_ file: FileSource) throws(IOError) {
        count = file.count
        guard count > 0 else {
            unsafe base = nil
            return
        }
        let memory = unsafe mmap(nil, count, PROT_READ, MAP_PRIVATE, file.descriptor, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else { throw IOError.last("map", path: file.path) }
        unsafe base = UnsafeRawPointer(memory)
    }

    deinit {
        if let base = unsafe base { _ = unsafe munmap(UnsafeMutableRawPointer(mutating: base), count) }
    }

    /// Lends `range` of the file; throws when it is not inside.
    public func withBytes<R, E: Error>(_ range: Range<Int>, _ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "range \(range) outside a file of \(count) bytes")
        let bytes = unsafe UnsafeRawBufferPointer(start: base.map { unsafe $0 + range.lowerBound }, count: range.count)
        return try unsafe body(bytes.bytes)
    }
}
