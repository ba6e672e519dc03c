public import ByteIO
import Foundation

/// The bytes that `body` writes: to a file that can seek, or through a pipe.
public func writtenBytes(seekable: Bool = true, _ body: (OutputFile) throws -> Void) throws -> [UInt8] {
    try withTemporaryFolder { folder in
        let path = folder + "/output"
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Fixtures.Missing(path: path) }
        let output = OutputFile(descriptor: descriptor, path: path, isSeekable: seekable)
        try body(output)
        try output.flush()
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    }
}
