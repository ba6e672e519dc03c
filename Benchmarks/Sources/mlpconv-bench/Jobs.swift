import ByteIO
import Catalog
import Checkpoints
import LibHDF5
import StrictJSON
#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

struct JobError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The jobs by name, and what was prepared for them.
final class Jobs {
    private let formats = Catalog.registry(describer: LibHDF5Describer(), layouter: LibHDF5Layouter())
    private var arrays: (path: String, checkpoint: ArrayCheckpoint)?
    private var steps: (request: JSONValue, job: Job)?

    /// One run; what it returns lives until its time has been taken. Freeing memory is no part of any side's figure.
    typealias Job = () throws -> AnyObject?

    func run(_ request: JSONValue, count: Int) throws -> Measurement {
        let path = request["output"]?.string
        let job = try job(request)
        var measurement = Measurement()
        let start = processorTime()
        for _ in 0..<max(count, 1) {
            // The old file goes first, untimed: the peers make new ones too.
            if let path { unsafe unlink(path) }
            let began = wallTime()
            let kept = try job()
            measurement.seconds += wallTime() - began
            withExtendedLifetime(kept) {}
        }
        measurement.seconds /= Double(max(count, 1))
        measurement.cpu = processorTime() - start
        if let path { measurement.bytes = try FileSource(path: path).count }
        return measurement
    }

    private func job(_ request: JSONValue) throws -> Job {
        switch request["job"]?.string {
        case "write": return try write(request)
        case "read":
            let path = try text(request, "input"), format = try text(request, "format")
            return { [formats] in
                let checkpoint = try formats.open(CheckpointInput(path: path), as: format).checkpoint
                return try Loaded(checkpoint.index.tensors.indices.map { try checkpoint.buffer(ofTensorAt: $0) })
            }
        case "verify":
            let path = try text(request, "input"), format = try text(request, "format")
            let buffer = try ChunkBuffer(count: 1 << 20)
            return { [formats] in
                let checkpoint = try formats.open(CheckpointInput(path: path), as: format).checkpoint
                for position in checkpoint.index.tensors.indices { try checkpoint.forEachChunk(ofTensorAt: position, through: buffer) { _ in } }
                try checkpoint.verifyRemainder()
                return nil
            }
        case "open":
            let path = try text(request, "input"), format = try text(request, "format")
            return { [formats] in try formats.open(CheckpointInput(path: path), as: format).checkpoint }
        case "convert": return try convert(request)
        case "diff": return try diff(request)
        case "step":
            // One network is kept warm, as in a training loop.
            if let steps, steps.request == request { return steps.job }
            let job = try NetworkSteps.job(request)
            steps = (request, job)
            return job
        case let name: throw JobError("there is no job \(name ?? "without a name")")
        }
    }

    private func write(_ request: JSONValue) throws -> Job {
        let input = try text(request, "input"), output = try text(request, "output")
        guard let codec = formats.codec(named: try text(request, "format")) as? any WritableCheckpointCodec else { throw JobError("that format is not written") }
        if arrays?.path != input {
            arrays = nil
            arrays = (input, try ArrayCheckpoint(copying: formats.open(CheckpointInput(path: input)).checkpoint))
        }
        guard let checkpoint = arrays?.checkpoint else { throw JobError("nothing to write") }
        var options = WriteOptions()
        options.threads = request["threads"]?.int
        options.level = request["level"]?.int
        if request["compression"]?.string == "deflate" { options.compression = .deflate }
        return {
            // Neither side syncs: the figure is that of getting the bytes to the system.
            let descriptor = unsafe open(output, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw JobError("cannot write \(output)") }
            let file = OutputFile(descriptor: descriptor, path: output, isSeekable: true)
            try codec.write(checkpoint, to: file, options: options)
            try file.flush()
            return nil
        }
    }

    func text(_ request: JSONValue, _ key: String) throws -> String {
        guard let text = request[key]?.string else { throw JobError("the request lacks \(key)") }
        return text
    }

    func opened(_ path: String) throws -> (codec: any CheckpointCodec, checkpoint: any Checkpoint) { try formats.open(CheckpointInput(path: path)) }

    func codec(_ name: String) throws -> any WritableCheckpointCodec {
        guard let codec = formats.codec(named: name) as? any WritableCheckpointCodec else { throw JobError("\(name) is not written") }
        return codec
    }
}

/// Tensors read, all of them at once in memory.
final class Loaded {
    let buffers: [ChunkBuffer]
    init(_ buffers: [ChunkBuffer]) { self.buffers = buffers }
}
