public import ByteIO
public import Checkpoints
public import Tensors

/// A matrix with its axes changed. Up to `wholeLimit` bytes it is read once, whole, and turned as it is asked for; a larger one is turned a
/// block of columns at a time, in that much memory.
final class TransposedBytes: TensorBytes {
    private let base: any TensorBytes
    private let rows: Int, columns: Int, size: Int
    /// The columns that `block` holds, as rows x width elements.
    private var loaded = 0..<0
    private let width: Int
    private var block: ChunkBuffer?
    private var isVerified = false

    var count: Int { base.count }
    var isSeekable: Bool { base.isSeekable }

    init(of base: any TensorBytes, _ tensor: TensorInfo, wholeLimit: Int = 512 << 20) throws(CheckpointError) {
        guard tensor.shape.rank == 2 else { throw CheckpointError(.unsupported, "only a matrix can be transposed") }
        self.base = base
        rows = tensor.shape.sizes[0]
        columns = tensor.shape.sizes[1]
        size = tensor.dtype.byteCount
        width = tensor.byteCount <= wholeLimit ? columns : max(1, wholeLimit / (rows * size))
    }

    func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        try check(offset, count)
        guard count > 0 else {
            if base.count == 0 { try base.read(at: 0, count: 0, into: buffer, at: position) }
            return
        }
        try byElements(offset, count, size, into: buffer, at: position) { (elements, target, place) throws(CheckpointError) in
            var at = elements.lowerBound
            while at < elements.upperBound {
                let column = at / rows
                if !loaded.contains(column) { try load(column / width * width) }
                guard let block else { return }
                let end = min(elements.upperBound, loaded.upperBound * rows)
                let view = try self.view()
                let first = loaded.lowerBound * rows
                let bytes = place + (at - elements.lowerBound) * size..<place + (end - elements.lowerBound) * size
                block.withBytes { source in
                    target.withMutableBytes(bytes) { view.pack(at - first..<end - first, of: source, into: &$0) }
                }
                at = end
            }
        }
    }

    private func view() throws(CheckpointError) -> StridedView {
        do { return try StridedView(Shape([loaded.count, rows]), strides: [1, loaded.count], elementSize: size) } catch {
            throw CheckpointError(.limit, error.description)
        }
    }

    /// Reads the columns from `first` on.
    private func load(_ first: Int) throws(CheckpointError) {
        let part = first..<min(first + width, columns)
        if width == columns {
            let whole = try ChunkBuffer(checkedCount: base.count)
            try base.read(at: 0, count: base.count, into: whole, at: 0)
            block = whole
        } else {
            // Blocks of columns never make a pass from start to end, which is what checks the checksum.
            if !isVerified {
                let chunk = try ChunkBuffer(checkedCount: 1 << 20)
                for offset in stride(from: 0, to: base.count, by: chunk.count) {
                    try base.read(at: offset, count: min(chunk.count, base.count - offset), into: chunk, at: 0)
                }
                isVerified = true
            }
            let held = if let block { block } else { try ChunkBuffer(checkedCount: rows * width * size) }
            for row in 0..<rows {
                try base.read(at: (row * columns + part.lowerBound) * size, count: part.count * size, into: held, at: row * part.count * size)
            }
            block = held
        }
        loaded = part
    }
}

/// Values cast as they are drawn.
final class CastBytes: TensorBytes {
    private let base: any TensorBytes
    private let cast: ElementCast
    private let elements: Int
    private let done: (ElementCast.Report) -> Void
    private var report = ElementCast.Report()
    /// Elements already in the report: reading them again counts nothing twice.
    private var counted = 0
    private var input: ChunkBuffer?
    private static let step = 1 << 16

    let count: Int
    var isSeekable: Bool { base.isSeekable }

    /// - Parameter done: told the report when every element has been cast once.
    init(of base: any TensorBytes, _ cast: ElementCast, elements: Int, _ done: @escaping (ElementCast.Report) -> Void) {
        self.base = base
        self.cast = cast
        self.elements = elements
        self.done = done
        count = elements * cast.target.byteCount
    }

