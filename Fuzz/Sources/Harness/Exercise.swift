public import ByteIO
public import Checkpoints
import StrictJSON
import Tensors

extension Limits {
    /// What a fuzzed file may ask for: little, so that millions of them can be tried.
    public static let small: Limits = {
        var limits = Limits()
        limits.totalBytes = 2 << 20
        limits.tensorBytes = 1 << 20
        limits.headerBytes = 256 << 10
        limits.tensors = 2000
        return limits
    }()
}

/// Opens `bytes` as `codec` does, reads every tensor, verifies the rest, writes what was read and reads it again.
///
/// An error of the codec is an answer. Traps are finds, and here they also come from promises that do not hold: two reads of a tensor
/// differ, its bytes in place are others, or what the codec wrote reads back as something else.
public func exercise(_ bytes: [UInt8], as codec: any CheckpointCodec) -> Depth { exercise(MemorySource(bytes), as: codec) }

/// The same on bytes of another source.
public func exercise(_ source: any ByteSource, as codec: any CheckpointCodec) -> Depth {
    var depth = Depth.refused
    do throws(CheckpointError) {
        let input = try CheckpointInput(source, name: "fuzzed")
        _ = codec.confidence(in: input)
        let checkpoint = try codec.open(input, limits: .small)
        depth = .opened
        let tensors = try contents(of: checkpoint)
        try checkpoint.verifyRemainder()
        depth = .read
        if let codec = codec as? any WritableCheckpointCodec { roundTrip(checkpoint, tensors, codec) }
    } catch {
        // What a face would print must be printable.
        promise(!error.description.utf8.contains { $0 < 0x20 && $0 != 0x0A }, "a control byte in an error's text")
        promise(!error.json.text().isEmpty, "an error without a document")
    }
    return depth
}

private func contents(of checkpoint: any Checkpoint) throws(CheckpointError) -> [[UInt8]] {
    let small = try ChunkBuffer(checkedCount: 509)
    var all: [[UInt8]] = []
    for (position, tensor) in checkpoint.index.tensors.enumerated() {
        let whole = try checkpoint.array(ofTensorAt: position)
        promise(whole.count == tensor.byteCount, "a tensor has other than its bytes")
        var pieces: [UInt8] = []
        try checkpoint.forEachChunk(ofTensorAt: position, through: small) { (bytes) throws(CheckpointError) in
            for offset in 0..<bytes.byteCount { pieces.append(bytes.unsafeLoad(offset)) }
        }
        promise(pieces == whole, "read in pieces, a tensor has other bytes")
        if let extent = checkpoint.extent(ofTensorAt: position) {
            let placed = try rising { () throws(IOError) in try extent.source.bytes(at: extent.offset, count: extent.count) }
            promise(placed == whole, "in place, a tensor has other bytes")
        }
        try readBackwards(checkpoint, position, whole)
        all.append(whole)
    }
    return all
}

/// The last byte, then the first: a decoder that cannot seek has to start anew.
private func readBackwards(_ checkpoint: any Checkpoint, _ position: Int, _ whole: [UInt8]) throws(CheckpointError) {
    guard let first = whole.first, let last = whole.last else { return }
    let reader = try checkpoint.bytes(ofTensorAt: position)
    let byte = try ChunkBuffer(checkedCount: 1)
    for (offset, expected) in [(whole.count - 1, last), (0, first)] {
        try reader.read(at: offset, count: 1, into: byte, at: 0)
        promise(byte.array() == [expected], "read backwards, a tensor has other bytes")
    }
}

private func roundTrip(_ checkpoint: any Checkpoint, _ tensors: [[UInt8]], _ codec: any WritableCheckpointCodec) {
    let infos = checkpoint.index.tensors
    guard infos.allSatisfy({ codec.objection(to: $0) == nil }) else { return }
    let file = ScratchFile.shared
    file.empty()
    do throws(CheckpointError) {
        var options = WriteOptions()
        options.threads = 1
        let output = file.output
        try codec.write(checkpoint, to: output, options: options)
        try rising { () throws(IOError) in try output.flush() }
    } catch {
        // A format may refuse what it read (a name that only its foreign writers use): that is an answer too.
        return
    }
    do throws(CheckpointError) {
        let again = try codec.open(CheckpointInput(MemorySource(file.bytes()), name: "written"), limits: .default)
        let copies = try contents(of: again)
        try again.verifyRemainder()
        promise(again.index.tensors.count == infos.count, "written and read again, there are other tensors")
        for (info, bytes) in zip(infos, tensors) {
            guard let place = again.index.position(of: info.name) else { fatalError("written and read again, a tensor is gone") }
            promise(again.index.tensors[place].dtype == info.dtype && again.index.tensors[place].shape == info.shape && copies[place] == bytes,
                         "written and read again, a tensor is another")
        }
    } catch {
        fatalError("what was written cannot be read: \(error)")
    }
}

extension RawSpan {
    fileprivate func unsafeLoad(_ offset: Int) -> UInt8 { unsafe self.unsafeLoad(fromByteOffset: offset, as: UInt8.self) }
}

/// Ends the program, and says which promise was broken: an optimised `precondition` is silent.
public func promise(_ holds: Bool, _ broken: @autoclosure () -> String) {
    if !holds { fatalError(broken()) }
}
