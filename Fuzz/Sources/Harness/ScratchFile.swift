import ByteIO
#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// One file without a name, emptied and written again and again.
final class ScratchFile: Sendable {
    static let shared = ScratchFile()
    private let descriptor: Int32

    private init() {
        let folder = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        var path = Array("\(folder)/mlpconv-fuzz-XXXXXX".utf8CString)
        descriptor = unsafe path.withUnsafeMutableBufferPointer { unsafe mkstemp($0.baseAddress!) }
        promise(descriptor >= 0, "no temporary file can be made; set TMPDIR")
        unsafe path.withUnsafeBufferPointer { _ = unsafe unlink($0.baseAddress!) }
    }

    func empty() {
        promise(ftruncate(descriptor, 0) == 0 && lseek(descriptor, 0, SEEK_SET) == 0, "the temporary file cannot be emptied")
    }

    /// Without a path the output does not close the descriptor.
    var output: OutputFile { OutputFile(descriptor: descriptor, path: nil, isSeekable: true) }

    func bytes() -> [UInt8] {
        let count = Int(lseek(descriptor, 0, SEEK_END))
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = unsafe max(pread(descriptor, buffer.baseAddress, count, 0), 0)
        }
    }
}
