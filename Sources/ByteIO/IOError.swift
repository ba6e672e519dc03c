#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What went wrong between us and the operating system, or at the edge of a byte range.
public struct IOError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was being done, as a verb phrase: `open`, `read 64 bytes`, `rename`.
    public var operation: String
    /// The file, where one is known; never escaped here (a face escapes what it prints).
    public var path: String?
    /// The byte offset in that file, where one is known.
    public var offset: Int?
    /// The C library's `errno`, or 0 when the fault is ours to name in `reason`.
    public var code: Int32
    /// The fault in words.
    public var reason: String

    /// The code of an error that is a limit of ours, not the system's.
    public static let overLimit: Int32 = -1

    public init(operation: String, path: String? = nil, offset: Int? = nil, code: Int32 = 0, reason: String) {
        self.operation = operation
        self.path = path
        self.offset = offset
        self.code = code
        self.reason = reason
    }

    /// The error that the last failed C call left in `errno`.
    static func last(_ operation: String, path: String?, offset: Int? = nil) -> IOError {
        of(errno, operation, path: path, offset: offset)
    }

    static func of(_ code: Int32, _ operation: String, path: String?, offset: Int? = nil) -> IOError {
        let text = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
        return IOError(operation: operation, path: path, offset: offset, code: code, reason: text)
    }

    public var description: String {
        var text = "cannot \(operation)"
        if let offset { text += " at offset \(offset)" }
        return text + ": \(reason)"
    }
}
