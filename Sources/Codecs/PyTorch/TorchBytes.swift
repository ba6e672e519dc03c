import ByteIO
import Checkpoints
import Tensors
import Zip

/// How a tensor lies in its storage, checked.
struct TorchLayout: Sendable {
    let info: TensorInfo
    let place: TorchPlace
    /// From the storage's first byte.
    let byteOffset: Int
    let view: StridedView
    let isConjugated: Bool
    let isNegated: Bool
    /// Equal for tensors that are one: same storage, offset, sizes, strides and type.
    let identity: Identity

    struct Identity: Hashable, Sendable {
        let key: [UInt8]
        let offset: Int
        let sizes, strides: [Int]
        let dtype: DType
        let flags: Int
    }

    /// The unit in which bytes are turned round; 1 when they are little-endian.
    var swapUnit: Int { place.isBigEndian ? info.dtype.swapUnit : 1 }
    /// The bytes of the storage from the first element the view touches to its last.
    var spanBytes: Int { view.span * info.dtype.byteCount }
    var coversStorage: Bool { byteOffset == 0 && spanBytes == place.byteCount }
    /// Whether the bytes are the tensor's as they lie.
    var isPlain: Bool { info.byteCount == 0 || view.isPacked && swapUnit == 1 && !isConjugated && !isNegated }

    /// Checks a tensor against its storage (PT-12, PT-13) before anything is allocated.
    init(_ tensor: TorchTensor, of heap: PickleHeap, named name: String, dtype: DType, in storages: any TorchStorages) throws(CheckpointError) {
        let storage = heap.storages[tensor.storage]
        place = try storages.place(of: storage)
        let unit = storage.isUntyped ? 1 : storage.dtype?.byteCount ?? 1
        let (needed, overflow) = storage.count.multipliedReportingOverflow(by: unit)
        guard !overflow, needed == place.byteCount else {
            throw CheckpointError(.malformed, "its storage \(quoted(storage.key)) is said to have \(grouped(storage.count)) elements of \(unit) bytes, and has \(grouped(place.byteCount)) bytes: the file is damaged", offset: place.offset)
        }
        do throws(TensorError) {
            info = try TensorInfo(name: name, dtype: dtype, sizes: tensor.sizes)
            view = try StridedView(info.shape, strides: tensor.strides, elementSize: dtype.byteCount)
        } catch {
            throw CheckpointError(.malformed, error.description)
        }
        let start = storage.part?.offset ?? 0
        let held = (storage.part?.count ?? storage.count) * unit / dtype.byteCount
        let (end, overflow2) = tensor.offset.addingReportingOverflow(view.span)
        guard !overflow2, end <= held || view.span == 0 else {
            throw CheckpointError(.malformed, "it reaches beyond its storage: from element \(tensor.offset), shape \(info.shape) with strides [\(tensor.strides.map(String.init).joined(separator: ", "))] takes \(grouped(view.span)) elements; the storage has \(grouped(held))", offset: place.offset)
        }
        byteOffset = view.span == 0 ? 0 : start * unit + tensor.offset * dtype.byteCount
        isConjugated = tensor.isConjugated
        isNegated = tensor.isNegated
        identity = Identity(key: Array(storage.key.utf8), offset: byteOffset, sizes: tensor.sizes, strides: tensor.strides, dtype: dtype,
                            flags: (isConjugated ? 1 : 0) | (isNegated ? 2 : 0))
    }
}

/// The packed bytes of a tensor of any layout.
///
/// A tensor that covers its storage has the storage's checksum checked by the pass over it; for any other, the storage is checked once before.
final class TorchBytes: TensorBytes {
    private let layout: TorchLayout
    private let storages: any TorchStorages
    private let member: ZipEntryReader?
    /// The storage's part that a strided view touches.
    private var block: ChunkBuffer?
    private var isVerified: Bool

    init(_ layout: TorchLayout, _ storages: any TorchStorages) throws(CheckpointError) {
        self.layout = layout
        self.storages = storages
        member = try storages.reader(of: layout.place)
        isVerified = layout.coversStorage && member != nil
    }

    var count: Int { layout.info.byteCount }
    var isSeekable: Bool { member?.isSeekable ?? true }

    func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        guard offset >= 0, count >= 0, offset <= self.count - count else {
            throw CheckpointError(.io, "read past the end of the tensor: \(count) bytes at \(offset) of \(self.count)")
        }
        if !isVerified {
            try storages.verify(layout.place)
            isVerified = true
        }
        guard count > 0 else { return }
        if layout.isPlain { return try raw(at: layout.byteOffset + offset, count: count, into: buffer, at: position) }
        let size = layout.info.dtype.byteCount
        guard offset % size == 0, count % size == 0 else {
            // Elements are turned round and flipped whole.
            let first = offset / size * size, past = (offset + count + size - 1) / size * size
            let whole = try ChunkBuffer(checkedCount: past - first)
            try elements(first / size..<past / size, into: whole, at: 0)
            return whole.withBytes(offset - first..<offset - first + count) { buffer.store($0, at: position) }
        }
        try elements(offset / size..<(offset + count) / size, into: buffer, at: position)
    }

    private func elements(_ range: Range<Int>, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        let size = layout.info.dtype.byteCount, target = position..<position + range.count * size
        if layout.view.isPacked {
            try raw(at: layout.byteOffset + range.lowerBound * size, count: target.count, into: buffer, at: position)
        } else {
            let block = try held()
            block.withBytes(0..<layout.spanBytes) { bytes in
                buffer.withMutableBytes(target) { layout.view.pack(range, of: bytes, into: &$0) }
            }
        }
        let unit = layout.swapUnit
        buffer.withMutableBytes(target) { bytes in
            if unit > 1 { swapByteOrder(of: &bytes, unit: unit) }
            flipSigns(&bytes)
        }
    }

    private func held() throws(CheckpointError) -> ChunkBuffer {
        if let block { return block }
        let made = try ChunkBuffer(checkedCount: layout.spanBytes)
        try raw(at: layout.byteOffset, count: layout.spanBytes, into: made, at: 0)
        block = made
        return made
    }

    /// PT-14. Conjugation flips the sign of imaginary parts, negation of all.
    private func flipSigns(_ bytes: inout MutableRawSpan) {
        guard layout.isConjugated || layout.isNegated else { return }
        let isComplex = layout.info.dtype.kind == .complex
        let part = isComplex ? layout.info.dtype.byteCount / 2 : layout.info.dtype.byteCount
        unsafe bytes.withUnsafeMutableBytes { raw in
            for index in 0..<raw.count / part {
                let flips = layout.isNegated != (layout.isConjugated && isComplex && index % 2 == 1)
                if flips { unsafe raw[index * part + part - 1] ^= 0x80 }
            }
        }
    }

    private func raw(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        if let member {
            try inArchive { () throws(ZipError) in try member.read(at: offset, count: count, into: buffer, at: position) }
        } else {
            try rising { () throws(IOError) in try storages.source.read(at: (layout.place.offset ?? 0) + offset, count: count, into: buffer, at: position) }
        }
    }
}
