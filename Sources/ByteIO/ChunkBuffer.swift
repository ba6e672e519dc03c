#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A block of memory of a fixed size, aligned for SIMD (64 bytes; large ones to 2 MiB with huge pages asked for), made once and reused.
///
/// It is the one currency between sources, decoders and sinks: bounds are checked at every use, and the memory is uninitialised only
/// in the sense that a reader fills it before it is read; it starts as zeros.
@safe public final class ChunkBuffer {
    /// The size in bytes.
    public let count: Int
    private let base: UnsafeMutableRawPointer
    private let owned: Bool

    private static let hugePage = 2 << 20

    /// Allocates `count` bytes of zeros. Throws when the system has no memory left; the caller has already proved that `count` is honest.
    public init(count: Int) throws(IOError) {
        let size = max(count, 64)
        let alignment = size >= Self.hugePage ? Self.hugePage : 64
        var pointer: UnsafeMutableRawPointer? = nil
        let status = unsafe posix_memalign(&pointer, alignment, size)
        guard status == 0, let memory = unsafe pointer else {
            throw IOError(operation: "allocate \(count) bytes", code: ENOMEM, reason: "out of memory")
        }
        #if os(Linux)
            if size >= Self.hugePage { _ = unsafe madvise(memory, size, 14 /* MADV_HUGEPAGE */) }
        #endif
        unsafe memset(memory, 0, size)
        self.count = count
        unsafe self.base = memory
        self.owned = true
    }

    /// A view of memory that somebody else owns, and keeps alive and unshared for as long as this buffer is used.
    @unsafe public init(borrowing memory: UnsafeMutableRawBufferPointer) {
        if let address = memory.baseAddress, unsafe !memory.isEmpty {
            unsafe self.base = address
            self.count = memory.count
            self.owned = false
        } else {
            unsafe self.base = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)
            self.count = 0
            self.owned = true
        }
    }

    deinit { if owned { unsafe free(base) } }

    /// Lends the bytes in `range` for reading. `range` must lie within `0..<count`.
    public func withBytes<R, E: Error>(_ range: Range<Int>? = nil, _ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        let part = unsafe slice(range)
        return try unsafe body(part.bytes)
    }

    /// Lends the bytes in `range` for writing. `range` must lie within `0..<count`.
    public func withMutableBytes<R, E: Error>(_ range: Range<Int>? = nil, _ body: (inout MutableRawSpan) throws(E) -> R) throws(E) -> R {
        let part = unsafe slice(range)
        var span = unsafe part.mutableBytes
        return try body(&span)
    }

    /// Lends raw memory, for C libraries. `range` must lie within `0..<count`.
    @unsafe public func withUnsafeBytes<R, E: Error>(_ range: Range<Int>? = nil, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try unsafe body(slice(range))
    }

    private func slice(_ range: Range<Int>?) -> UnsafeMutableRawBufferPointer {
        let range = range ?? 0..<count
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "range \(range) outside a buffer of \(count) bytes")
        return unsafe UnsafeMutableRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    /// The bytes in `range`, copied.
    public func array(_ range: Range<Int>? = nil) -> [UInt8] {
        unsafe Array(slice(range))
    }

    /// Whether the first `count` bytes here and in `other` are the same. Both must have that many.
    public func isEqual(to other: ChunkBuffer, count: Int) -> Bool {
        let (a, b) = unsafe (slice(0..<count), other.slice(0..<count))
        guard let left = a.baseAddress, let right = b.baseAddress else { return count == 0 }
        return unsafe memcmp(left, right, count) == 0
    }

    /// Copies `bytes` to `offset`.
    public func store(_ bytes: RawSpan, at offset: Int = 0) {
        let part = unsafe slice(offset..<offset + bytes.byteCount)
        unsafe bytes.withUnsafeBytes { unsafe part.copyMemory(from: $0) }
    }

    /// Copies `bytes` to `offset`.
    public func store(_ bytes: ArraySlice<UInt8>, at offset: Int = 0) {
        let part = unsafe slice(offset..<offset + bytes.count)
        unsafe bytes.withUnsafeBytes { unsafe part.copyMemory(from: $0) }
    }
}
