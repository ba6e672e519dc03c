import CLibFuzzer
#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// How far a parser came with an input.
public enum Depth: Int, Sendable, Comparable {
    case refused, opened, read
    public static func < (a: Depth, b: Depth) -> Bool { a.rawValue < b.rawValue }
}

/// Runs libFuzzer, with the options of the command line, on `parse`. It traps where a promise of the parser is broken.
/// - Parameter mutate: makes another input of one, where random changes alone would end at the first checksum; gets the largest size allowed.
public func fuzz(_ parse: @escaping ([UInt8]) -> Depth, mutate: (([UInt8], inout Choices, Int) -> [UInt8])? = nil) -> Never {
    unsafe parser = parse
    unsafe mutator = mutate
    atexit { Depths.report() }
    var count = CommandLine.argc
    var arguments = unsafe Optional(CommandLine.unsafeArgv)
    let status = unsafe LLVMFuzzerRunDriver(&count, &arguments) { data, size in
        let bytes = unsafe [UInt8](UnsafeBufferPointer(start: data, count: size))
        let depth = unsafe parser(bytes)
        unsafe Depths.counts[depth.rawValue] += 1
        if depth > .refused { Opened.keep(bytes) }
        return 0
    }
    exit(status)
}

// libFuzzer calls back without a context, on one thread.
private nonisolated(unsafe) var parser: ([UInt8]) -> Depth = { _ in .refused }
private nonisolated(unsafe) var mutator: (([UInt8], inout Choices, Int) -> [UInt8])?

private enum Depths {
    nonisolated(unsafe) static var counts = [0, 0, 0]

    /// One line on stderr: how many inputs got past the index, and how many were read to the end without an error.
    static func report() {
        let counts = unsafe self.counts
        let all = max(counts.reduce(0, +), 1)
        func share(_ count: Int) -> String { "\(count * 1000 / all / 10).\(count * 1000 / all % 10)%" }
        let line = "depth: \(share(counts[1] + counts[2])) of inputs opened, \(share(counts[2])) read to the end\n"
        _ = unsafe Array(line.utf8).withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

/// Some inputs that opened. libFuzzer keeps whatever reaches new code, and most of that is refused early in one more way: half of the mutants
/// come from here, so that what lies behind the index is tried as often.
private enum Opened {
    private nonisolated(unsafe) static var inputs: [[UInt8]] = []
    private nonisolated(unsafe) static var seen = 0

    static func keep(_ bytes: [UInt8]) {
        unsafe seen += 1
        if unsafe inputs.count < 256 { unsafe inputs.append(bytes) } else if unsafe seen % 16 == 0 { unsafe inputs[seen / 16 % 256] = bytes }
    }

    static func any(_ choices: inout Choices) -> [UInt8]? { unsafe inputs.randomElement(using: &choices) }
}

/// The hook by which libFuzzer asks for another input: the target's own mutator, or libFuzzer's.
@c(LLVMFuzzerCustomMutator)
public func customMutator(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ maxSize: Int, _ seed: UInt32) -> Int {
    guard let mutate = unsafe mutator else { return unsafe LLVMFuzzerMutate(data, size, maxSize) }
    var choices = Choices(seed: seed)
    var bytes = unsafe [UInt8](UnsafeBufferPointer(start: data, count: size))
    if choices.once(in: 2), let opened = Opened.any(&choices), opened.count <= maxSize { bytes = opened }
    let changed = mutate(bytes, &choices, maxSize).prefix(maxSize)
    _ = unsafe UnsafeMutableBufferPointer(start: data, count: maxSize).update(fromContentsOf: changed)
    return changed.count
}

/// `bytes` after one of libFuzzer's own changes, with its dictionary and what it saw compared; at most `limit` of them.
public func changed(_ bytes: [UInt8], limit: Int) -> [UInt8] {
    guard limit > 0 else { return [] }
    var room = Array(bytes.prefix(limit)) + [UInt8](repeating: 0, count: limit - min(bytes.count, limit))
    let size = unsafe room.withUnsafeMutableBufferPointer { unsafe LLVMFuzzerMutate($0.baseAddress, min(bytes.count, limit), limit) }
    return Array(room.prefix(size))
}

/// A mutator's choices: a generator seeded by libFuzzer, so that a run can be repeated.
public struct Choices: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt32) { state = UInt64(seed) }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    /// True once in `n` times.
    public mutating func once(in n: UInt64) -> Bool { next() % n == 0 }
}
