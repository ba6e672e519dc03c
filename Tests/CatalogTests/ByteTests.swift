import ByteIO
import Checkpoints
import Foundation
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite("Every format: bytes") struct ByteTests {
    @Test("the same content gives the same file, whatever the number of threads, and what was read writes the file again", arguments: Format.writable)
    func deterministic(format: Format) throws {
        let writer = try format.writer
        for file in try format.files() {
            let content = try #require(file.content)
            for threads in [1, 4] {
                var options = WriteOptions()
                options.compression = file.name.hasSuffix("deflate") ? .deflate : .none
                options.threads = threads
                #expect(try written(MemoryCheckpoint(content), as: writer, options: options) == file.bytes)
                #expect(try written(writer.open(file.bytes), as: writer, options: options) == file.bytes)
            }
        }
    }

    @Test("a format that needs no seeking can be written to a pipe", arguments: Format.writable)
    func pipe(format: Format) throws {
        let writer = try format.writer
        guard !writer.needsSeekableOutput else { return }
        for file in try format.files() {
            let content = try #require(file.content)
            var options = WriteOptions()
            options.compression = file.name.hasSuffix("deflate") ? .deflate : .none
            let bytes = try piped { output in try writer.write(MemoryCheckpoint(content), to: output, options: options) }
            try expectContent(writer.open(bytes), content, format, file.name)
        }
    }

    @Test("pieces of any size, from any place, backwards too, are the same bytes; past the end is an error", arguments: Format.all)
    func pieces(format: Format) throws {
        for file in try format.files() {
            let checkpoint = try format.codec.open(file.bytes)
            for (position, tensor) in checkpoint.index.tensors.enumerated() {
                let whole = try checkpoint.array(ofTensorAt: position)
                #expect(whole.count == tensor.byteCount)
                for size in [1, 3, 7, 64, 1000, 65_537] where tensor.byteCount < 2000 * size {
                    var all: [UInt8] = [], sizes: [Int] = []
                    try checkpoint.forEachChunk(ofTensorAt: position, through: ChunkBuffer(count: max(size, tensor.dtype.byteCount))) { (bytes) throws(CheckpointError) in
                        all += bytes.array
                        sizes.append(bytes.byteCount)
                    }
                    #expect(all == whole, "\(file.name) \(tensor.name) in pieces of \(size)")
                    #expect(sizes.allSatisfy { $0 > 0 && $0 % tensor.dtype.byteCount == 0 })
                }
                let reader = try checkpoint.bytes(ofTensorAt: position)
                #expect(reader.count == tensor.byteCount)
                let buffer = try ChunkBuffer(count: whole.count + 5)
                var random = SplitMix64(seed: 11)
                for _ in 0..<25 {
                    let start = Int.random(in: 0...whole.count, using: &random), count = Int.random(in: 0...whole.count - start, using: &random)
                    try reader.read(at: start, count: count, into: buffer, at: 5)
                    #expect(buffer.array(5..<5 + count) == Array(whole[start..<start + count]), "\(file.name) \(tensor.name) \(count) bytes at \(start)")
                }
                for (offset, count) in [(1, whole.count), (whole.count, 1), (-1, 1), (Int.max, 1), (whole.count + 1, 0)] {
                    #expect(throws: CheckpointError.self, "\(file.name) \(tensor.name) \(count) bytes at \(offset)") { try reader.read(at: offset, count: count, into: buffer, at: 0) }
                }
            }
        }
    }

    @Test("where a tensor lies in place, the bytes there are its bytes, in the file that was opened", arguments: Format.all)
    func extents(format: Format) throws {
        for file in try format.files() {
            try withTemporaryFolder { folder in
                try TestSupport.write(file.bytes, to: "\(folder)/file")
                let input = try CheckpointInput(path: "\(folder)/file")
                let checkpoint = try format.codec.open(input, limits: .default)
                for position in checkpoint.index.tensors.indices {
                    guard let extent = checkpoint.extent(ofTensorAt: position) else { continue }
                    #expect(extent.count == checkpoint.index.tensors[position].byteCount)
                    let bytes = try extent.source.bytes(at: extent.offset, count: extent.count)
                    #expect(try bytes == checkpoint.array(ofTensorAt: position), "\(file.name) \(checkpoint.index.tensors[position].name)")
                }
            }
        }
    }

    @Test("several threads that read one checkpoint at once each get the right bytes", arguments: Format.all)
    func concurrent(format: Format) async throws {
        for file in try format.files() {
            let checkpoint = try format.codec.open(file.bytes)
            let wanted = try fullContents(checkpoint).bytes
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for reader in 0..<6 {
                    group.addTask {
                        var same = true
                        for round in 0..<3 {
                            for step in wanted.indices {
                                let position = (step + reader + round) % wanted.count
                                same = try same && checkpoint.array(ofTensorAt: position) == wanted[position]
                            }
                        }
                        return same
                    }
                }
                for try await same in group { #expect(same, "\(file.name)") }
            }
        }
    }

    /// What `body` writes through a pipe that another thread drains.
    private func piped(_ body: (OutputFile) throws -> Void) throws -> [UInt8] {
        let pipe = Pipe()
        let drained = Drained(), done = DispatchSemaphore(value: 0)
        let handle = pipe.fileHandleForReading
        DispatchQueue.global().async {
            let data = (try? handle.readToEnd()) ?? nil
            drained.read.withLock { $0 = [UInt8](data ?? Data()) }
            done.signal()
        }
        defer { try? pipe.fileHandleForWriting.close() }
        let output = OutputFile(descriptor: pipe.fileHandleForWriting.fileDescriptor, path: nil, isSeekable: false)
        try body(output)
        try output.flush()
        try pipe.fileHandleForWriting.close()
        done.wait()
        return drained.read.withLock { $0 }
    }
}

/// What the other end of a pipe got.
private final class Drained: Sendable {
    let read = Mutex<[UInt8]>([])
}

extension RawSpan {
    var array: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}
