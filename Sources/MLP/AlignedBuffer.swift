#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Scalars at a fixed address aligned to 64 bytes (large ones to 2 MiB, with huge pages asked for: first touch is five times faster),
/// made once and reused. Equal alignment everywhere is half of "equal weights give equal bits".
@safe final class AlignedBuffer<Scalar: NetworkScalar> {
    let count: Int
    @unsafe let base: UnsafeMutablePointer<Scalar>

    private static var hugePage: Int { 2 << 20 }

    /// `count` zeros. Throws when their size overflows or the system has no memory left.
    init(count: Int) throws(NetworkError) {
        let (size, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Scalar>.stride)
        let alignment = size >= Self.hugePage ? Self.hugePage : 64
        var pointer: UnsafeMutableRawPointer? = nil
        guard !overflow, unsafe posix_memalign(&pointer, alignment, size) == 0, let memory = unsafe pointer else {
            throw NetworkError(.memory, "no memory for \(count) values of \(MemoryLayout<Scalar>.stride) bytes; use fewer rows, or a smaller network")
        }
        #if os(Linux)
            if size >= Self.hugePage { _ = unsafe madvise(memory, size, 14 /* MADV_HUGEPAGE */) }
        #endif
        unsafe memset(memory, 0, size)
        self.count = count
        unsafe self.base = memory.bindMemory(to: Scalar.self, capacity: max(count, 1))
    }

    deinit { unsafe free(base) }

    /// Lends `count` values from `offset` for reading.
    func withValues<R, E: Error>(at offset: Int, count: Int, _ body: (Span<Scalar>) throws(E) -> R) throws(E) -> R {
        try unsafe body(slice(offset, count).span)
    }

    /// Lends `count` values from `offset` for writing.
    func withMutableValues<R, E: Error>(at offset: Int, count: Int, _ body: (inout MutableSpan<Scalar>) throws(E) -> R) throws(E) -> R {
        let part = unsafe slice(offset, count)
        var span = unsafe part.mutableSpan
        return try body(&span)
    }

    func array(at offset: Int, count: Int) -> [Scalar] { unsafe Array(slice(offset, count)) }

    func store(_ values: [Scalar], at offset: Int) {
        let part = unsafe slice(offset, values.count)
        unsafe values.withUnsafeBufferPointer { source in
            if let start = source.baseAddress, let target = part.baseAddress {
                unsafe target.update(from: start, count: source.count)
            }
        }
    }

    private func slice(_ offset: Int, _ count: Int) -> UnsafeMutableBufferPointer<Scalar> {
        precondition(offset >= 0 && count >= 0 && count <= self.count - offset, "values \(offset)..<\(offset) + \(count) outside a buffer of \(self.count)")
        return unsafe UnsafeMutableBufferPointer(start: base + offset, count: count)
    }
}
