#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif
import ByteIO
import Checkpoints

/// The folder of a model: the one place from which its external data is read. Locations are relative and lead to regular files in that folder,
/// by no link; a file is opened once.
final class ONNXFolder {
    private let model: String?
    private var open: [[UInt8]: FileSource] = [:]

    init(of path: String?) { model = path }

    /// Where the entries of `external_data` put `count` bytes. Throws `malformed` for a location or a range that cannot be, `io` for a file that
    /// is not there.
    func extent(_ entries: [(key: String, text: String)], count: Int) throws(CheckpointError) -> TensorExtent {
        func value(_ key: String) throws(CheckpointError) -> String? {
            let found = entries.filter { $0.key == key }
            guard found.count < 2 else { throw CheckpointError(.malformed, "its external data has the \(key) twice") }
            return found.first?.text
        }
        func number(_ key: String) throws(CheckpointError) -> Int? {
            guard let text = try value(key) else { return nil }
            guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let number = Int(text) else {
                throw CheckpointError(.malformed, "the \(key) of its external data is \(quoted(text)), no whole number from 0 to 2^63 - 1")
            }
            return number
        }
        guard let location = try value("location") else { throw CheckpointError(.malformed, "its data is external, and no location says where") }
        let offset = try number("offset") ?? 0
        if let length = try number("length"), length != count {
            throw CheckpointError(.malformed, "its shape needs \(grouped(count)) bytes, its external data has \(grouped(length))")
        }
        let source = try file(location)
        guard offset <= source.count, count <= source.count - offset else {
            throw CheckpointError(.malformed, "\(grouped(count)) bytes at \(grouped(offset)) of \(quoted(location)) are wanted, the file has \(grouped(source.count)): it is truncated, or belongs to another model")
        }
        return TensorExtent(source: source, offset: offset, count: count)
    }

    private func file(_ location: String) throws(CheckpointError) -> FileSource {
        if let known = open[Array(location.utf8)] { return known }
        let parts = location.split(separator: "/", omittingEmptySubsequences: false)
        let isPlain = !location.isEmpty && !location.hasPrefix("/") && !location.contains("://") && !location.utf8.contains(0)
            && !parts.contains("..") && location.utf8.count <= 4096
        guard isPlain else {
            throw CheckpointError(.malformed, "its external data is at \(quoted(String(location.prefix(200)))): only a path within the model's own folder is followed")
        }
        guard let model else {
            throw CheckpointError(.unsupported, "its data lies in the file \(quoted(location)) beside the model; open the model by its path")
        }
        let cut = model.utf8.lastIndex(of: UInt8(ascii: "/"))
        let folder = cut.map { String(model[..<$0]) + "/" } ?? "."
        let path = "\(folder)/\(location)"
        guard let root = Self.real(folder), let real = Self.real(path) else {
            throw CheckpointError(.io, "its external data \(quoted(location)) is not beside the model; fetch that file too")
        }
        let plain = (root == "/" ? "" : root) + "/" + parts.filter { !$0.isEmpty && $0 != "." }.joined(separator: "/")
        guard real == plain else {
            throw CheckpointError(.malformed, "its external data \(quoted(location)) is a link to elsewhere or no file; only files in the model's own folder are read")
        }
        guard real != Self.real(model) else { throw CheckpointError(.malformed, "its external data \(quoted(location)) is the model itself") }
        let source = try rising { () throws(IOError) in try FileSource(path: real) }
        open[Array(location.utf8)] = source
        return source
    }

    private static func real(_ path: String) -> String? {
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe String(validatingCString: resolved)
    }
}
