#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A file that replaces another only when it is complete.
///
/// Bytes go to a temporary file in the same folder; `commit()` syncs it, gives it the mode of the file it replaces, renames it and syncs
/// the folder. Dropped without a commit, it leaves the old file as it was and removes the temporary one. A symbolic link is followed:
/// its target is replaced, not the link.
public struct AtomicFile: ~Copyable {
    /// Where the bytes go until the commit.
    public let output: OutputFile
    private let target: String
    private let mayReplace: Bool
    private let temporary: String

    /// The ending of a temporary file; what stands before it is the target's name, the process and a number.
    public static let temporaryEnding = ".mlpconv.tmp"

    /// Starts to replace `path`. With `mayReplace` false, a file that exists there is an error (code `EEXIST`).
    public init(replacing path: String, mayReplace: Bool) throws(IOError) {
        let target = Self.resolved(path)
        var status = stat()
        let exists = unsafe stat(target, &status) == 0
        if exists {
            guard mayReplace else { throw IOError(operation: "write", path: path, code: EEXIST, reason: "the file exists") }
            guard status.st_mode & S_IFMT == S_IFREG else {
                throw IOError(operation: "write", path: path, reason: "it exists and is not a regular file")
            }
        }
        let mode: mode_t = exists ? status.st_mode & 0o7777 : Self.defaultMode()
        var chosen = "", fd: Int32 = -1
        for attempt in 0..<100 {
            chosen = "\(target).\(getpid()).\(attempt)\(Self.temporaryEnding)"
            fd = unsafe open(chosen, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            if fd >= 0 || errno != EEXIST { break }
        }
        guard fd >= 0 else { throw IOError.last("create a temporary file beside it", path: path) }
        guard fchmod(fd, mode) == 0 else {
            let error = IOError.last("set the mode of", path: chosen)
            close(fd)
            unsafe unlink(chosen)
            throw error
        }
        self.target = target
        self.mayReplace = mayReplace
        self.temporary = chosen
        self.output = OutputFile(descriptor: fd, path: chosen, isSeekable: true)
    }

    /// Puts the finished file in place. After it returns, the new file is on the disk under its name.
    public consuming func commit() throws(IOError) {
        try output.flush()
        guard fsync(output.descriptor) == 0 else { throw IOError.last("sync", path: target) }
        try place()
        let folder = Self.folder(of: target)
        let fd = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard fd >= 0 else { return }
        // Some file systems cannot sync a folder (EINVAL): the file itself is already safe there.
        let status = fsync(fd), code = errno
        close(fd)
        if status != 0, code != EINVAL { throw IOError.of(code, "sync the folder of", path: target) }
    }

    /// Gives the finished file its name. A link, unlike a rename, does not replace what somebody put there in the meantime.
    private func place() throws(IOError) {
        if !mayReplace {
            if unsafe link(temporary, target) == 0 { return }
            if errno == EEXIST { throw IOError(operation: "write", path: target, code: EEXIST, reason: "the file exists") }
            // A file system without links: the name was free when we began.
        }
        guard unsafe rename(temporary, target) == 0 else { throw IOError.last("rename to", path: target) }
    }

    // After a rename nothing has this name any more, so unlink finds nothing to remove.
    deinit { unsafe unlink(temporary) }

    private static func defaultMode() -> mode_t {
        let mask = umask(0)
        umask(mask)
        return 0o666 & ~mask
    }

    private static func resolved(_ path: String) -> String {
        guard let real = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        let folder = String(path[..<slash])
        return folder.isEmpty ? "/" : folder
    }
}
