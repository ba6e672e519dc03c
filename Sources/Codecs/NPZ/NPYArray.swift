import ByteIO
import Checkpoints
import Tensors

/// An array as it lies in a file or a member: the tensor it gives, and what has to be done to its bytes.
struct NPYArray {
    let info: TensorInfo
    /// The bytes before the data.
    let headerCount: Int
    /// The unit in which bytes are turned round; 1 when they are little-endian.
    let swapUnit: Int
    /// How the elements lie, when that is not row-major.
    let view: StridedView?

    enum Content {
        case tensor(NPYArray)
        case unsupported(reason: String)
    }

    /// Whether the bytes are the tensor's as they lie.
    var isPlain: Bool { swapUnit == 1 && view == nil }

    /// Reads the header of an array of `count` bytes in all, given `bytes(of: n)`, its first n bytes.
    ///
    /// Throws unless the array has exactly the bytes that its header declares (NPZ-9), before anything is allocated.
    static func read(
        _ name: String, count: Int, dtype: DType?, limits: Limits, first: (Int) throws(CheckpointError) -> [UInt8]
    ) throws(CheckpointError) -> Content {
        // A header is small: this first look nearly always has all of it.
        var bytes = try first(min(256, count))
        let headerCount = try NPYHeader.count(from: bytes, available: count)
        guard headerCount <= limits.headerBytes else {
            throw CheckpointError(.limit, "the header has \(grouped(headerCount)) bytes, over the limit of \(grouped(limits.headerBytes)); raise it with --max-header-bytes")
        }
        if headerCount > bytes.count { bytes = try first(headerCount) }
        let header = try NPYHeader(Array(bytes.prefix(headerCount)))
        let type: DType, isBig: Bool
        switch header.element {
        case .unsupported(let reason): return .unsupported(reason: reason)
        case .dtype(let known, let bigEndian): (type, isBig) = (known, bigEndian)
        case .byte(let descr):
            guard let dtype, dtype.byteCount == 1 else {
                return .unsupported(reason: "one byte an element, whose meaning the file does not say (\(descr)): an 8-bit float, most likely; save it as uint8 or float16")
            }
            (type, isBig) = (dtype, false)
        }
        guard header.sizes.count <= limits.rank else {
            throw CheckpointError(.limit, "it has \(header.sizes.count) axes, over the limit of \(limits.rank)")
        }
        let info: TensorInfo
        do throws(TensorError) { info = try TensorInfo(name: name, dtype: type, sizes: header.sizes) } catch {
            throw CheckpointError(.malformed, "\(error.description): the header is damaged", offset: headerCount)
        }
        let left = count - headerCount
        guard info.byteCount == left else {
            let needs = "shape \(info.shape) of \(type.rawValue) needs \(grouped(info.byteCount)) bytes, \(grouped(left)) are left after the header"
            throw CheckpointError(.malformed, info.byteCount > left ? "the data end early: \(needs). The file is truncated or damaged; fetch it again"
                : "bytes follow the data: \(needs). Nothing says what they are; save the array again", offset: headerCount)
        }
        var view: StridedView?
        if header.fortranOrder {
            do throws(TensorError) { view = try .fortran(info.shape, elementSize: type.byteCount) } catch { throw CheckpointError(.malformed, error.description) }
            if view?.isPacked == true || info.byteCount == 0 { view = nil }
        }
        return .tensor(NPYArray(info: info, headerCount: headerCount, swapUnit: isBig ? type.swapUnit : 1, view: view))
    }

    /// The tensor's bytes, given the array's own.
    func decoded(_ stored: any TensorBytes) -> any TensorBytes {
        let ordered: any TensorBytes = swapUnit == 1 ? stored : SwappedBytes(stored, unit: swapUnit)
        return if let view { ReorderedBytes(ordered, view) } else { ordered }
    }
}

/// NPZ-10. Big-endian numbers turned round as they are read.
final class SwappedBytes: TensorBytes {
    private let stored: any TensorBytes
    private let unit: Int

    init(_ stored: any TensorBytes, unit: Int) {
        self.stored = stored
        self.unit = unit
    }

    var count: Int { stored.count }
    var isSeekable: Bool { stored.isSeekable }

    func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        if offset % unit == 0, count % unit == 0 {
            try stored.read(at: offset, count: count, into: buffer, at: position)
            buffer.withMutableBytes(position..<position + count) { swapByteOrder(of: &$0, unit: unit) }
        } else {
            // Parts of numbers: the whole ones are read, and what was asked for is taken out of them.
            try checkRange(offset, count)
            let whole = offset / unit * unit..<(offset + count + unit - 1) / unit * unit
            let spare = try ChunkBuffer(checkedCount: whole.count)
            try stored.read(at: whole.lowerBound, count: whole.count, into: spare, at: 0)
            spare.withMutableBytes(0..<whole.count) { swapByteOrder(of: &$0, unit: unit) }
            spare.withBytes(offset - whole.lowerBound..<offset - whole.lowerBound + count) { buffer.store($0, at: position) }
        }
    }
}

/// Elements in another order than row-major: read whole at the first read, since a row has elements from end to end of them.
final class ReorderedBytes: TensorBytes {
    let count: Int
    private let view: StridedView
    /// What is still to be read, and what was: never both, so that a decoder's memory goes when the block has come.
    private var stored: (any TensorBytes)?
    private var block: ChunkBuffer?

    init(_ stored: any TensorBytes, _ view: StridedView) {
        count = stored.count
        self.view = view
        self.stored = stored
    }

    var isSeekable: Bool { true }

    func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        try checkRange(offset, count)
        let block = try whole()
        let size = view.elementSize
        if offset % size == 0, count % size == 0 {
            pack(offset / size..<(offset + count) / size, of: block, into: buffer, at: position)
        } else {
            let elements = offset / size..<(offset + count + size - 1) / size
            let spare = try ChunkBuffer(checkedCount: elements.count * size)
            pack(elements, of: block, into: spare, at: 0)
            let start = offset - elements.lowerBound * size
            spare.withBytes(start..<start + count) { buffer.store($0, at: position) }
        }
    }

    private func whole() throws(CheckpointError) -> ChunkBuffer {
        if let block { return block }
        let block = try ChunkBuffer(checkedCount: count)
        try stored?.read(at: 0, count: count, into: block, at: 0)
        self.block = block
        stored = nil
        return block
    }

    private func pack(_ elements: Range<Int>, of block: ChunkBuffer, into buffer: ChunkBuffer, at position: Int) {
        block.withBytes(0..<count) { from in
            buffer.withMutableBytes(position..<position + elements.count * view.elementSize) { view.pack(elements, of: from, into: &$0) }
        }
    }
}

extension TensorBytes {
    func checkRange(_ offset: Int, _ count: Int) throws(CheckpointError) {
        guard offset >= 0, count >= 0, offset <= self.count - count else {
            throw CheckpointError(.io, "read past the end of the tensor: \(count) bytes at \(offset) of \(self.count)")
        }
    }
}
