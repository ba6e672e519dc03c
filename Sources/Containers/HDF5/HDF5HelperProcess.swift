#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif
import ByteIO
import Checkpoints

/// A running helper: a process of its own, with one open file and one socket to us and nothing else. Dropped, it is ended and reaped.
final class HDF5HelperProcess {
    private let pid: pid_t
    private let socket: Int32
    private let deadline: ContinuousClock.Instant
    private let allowed: Int
    private var isReaped = false
    /// The object that the helper said it would touch next.
    private var visiting: String?

    /// Starts `path` with `arguments`, `descriptor` as its standard input and a socket to us as its standard output.
    /// - Parameter seconds: how long it may take, by the clock on the wall.
    init(path: String, arguments: [String], descriptor: Int32, seconds: Int) throws(CheckpointError) {
        var pair: [Int32] = [-1, -1]
        #if canImport(Darwin)
            let made = unsafe socketpair(AF_UNIX, SOCK_STREAM, 0, &pair)
            for end in pair where made == 0 {
                _ = fcntl(end, F_SETFD, FD_CLOEXEC)
                var on: Int32 = 1
                _ = unsafe setsockopt(end, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
            }
        #else
            let made = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &pair)
        #endif
        guard made == 0 else { throw Self.cannotStart(path, errno) }
        // Above the standard descriptors, so that none of the moves below overwrites another's source.
        let input = fcntl(descriptor, F_DUPFD_CLOEXEC, 10), theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, 10)
        close(pair[1])
        defer {
            close(input)
            close(theirs)
        }
        guard input >= 0, theirs >= 0 else {
            close(pair[0])
            throw Self.cannotStart(path, errno)
        }
        var child: pid_t = 0
        let status = Self.spawn(&child, path, arguments, input: input, output: theirs)
        guard status == 0 else {
            close(pair[0])
            throw Self.cannotStart(path, status)
        }
        pid = child
        socket = pair[0]
        allowed = seconds
        deadline = .now + .seconds(seconds)
    }

    private static func cannotStart(_ path: String, _ code: Int32) -> CheckpointError {
        let reason = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
        return CheckpointError(.io, "the HDF5 reader \(path) does not start: \(reason)")
    }

    private static func spawn(_ child: inout pid_t, _ path: String, _ arguments: [String], input: Int32, output: Int32) -> Int32 {
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #else
            var actions = unsafe posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #endif
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawnattr_init(&attributes)
        defer {
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }
        unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        // Whatever signals this process blocks or ignores, the helper dies of its own.
        var none = sigset_t(), all = sigset_t()
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        var flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
        #if canImport(Darwin)
            flags |= Int32(POSIX_SPAWN_CLOEXEC_DEFAULT)
        #endif
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
        // The environment is input to libhdf5 (plugin paths, prefixes, drivers): only what finds shared libraries goes along.
        var environment: [String] = []
        for name in ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"] {
            if let value = unsafe getenv(name) { environment.append("\(name)=\(unsafe String(cString: value))") }
        }
        return unsafe withCStrings([path] + arguments) { argv in
            unsafe withCStrings(environment) { envp in
                unsafe posix_spawn(&child, path, &actions, &attributes, argv, envp)
            }
        }
    }

    private static func withCStrings<R>(_ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R) -> R {
        var pointers = unsafe texts.map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer { for unsafe pointer in unsafe pointers { unsafe free(pointer) } }
        return unsafe body(&pointers)
    }

    /// The next frame that is not a `visiting`. Throws what the helper reports, and how it died if it died.
    /// - Parameter limit: the most bytes that are believed.
    func answer(limit: Int) throws(CheckpointError) -> (kind: HDF5Frame, payload: [UInt8]) {
        while true {
            let head = try receive(HDF5Frame.headCount)
            let count = head[1...].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard let kind = HDF5Frame(rawValue: head[0]), count <= UInt64(limit) else {
                throw strange("a frame of kind \(head[0]) and \(count) bytes")
            }
            let payload = try receive(Int(count))
            switch kind {
            case .visiting: visiting = String(decoding: payload, as: UTF8.self)
            case .error: throw CheckpointError(wire: payload)
            default: return (kind, payload)
            }
        }
    }

    func strange(_ what: String) -> CheckpointError {
        CheckpointError(.malformed, "the HDF5 reader answers \(what), which is no answer: the file is corrupt or hostile")
    }

    private func receive(_ count: Int) throws(CheckpointError) -> [UInt8] {
        var bytes: [UInt8] = []
        // Grown as it arrives: a claimed count is no allocation.
        var piece = [UInt8](repeating: 0, count: min(count, 1 << 18))
        while bytes.count < count {
            try wait(for: POLLIN)
            let got = unsafe recv(socket, &piece, min(piece.count, count - bytes.count), 0)
            if got < 0, errno == EINTR || errno == EAGAIN { continue }
            guard got > 0 else { throw death() }
            bytes += piece[..<got]
        }
        return bytes
    }

    func send(_ bytes: RawSpan) throws(CheckpointError) {
        try unsafe bytes.withUnsafeBytes { (raw) throws(CheckpointError) in
            var done = 0
            while done < raw.count, let base = raw.baseAddress {
                #if canImport(Darwin)
                    let put = unsafe Darwin.send(socket, base + done, min(raw.count - done, 1 << 20), 0)
                #elseif canImport(Musl)
                    let put = unsafe Musl.send(socket, base + done, min(raw.count - done, 1 << 20), Int32(MSG_NOSIGNAL))
                #else
                    let put = unsafe Glibc.send(socket, base + done, min(raw.count - done, 1 << 20), Int32(MSG_NOSIGNAL))
                #endif
                if put < 0, errno == EINTR { continue }
                if put < 0 {
                    // It closed its end: what it had to say about that comes first.
                    _ = try answer(limit: 1 << 20)
                    throw death()
                }
                done += put
            }
        }
    }

    private func wait(for events: Int32) throws(CheckpointError) {
        while true {
            let left = deadline - .now
            let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
            guard milliseconds > 0 else { throw tooLong() }
            var entry = pollfd(fd: socket, events: Int16(events), revents: 0)
            let ready = unsafe poll(&entry, 1, Int32(clamping: milliseconds))
            if ready > 0 { return }
            if ready < 0, errno != EINTR { throw death() }
        }
    }

    private func tooLong() -> CheckpointError {
        CheckpointError(.malformed, "the HDF5 reader was ended after \(allowed) seconds\(place): the file is corrupt or hostile", tensor: object)
    }

    private var object: String? { visiting.flatMap { $0.isEmpty ? nil : $0 } }

    private var place: String {
        guard let visiting else { return " while opening the file" }
        return visiting.isEmpty ? " while reading the root group" : " while reading \(quoted("/" + visiting))"
    }

    /// The helper's end in words; it has closed its socket.
    private func death() -> CheckpointError {
        var status: Int32 = 0
        let known = reap(&status, options: 0)
        let signal = status & 0x7F
        let how: String
        if known, signal == SIGXCPU || signal == SIGKILL {
            how = "used more than its time"
        } else if known, signal != 0 {
            how = "stopped on signal \(signal)"
        } else {
            how = known ? "ended with status \(status >> 8 & 0xFF)" : "ended"
        }
        return CheckpointError(.malformed, "the HDF5 reader \(how)\(place): the file is corrupt or hostile", tensor: object)
    }

    private func reap(_ status: inout Int32, options: Int32) -> Bool {
        guard !isReaped else { return false }
        isReaped = true
        while true {
            let got = unsafe waitpid(pid, &status, options)
            if got == pid { return true }
            if got < 0, errno == EINTR { continue }
            return false
        }
    }

    deinit {
        close(socket)
        if !isReaped {
            kill(pid, SIGKILL)
            var status: Int32 = 0
            _ = reap(&status, options: 0)
        }
    }
}
