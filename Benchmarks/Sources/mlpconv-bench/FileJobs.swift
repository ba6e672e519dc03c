import ByteIO
import Checkpoints
import Conversion
import Dialects
import Parity
import StrictJSON
#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

extension Jobs {
    /// As the command does it, from path to path, but for the sync that makes it last: recognition, plan, one pass through one buffer.
    func convert(_ request: JSONValue) throws -> Job {
        let input = try text(request, "input"), output = try text(request, "output"), target = try codec(try text(request, "format"))
        return { [self] in
            let (codec, checkpoint) = try opened(input)
            let descriptor = unsafe open(output, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw JobError("cannot write \(output)") }
            let file = OutputFile(descriptor: descriptor, path: output, isSeekable: true)
            _ = try Converter().convert(checkpoint, try Recognition(of: checkpoint, format: codec.name), to: file, as: target)
            try file.flush()
            return nil
        }
    }

    /// Every element of two files compared; they must be the same.
    func diff(_ request: JSONValue) throws -> Job {
        let (first, second) = (try text(request, "input"), try text(request, "other"))
        var diff = CheckpointDiff()
        diff.atol = request["atol"]?.double ?? 0
        diff.rtol = request["rtol"]?.double ?? 0
        return { [self] in
            let report = try diff.report(opened(first).checkpoint, opened(second).checkpoint)
            guard report.same else { throw JobError("\(first) and \(second) differ") }
            return nil
        }
    }
}
