public import ByteIO
import Tensors

/// An open checkpoint: an index that is known at once, and bytes drawn on demand.
public protocol Checkpoint: AnyObject, Sendable {
    var index: CheckpointIndex { get }

    /// The bytes of the tensor at `position` in the index, from their start. Each call gives a reader of its own.
    func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes

    /// Where the tensor lies in place: packed, little-endian, row-major, uncompressed bytes of a source. Nil when it has to be decoded.
    func extent(ofTensorAt position: Int) -> TensorExtent?

    /// Checks whatever reading every tensor to its end does not: checksums of indexes, padding, members that hold no tensor.
    func verifyRemainder() throws(CheckpointError)

    /// The SHA-256 that the file itself records for the tensor's packed bytes, as 64 hex digits; nil when it records none.
    func storedSHA256(ofTensorAt position: Int) -> String?
}

extension Checkpoint {
    public func extent(ofTensorAt position: Int) -> TensorExtent? { nil }
    public func verifyRemainder() throws(CheckpointError) {}
    public func storedSHA256(ofTensorAt position: Int) -> String? { nil }
}

/// A tensor's bytes where they lie.
public struct TensorExtent: Sendable {
    public let source: any ByteSource
    public let offset: Int
    public let count: Int
    public init(source: any ByteSource, offset: Int, count: Int) {
        self.source = source
        self.offset = offset
        self.count = count
    }
}

/// A reader of one tensor's packed, little-endian, row-major bytes.
///
/// Where `isSeekable` is false, going back restarts the decoding. Whatever checksum covers the bytes is checked by the read that completes
/// a pass from the start to `count`; that read throws `malformed` when it does not fit.
public protocol TensorBytes: AnyObject {
    /// The number of bytes: the tensor's `byteCount`.
    var count: Int { get }
    var isSeekable: Bool { get }
    /// Reads `count` bytes at `offset` into `buffer` at `position`: all of them, or an error.
    func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError)
}

extension Checkpoint {
    /// Draws the tensor at `position` from start to end through `buffer`, a piece at a time, and checks its checksum at the end.
    /// Pieces are as large as the buffer, whole elements, in order; a tensor of no bytes gives no piece.
    public func forEachChunk(
        ofTensorAt position: Int, through buffer: ChunkBuffer, _ body: (RawSpan) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        let tensor = index.tensors[position]
        do throws(CheckpointError) {
            let reader = try bytes(ofTensorAt: position)
            let step = max(buffer.count / tensor.dtype.byteCount * tensor.dtype.byteCount, tensor.dtype.byteCount)
            guard tensor.byteCount > 0 else {
                try reader.read(at: 0, count: 0, into: buffer, at: 0)
                return
            }
            var offset = 0
            while offset < tensor.byteCount {
                let size = min(step, tensor.byteCount - offset)
                try reader.read(at: offset, count: size, into: buffer, at: 0)
                try buffer.withBytes(0..<size, body)
                offset += size
            }
        } catch {
            throw error.at(tensor: tensor.name)
        }
    }

    /// All bytes of the tensor at `position`: packed, little-endian, row-major.
    public func array(ofTensorAt position: Int) throws(CheckpointError) -> [UInt8] {
        let tensor = index.tensors[position]
        do throws(CheckpointError) {
            let reader = try bytes(ofTensorAt: position)
            let buffer = try ChunkBuffer(checkedCount: tensor.byteCount)
            try reader.read(at: 0, count: tensor.byteCount, into: buffer, at: 0)
            return buffer.array(0..<tensor.byteCount)
        } catch {
            throw error.at(tensor: tensor.name)
        }
    }
}

extension ChunkBuffer {
    /// As `init(count:)`, with the error of this floor.
    public convenience init(checkedCount count: Int) throws(CheckpointError) {
        do throws(IOError) { try self.init(count: count) } catch { throw CheckpointError(error) }
    }
}

/// Runs `body` with the errors of the floor below turned into ours.
public func rising<R: ~Copyable>(_ body: () throws(IOError) -> R) throws(CheckpointError) -> R {
    do throws(IOError) { return try body() } catch { throw CheckpointError(error) }
}

/// The tensor bytes that lie in place in a source.
public final class ExtentBytes: TensorBytes {
    private let extent: TensorExtent
    public init(_ extent: TensorExtent) { self.extent = extent }
    public var count: Int { extent.count }
    public var isSeekable: Bool { true }
    public func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        guard offset >= 0, count >= 0, offset <= extent.count - count else {
            throw CheckpointError(.io, "read past the end of the tensor: \(count) bytes at \(offset) of \(extent.count)")
        }
        do throws(IOError) {
            try extent.source.read(at: extent.offset + offset, count: count, into: buffer, at: position)
        } catch { throw CheckpointError(error) }
    }
}
