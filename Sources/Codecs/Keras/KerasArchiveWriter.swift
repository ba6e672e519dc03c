import ByteIO
import Checkpoints
import Zip

extension KerasArchive {
    /// A file without a name that holds what `fill` writes.
    static func spooled(_ fill: (OutputFile) throws(CheckpointError) -> Void) throws(CheckpointError) -> FileSource {
        var failure: CheckpointError?
        let source = try rising { () throws(IOError) in
            try SpoolFile.holding { (file) throws(IOError) in
                do throws(CheckpointError) { try fill(file) } catch { failure = error }
            }
        }
        if let failure { throw failure }
        return source
    }

    /// KERAS-73. The archive: texts, then the weights, all stored; the same content gives the same bytes.
    static func write(_ texts: [(name: String, bytes: [UInt8])], weights: FileSource, to output: OutputFile) throws(CheckpointError) {
        do throws(ZipError) {
            let zip = ZipWriter(output)
            for text in texts { try zip.add(text.name, text.bytes) }
            try zip.begin(weightsName, count: weights.count)
            let buffer: ChunkBuffer
            do throws(IOError) { buffer = try ChunkBuffer(count: 1 << 20) } catch { throw ZipError(error) }
            var offset = 0
            while offset < weights.count {
                let size = min(buffer.count, weights.count - offset)
                do throws(IOError) { try weights.read(at: offset, count: size, into: buffer, at: 0) } catch { throw ZipError(error) }
                try buffer.withBytes(0..<size) { (bytes) throws(ZipError) in try zip.append(bytes) }
                offset += size
            }
            try zip.end()
            try zip.finish()
        } catch { throw CheckpointError(error) }
    }
}
