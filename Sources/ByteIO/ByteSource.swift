/// Bytes that can be read at any offset: all of what was asked for, or an error that says how much there was.
public protocol ByteSource: AnyObject, Sendable {
    /// The size in bytes.
    var count: Int { get }
    /// The path to name in errors; nil for memory.
    var path: String? { get }
    /// The open file these bytes are a range of, where there is one. A helper process or a mapping can use it.
    var backing: FileRange? { get }
    /// Reads `count` bytes at `offset` into `buffer` at `position`; throws when the source ends earlier. Safe to call from several threads.
    func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(IOError)
}

/// A range of an open file: descriptor, first byte and length.
public struct FileRange: Sendable {
    public let file: FileSource
    public let offset: Int
    public let count: Int
}

extension ByteSource {
    /// The bytes in `offset ..< offset + count`, copied. The range is checked against the source before anything is allocated.
    public func bytes(at offset: Int, count: Int) throws(IOError) -> [UInt8] {
        try check(offset, count)
        guard count > 0 else { return [] }
        let buffer = try ChunkBuffer(count: count)
        try read(at: offset, count: count, into: buffer, at: 0)
        return buffer.array()
    }

    /// The part `offset ..< offset + count` as a source of its own.
    public func part(at offset: Int, count: Int) throws(IOError) -> any ByteSource {
        try check(offset, count)
        return SourcePart(of: self, offset: offset, count: count)
    }

    /// Throws unless `offset ..< offset + count` lies within the source.
    public func check(_ offset: Int, _ count: Int) throws(IOError) {
        let (end, overflow) = offset.addingReportingOverflow(count)
        guard offset >= 0, count >= 0, !overflow, end <= self.count else {
            throw IOError(operation: "read \(count) bytes", path: path, offset: offset,
                          reason: "the data ends at \(self.count)")
        }
    }
}

/// Bytes in memory.
public final class MemorySource: ByteSource {
    private let bytes: [UInt8]
    public let path: String?
    public var count: Int { bytes.count }
    public var backing: FileRange? { nil }

    public init(_ bytes: [UInt8], path: String? = nil) {
        self.bytes = bytes
        self.path = path
    }

    public func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(IOError) {
        try check(offset, count)
        guard count > 0 else { return }
        buffer.store(bytes[offset..<offset + count], at: position)
    }
}

/// A range of another source.
final class SourcePart: ByteSource {
    private let whole: any ByteSource
    private let offset: Int
    let count: Int

    init(of whole: any ByteSource, offset: Int, count: Int) {
        self.whole = whole
        self.offset = offset
        self.count = count
    }

    var path: String? { whole.path }

    var backing: FileRange? {
        guard let outer = whole.backing else { return nil }
        return FileRange(file: outer.file, offset: outer.offset + offset, count: count)
    }

    func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(IOError) {
        try check(offset, count)
        try whole.read(at: self.offset + offset, count: count, into: buffer, at: position)
    }
}
