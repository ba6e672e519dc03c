#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The socket to the client, which is this process's standard output.
enum Channel {
    /// Sends everything, or ends the process: without a client there is nothing left to do.
    static func send(_ bytes: [UInt8], to descriptor: Int32 = 1) {
        unsafe bytes.span.bytes.withUnsafeBytes { raw in
            var done = 0
            while done < raw.count, let base = raw.baseAddress {
                let put = unsafe write(descriptor, base + done, raw.count - done)
                if put < 0, errno == EINTR { continue }
                if put <= 0 { _exit(1) }
                done += put
            }
        }
    }

    static func complain(_ text: String) { send(Array(text.utf8), to: 2) }

    /// The next `count` bytes; ends the process when the client is gone.
    static func receive(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = unsafe bytes.withUnsafeMutableBytes { raw in
                unsafe raw.baseAddress.map { unsafe read(1, $0 + done, count - done) } ?? -1
            }
            if got < 0, errno == EINTR { continue }
            if got <= 0 { _exit(1) }
            done += got
        }
        return bytes
    }
}
