#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Bytes on their way out: appended in order, through a small buffer; patched where the file can seek.
public final class OutputFile {
    /// The descriptor written to.
    public let descriptor: Int32
    /// The path written to, for libraries that open files by name; nil for a pipe.
    public let path: String?
    /// Whether `patch` works: true for files, false for pipes.
    public let isSeekable: Bool
    /// The bytes appended so far, which is the offset of the next one.
    public private(set) var position = 0

    private var pending: [UInt8] = []
    private let pendingLimit = 64 << 10

    public init(descriptor: Int32, path: String?, isSeekable: Bool) {
        self.descriptor = descriptor
        self.path = path
        self.isSeekable = isSeekable
    }

    /// Standard output.
    public static func standardOutput() -> OutputFile { OutputFile(descriptor: STDOUT_FILENO, path: nil, isSeekable: false) }

    deinit { if path != nil { close(descriptor) } }

    public func append(_ bytes: RawSpan) throws(IOError) {
        if bytes.byteCount + pending.count <= pendingLimit {
            unsafe bytes.withUnsafeBytes { unsafe pending.append(contentsOf: $0) }
        } else {
            try flush()
            try unsafe bytes.withUnsafeBytes { (raw) throws(IOError) in try unsafe write(raw, at: nil) }
        }
        position += bytes.byteCount
    }

    public func append(_ bytes: [UInt8]) throws(IOError) { try unsafe append(bytes.span.bytes) }

    /// Appends zeros until `position` is a multiple of `alignment`; returns how many.
    @discardableResult
    public func pad(to alignment: Int) throws(IOError) -> Int {
        let padding = (alignment - position % alignment) % alignment
        if padding > 0 { try append([UInt8](repeating: 0, count: padding)) }
        return padding
    }

    /// Overwrites bytes that were appended before. Throws on a pipe.
    public func patch(_ bytes: [UInt8], at offset: Int) throws(IOError) {
        guard isSeekable, offset >= 0, offset + bytes.count <= position else {
            throw IOError(operation: "patch \(bytes.count) bytes", path: path, offset: offset,
                          reason: isSeekable ? "only \(position) bytes were written" : "a pipe cannot go back")
        }
        try flush()
        try unsafe bytes.span.bytes.withUnsafeBytes { (raw) throws(IOError) in try unsafe write(raw, at: offset) }
    }

    /// Writes at any offset of a file that a library lays out through the same descriptor. `position` becomes the end of what was written so,
    /// where that is further; nothing is appended to such a file.
    public func place(_ bytes: RawSpan, at offset: Int) throws(IOError) {
        let (end, overflow) = offset.addingReportingOverflow(bytes.byteCount)
        guard isSeekable, offset >= 0, !overflow else {
            throw IOError(operation: "write \(bytes.byteCount) bytes", path: path, offset: offset,
                          reason: isSeekable ? "there is no such offset" : "a pipe cannot seek")
        }
        try flush()
        try unsafe bytes.withUnsafeBytes { (raw) throws(IOError) in try unsafe write(raw, at: offset) }
        position = max(position, end)
    }

    /// Hands everything appended so far to the operating system.
    public func flush() throws(IOError) {
        guard !pending.isEmpty else { return }
        let bytes = pending
        pending.removeAll(keepingCapacity: true)
        try unsafe bytes.span.bytes.withUnsafeBytes { (raw) throws(IOError) in try unsafe write(raw, at: nil) }
    }

    private func write(_ raw: UnsafeRawBufferPointer, at offset: Int?) throws(IOError) {
        var done = 0
        while done < raw.count, let base = raw.baseAddress {
            let size = min(raw.count - done, 1 << 30)
            let put = if let offset {
                unsafe pwrite(descriptor, base + done, size, off_t(offset + done))
            } else {
                #if canImport(Darwin)
                    unsafe Darwin.write(descriptor, base + done, size)
                #elseif canImport(Musl)
                    unsafe Musl.write(descriptor, base + done, size)
                #else
                    unsafe Glibc.write(descriptor, base + done, size)
                #endif
            }
            if put < 0 {
                if errno == EINTR { continue }
                throw IOError.last("write \(raw.count) bytes", path: path, offset: offset ?? position)
            }
            done += put
        }
    }
}
