import ByteIO
import Checkpoints
import Foundation
import Tensors
import TestSupport

/// A checkpoint one of whose tensors cannot be drawn.
final class FailingCheckpoint: Checkpoint {
    enum Place: Sendable {
        case opening
        case reading(after: Int)
        /// The reader has fewer bytes than the index says.
        case shortened(by: Int)
    }

    let index: CheckpointIndex
    private let whole: MemoryCheckpoint
    private let failing: Int
    private let place: Place

    init(_ tensors: [MemoryTensor], failing: Int, at place: Place) {
        whole = MemoryCheckpoint(tensors)
        index = whole.index
        self.failing = failing
        self.place = place
    }

    func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes {
        guard position == failing else { return try whole.bytes(ofTensorAt: position) }
        switch place {
        case .opening: throw CheckpointError(.malformed, "a fault of this test")
        case .reading(let after): return FailingBytes(try whole.bytes(ofTensorAt: position), after: after)
        case .shortened(let lost):
            let count = index.tensors[position].byteCount - lost
            return ExtentBytes(TensorExtent(source: MemorySource([UInt8](repeating: 1, count: count)), offset: 0, count: count))
        }
    }
}

private final class FailingBytes: TensorBytes {
    private let whole: any TensorBytes
    private let after: Int

    init(_ whole: any TensorBytes, after: Int) {
        self.whole = whole
        self.after = after
    }

    var count: Int { whole.count }
    var isSeekable: Bool { true }

    func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        guard offset + count <= after else { throw CheckpointError(.malformed, "a fault of this test") }
        try whole.read(at: offset, count: count, into: buffer, at: position)
    }
}

/// The names and bytes of the files in `folder`.
func contents(of folder: String) throws -> [String: [UInt8]] {
    var all: [String: [UInt8]] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) { all[name] = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))) }
    return all
}

#if os(Linux)
    /// The device that is always full.
    final class DeviceFull {
        let descriptor: Int32

        init?() {
            descriptor = unsafe open("/dev/full", O_WRONLY | O_CLOEXEC)
            if descriptor < 0 { return nil }
        }

        deinit { close(descriptor) }
    }
#endif
