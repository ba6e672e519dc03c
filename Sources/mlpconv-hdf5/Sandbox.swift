#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif
import LibHDF5

/// What this process gives up before it looks at a file: it was handed one file and one socket, and it can get at nothing else.
enum Sandbox {
    /// - Parameters:
    ///   - seconds: processor time; nil for as long as it takes.
    ///   - memory: address space in bytes, where the system can limit it.
    ///   - writes: whether files may grow.
    static func enter(seconds: Int?, memory: Int, writes: Bool) {
        for descriptor in Int32(3)..<256 { close(descriptor) }
        LibHDF5Process.harden()
        limit(resource(RLIMIT_CORE), 0)
        // No file, socket or library can be opened from here on: the input is open already.
        limit(resource(RLIMIT_NOFILE), 0)
        limit(resource(processes), 0)
        if !writes { limit(resource(RLIMIT_FSIZE), 0) }
        if let seconds { limit(resource(RLIMIT_CPU), seconds) }
        #if !canImport(Darwin)
            limit(resource(RLIMIT_AS), memory)
        #endif
    }

    #if canImport(Darwin) || canImport(Musl)
        private typealias Resource = Int32
        private static func resource(_ number: Int32) -> Resource { number }
        private static var processes: Int32 { RLIMIT_NPROC }
    #else
        private typealias Resource = __rlimit_resource_t
        private static func resource(_ number: __rlimit_resource) -> Resource { Resource(number.rawValue) }
        private static var processes: __rlimit_resource { __RLIMIT_NPROC }
    #endif

    private static func limit(_ resource: Resource, _ value: Int) {
        var limit = rlimit(rlim_cur: rlim_t(value), rlim_max: rlim_t(value))
        unsafe setrlimit(resource, &limit)
    }
}
