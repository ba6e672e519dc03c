import ByteIO
import Checkpoints
import Tensors
import Zip

/// Writes an archive of arrays: every name is checked before the first byte, then tensors are drawn one at a time through one buffer.
enum NPZWriter {
    static func write(_ checkpoint: any Checkpoint, to output: OutputFile, options: WriteOptions) throws(CheckpointError) {
        let index = checkpoint.index
        try check(index)
        let method: ZipWriter.Method = switch options.compression {
        case .none: .stored
        case .deflate: .deflated(level: min(max(options.level ?? 6, 0), 9))
        }
        let writer = ZipWriter(output)
        let buffer = try ChunkBuffer(checkedCount: 1 << 20)
        let total = index.totalBytes
        var done = 0
        for (position, tensor) in index.tensors.enumerated() {
            let header = NPYHeader.bytes(for: tensor)
            // The sum fits: a tensor of nearly 2^63 bytes cannot be drawn from anything.
            try naming(tensor.name) { () throws(ZipError) in
                try writer.begin(tensor.name + ".npy", count: header.count &+ tensor.byteCount, method: method)
                try unsafe writer.append(header.span.bytes)
            }
            try checkpoint.forEachChunk(ofTensorAt: position, through: buffer) { (bytes) throws(CheckpointError) in
                do throws(ZipError) { try writer.append(bytes) } catch { throw CheckpointError(error, member: tensor.name) }
                done += bytes.byteCount
                options.progress?(done, total)
            }
            try naming(tensor.name) { () throws(ZipError) in try writer.end() }
        }
        var comment: [UInt8] = []
        if let metadata = NPZMetadata.encoded(index.sidecar(dtypesWhere: NPYElement.cannotName)) {
            if metadata.count <= UInt16.max {
                comment = metadata
            } else {
                try naming(NPZMetadata.memberName) { () throws(ZipError) in try writer.add(NPZMetadata.memberName, metadata, method: method) }
            }
        }
        do throws(ZipError) { try writer.finish(comment: comment) } catch { throw CheckpointError(error) }
    }

    /// Names that an archive cannot tell apart for numpy, before anything is written (NPZ-22).
    static func check(_ index: CheckpointIndex) throws(CheckpointError) {
        let tensors = index.tensors
        var names: Set<[UInt8]> = []
        for tensor in tensors {
            if let objection = tensor.npzObjection { throw CheckpointError(.lossRefused, objection, tensor: tensor.name) }
            guard names.insert(Array(tensor.name.utf8)).inserted else {
                throw CheckpointError(.mismatch, "two tensors have this name; rename one with --rename", tensor: tensor.name)
            }
        }
        for tensor in tensors {
            guard let short = arrayName(ofMember: tensor.name) else { continue }
            guard !names.contains(Array(short.utf8)) else {
                throw CheckpointError(.lossRefused, "numpy would give the array \(quoted(short)) for this name too; rename one with --rename", tensor: tensor.name)
            }
        }
    }
}

extension TensorInfo {
    /// Why the archive cannot hold this tensor under its name.
    var npzObjection: String? {
        if name.utf8.contains(0) { return "a zip member's name cannot hold a NUL; rename the tensor with --rename" }
        if name.utf8.count > Int(UInt16.max) - 4 { return "a zip member's name has at most 65,535 bytes, and this one would have \(grouped(name.utf8.count + 4)); rename the tensor with --rename" }
        if name.utf8.elementsEqual(NPZMetadata.memberName.utf8) { return "the name is the one that our metadata have in an archive; rename the tensor with --rename" }
        return npyObjection
    }
}