    func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        try check(offset, count)
        guard count > 0 else {
            if elements == 0 {
                try base.read(at: 0, count: 0, into: buffer, at: position)
                done(report)
            }
            return
        }
        let (from, to) = (cast.source.byteCount, cast.target.byteCount)
        let input = if let input { input } else { try ChunkBuffer(checkedCount: min(Self.step, elements) * from) }
        self.input = input
        try byElements(offset, count, to, into: buffer, at: position) { (range, target, place) throws(CheckpointError) in
            var at = range.lowerBound
            while at < range.upperBound {
                let run = min(input.count / from, range.upperBound - at)
                try base.read(at: at * from, count: run * from, into: input, at: 0)
                var seen = ElementCast.Report()
                let start = place + (at - range.lowerBound) * to
                input.withBytes(0..<run * from) { source in
                    target.withMutableBytes(start..<start + run * to) { cast.convert(source, into: &$0, count: run, report: &seen) }
                }
                if at == counted {
                    report.merge(seen)
                    counted += run
                    if counted == elements { done(report) }
                }
                at += run
            }
        }
    }
}

/// Floats multiplied by a constant as they are drawn, in float64, and rounded to their own type.
public final class ScaledBytes: TensorBytes {
    private let base: any TensorBytes
    private let wide: ElementCast, narrow: ElementCast
    private let scale: Double
    private let size: Int

    public var count: Int { base.count }
    public var isSeekable: Bool { base.isSeekable }

    /// Throws `mismatch` for elements that are no real floats.
    public init(of base: any TensorBytes, _ dtype: DType, by scale: Double) throws(CheckpointError) {
        guard dtype.isFloat, let wide = ElementCast(from: dtype, to: .float64), let narrow = ElementCast(from: .float64, to: dtype) else {
            throw CheckpointError(.mismatch, "\(dtype.rawValue) elements cannot be multiplied by \(scale)")
        }
        self.base = base
        self.wide = wide
        self.narrow = narrow
        self.scale = scale
        size = dtype.byteCount
    }

    public func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        try check(offset, count)
        guard count > 0 else { return try base.read(at: offset, count: 0, into: buffer, at: position) }
        try byElements(offset, count, size, into: buffer, at: position) { (elements, target, place) throws(CheckpointError) in
            try base.read(at: elements.lowerBound * size, count: elements.count * size, into: target, at: place)
            let step = 4096
            let doubles = try ChunkBuffer(checkedCount: step * 8)
            var report = ElementCast.Report(), done = 0
            while done < elements.count {
                let run = min(step, elements.count - done), bytes = place + done * size..<place + (done + run) * size
                target.withBytes(bytes) { source in doubles.withMutableBytes { wide.convert(source, into: &$0, count: run, report: &report) } }
                doubles.withMutableBytes(0..<run * 8) { span in
                    unsafe span.withUnsafeMutableBytes { raw in
                        for at in stride(from: 0, to: raw.count, by: 8) {
                            unsafe raw.storeBytes(of: raw.load(fromByteOffset: at, as: Double.self) * scale, toByteOffset: at, as: Double.self)
                        }
                    }
                }
                doubles.withBytes(0..<run * 8) { source in target.withMutableBytes(bytes) { narrow.convert(source, into: &$0, count: run, report: &report) } }
                done += run
            }
        }
    }
}

extension TensorBytes {
    func check(_ offset: Int, _ count: Int) throws(CheckpointError) {
        guard offset >= 0, count >= 0, offset <= self.count - count else {
            throw CheckpointError(.io, "read past the end of the tensor: \(count) bytes at \(offset) of \(self.count)")
        }
    }

    /// Gives `body` whole elements to make: straight into `buffer` where the range falls on elements, else into a buffer of its own, of which
    /// the bytes asked for are copied.
    func byElements(
        _ offset: Int, _ count: Int, _ size: Int, into buffer: ChunkBuffer, at position: Int,
        _ body: (_ elements: Range<Int>, _ target: ChunkBuffer, _ place: Int) throws(CheckpointError) -> Void
    ) throws(CheckpointError) {
        let elements = offset / size..<(offset + count + size - 1) / size
        if offset % size == 0, count % size == 0 {
            try body(elements, buffer, position)
            return
        }
        let whole = try ChunkBuffer(checkedCount: elements.count * size)
        try body(elements, whole, 0)
        let skip = offset - elements.lowerBound * size
        whole.withBytes(skip..<skip + count) { buffer.store($0, at: position) }
    }
}
