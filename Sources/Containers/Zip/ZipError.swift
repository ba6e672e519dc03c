public import ByteIO

/// Why an archive could not be read or written: what kind of fault, one sentence, and the place.
public struct ZipError: Error, Sendable, CustomStringConvertible {
    public enum Kind: Sendable {
        /// The operating system, or the source of the bytes, failed: `cause` says how.
        case io
        case malformed
        /// A method, an encryption or a layout that is not read here.
        case unsupported
        case limit
    }

    public let kind: Kind
    public let message: String
    /// The offset in the file, where one is known.
    public let offset: Int?
    /// The member's name as the archive gives it: not escaped.
    public let member: String?
    public let cause: IOError?

    public init(_ kind: Kind, _ message: String, member: String? = nil, offset: Int? = nil) {
        self.kind = kind
        self.message = message
        self.member = member
        self.offset = offset
        cause = nil
    }

    public init(_ error: IOError, member: String? = nil) {
        kind = .io
        message = error.description
        self.member = member
        offset = error.offset
        cause = error
    }

    public var description: String { message }
}

extension Optional where Wrapped == ChunkBuffer {
    /// The buffer that is kept here if it has room for `count` bytes; else a new one, kept in its place.
    mutating func withRoom(_ count: Int, for member: String? = nil) throws(ZipError) -> ChunkBuffer {
        if let kept = self, kept.count >= count { return kept }
        self = nil
        let made = try rising(member) { () throws(IOError) in try ChunkBuffer(count: count) }
        self = made
        return made
    }
}

/// Runs `body` with the errors of the floor below turned into ours.
func rising<R>(_ member: String? = nil, _ body: () throws(IOError) -> R) throws(ZipError) -> R {
    do throws(IOError) { return try body() } catch { throw ZipError(error, member: member) }
}
