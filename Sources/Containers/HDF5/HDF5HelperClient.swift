#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif
public import ByteIO
public import Checkpoints

/// Describes and lays out HDF5 files through the helper `mlpconv-hdf5`, one process a file (HDF5-2).
///
/// libhdf5 crashes on some corrupt files; there it takes only the helper along, and the answer is an ordinary error. Everything the helper
/// says is checked as if the file had said it.
public struct HDF5HelperClient: HDF5Describer, HDF5Layouter {
    private let fixedPath: String?

    /// - Parameter path: the helper's executable; nil looks for it when it is first needed.
    public init(path: String? = nil) { fixedPath = path }

    /// The name of the helper's executable.
    public static let helperName = "mlpconv-hdf5"
    /// The environment variable that names the helper's executable and goes before every other place.
    public static let helperVariable = "MLPCONV_HDF5_HELPER"

    /// Where the helper is: named by `MLPCONV_HDF5_HELPER`, or beside the running executable, or in `../libexec` from there.
    public func path() throws(CheckpointError) -> String {
        if let fixedPath { return fixedPath }
        if let named = unsafe getenv(Self.helperVariable) { return unsafe String(cString: named) }
        guard let executable = Self.runningExecutable(), let slash = executable.lastIndex(of: "/") else {
            throw CheckpointError(.unsupported, "the HDF5 reader \(Self.helperName) cannot be looked for; name it with \(Self.helperVariable)")
        }
        let folder = executable[..<slash]
        for candidate in ["\(folder)/\(Self.helperName)", "\(folder)/../libexec/\(Self.helperName)", "\(folder)/../libexec/mlpconv/\(Self.helperName)"] {
            if unsafe access(candidate, X_OK) == 0 { return candidate }
        }
        throw CheckpointError(.unsupported, "the HDF5 reader \(Self.helperName) is not beside the program (\(folder)) nor in ../libexec; install it there, or name it with \(Self.helperVariable)")
    }

    public func describe(_ range: FileRange, attributes: HDF5AttributeChoice, limits: Limits) throws(CheckpointError) -> HDF5Description {
        let request = HDF5HelperRequest(offset: range.offset, count: range.count, attributes: attributes, limits: limits)
        let helper = try HDF5HelperProcess(path: path(), arguments: request.arguments, descriptor: range.file.descriptor,
                                           seconds: request.wallSeconds)
        // A description takes a few times the metadata that it describes, which the file holds.
        let limit = 64 << 20 + min(range.count, 1 << 30) * 4
        let answer = try helper.answer(limit: limit)
        guard answer.kind == .description else { throw helper.strange("a frame of kind \(answer.kind)") }
        do throws(IOError) { return try HDF5Description(wire: answer.payload) } catch {
            throw helper.strange("what cannot be read (\(error))")
        }
    }

    public func lay(_ plan: HDF5Plan, into output: OutputFile) throws(CheckpointError) -> any HDF5LayoutSession {
        try HDF5HelperSession(path: path(), plan: plan, output: output)
    }

    private static func runningExecutable() -> String? {
        #if canImport(Darwin)
            var size: UInt32 = 0
            _ = unsafe _NSGetExecutablePath(nil, &size)
            var raw = [CChar](repeating: 0, count: Int(size) + 1)
            guard unsafe _NSGetExecutablePath(&raw, &size) == 0, let real = unsafe realpath(raw, nil) else { return nil }
        #else
            guard let real = unsafe realpath("/proc/self/exe", nil) else { return nil }
        #endif
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }
}

/// What the helper is asked for: its command line, for both sides.
public struct HDF5HelperRequest: Sendable, Equatable {
    public var offset: Int
    public var count: Int
    public var attributes: HDF5AttributeChoice
    public var limits: Limits

    public init(offset: Int, count: Int, attributes: HDF5AttributeChoice, limits: Limits) {
        self.offset = offset
        self.count = count
        self.attributes = attributes
        self.limits = limits
    }

    /// The processor time that a description may take: it grows with the file, whose metadata it is.
    public var processorSeconds: Int { 1 + min(count / (2 << 20), 120) }
    /// The time by the clock on the wall, for a machine that has other things to do.
    public var wallSeconds: Int { 8 + 4 * processorSeconds }
    /// The memory the helper may have, where the system can hold it to that.
    public var memoryBytes: Int { 512 << 20 + min(count, 4 << 30) * 3 }

    var arguments: [String] {
        let numbers = [offset, count, limits.tensors, limits.headerBytes, limits.nameBytes, limits.depth].map(String.init)
        switch attributes {
        case .all: return ["describe"] + numbers + ["all"]
        case .none: return ["describe"] + numbers + ["none"]
        case .named(let names): return ["describe"] + numbers + ["named"] + names
        }
    }

    /// The request that `arguments` (without the program's name) spell; nil when they spell none.
    public init?(arguments: [String]) {
        guard arguments.count >= 8, arguments[0] == "describe" else { return nil }
        let numbers = arguments[1...6].compactMap { Int($0) }
        guard numbers.count == 6, numbers.allSatisfy({ $0 >= 0 }) else { return nil }
        switch arguments[7] {
        case "all": attributes = .all
        case "none": attributes = .none
        case "named": attributes = .named(Array(arguments[8...]))
        default: return nil
        }
        offset = numbers[0]
        count = numbers[1]
        limits = Limits()
        limits.tensors = numbers[2]
        limits.headerBytes = numbers[3]
        limits.nameBytes = numbers[4]
        limits.depth = numbers[5]
    }
}
