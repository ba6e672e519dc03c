import ByteIO
import Checkpoints
import Tensors

/// Bytes in place whose elements may have to be turned round.
final class SwappedBytes: TensorBytes {
    private let source: any ByteSource
    private let offset: Int
    let count: Int
    /// The size of what is swapped; 1 leaves everything as it is.
    private let unit: Int

    init(_ source: any ByteSource, offset: Int, count: Int, unit: Int) {
        self.source = source
        self.offset = offset
        self.count = count
        self.unit = unit
    }

    var isSeekable: Bool { true }

    func read(at start: Int, count size: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        try checkRange(start, size, of: count)
        if start % unit == 0, size % unit == 0 {
            try rising { () throws(IOError) in try source.read(at: offset + start, count: size, into: buffer, at: position) }
            buffer.swapBytes(position..<position + size, unit: unit)
        } else {
            // A part of an element: take the whole ones around it.
            let first = start / unit * unit, last = (start + size + unit - 1) / unit * unit
            let whole = try ChunkBuffer(checkedCount: last - first)
            try read(at: first, count: last - first, into: whole, at: 0)
            whole.withBytes(start - first..<start - first + size) { buffer.store($0, at: position) }
        }
    }
}

/// A dataset that was never written: one element again and again.
final class FillBytes: TensorBytes {
    let count: Int
    private let element: [UInt8]

    init(_ tensor: HDF5Tensor) {
        count = tensor.info.byteCount
        element = tensor.fill
    }

    var isSeekable: Bool { true }

    func read(at offset: Int, count size: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        try checkRange(offset, size, of: count)
        buffer.fill(position..<position + size, with: element, phase: offset)
    }
}

func checkRange(_ offset: Int, _ size: Int, of count: Int) throws(CheckpointError) {
    guard offset >= 0, size >= 0, offset <= count - size else {
        throw CheckpointError(.io, "read past the end of the tensor: \(size) bytes at \(offset) of \(count)")
    }
}

/// A chunked dataset, decoded a band at a time (HDF5-17).
///
/// A band is what a row of chunks holds: axes of chunk size 1 are fixed, the first other axis gives the rows. It is one run of the
/// output, so memory is one band and two chunks, not the tensor.
final class ChunkedBytes: TensorBytes {
    let count: Int
    private let tensor: HDF5Tensor
    private let chunking: HDF5Chunking
    private let grid: HDF5Grid
    private let sizes: [Int], chunk: [Int], gridCounts: [Int]
    private let elementBytes: Int
    /// The first axis along which a chunk has more than one element.
    private let axis: Int
    /// The bytes of one row: all of what follows `axis`.
    private let rowBytes: Int
    /// The chunks that make one band.
    private let chunksPerBand: Int
    private let decoder: HDF5ChunkDecoder
    private let band: ChunkBuffer
    /// The output that `band` holds.
    private var held = 0..<0

    init(_ tensor: HDF5Tensor, _ chunking: HDF5Chunking, _ grid: HDF5Grid, _ source: any ByteSource) throws(CheckpointError) {
        self.tensor = tensor
        self.chunking = chunking
        self.grid = grid
        count = tensor.info.byteCount
        sizes = tensor.info.shape.sizes
        chunk = chunking.shape
        // An array type's axes are whole in every chunk.
        gridCounts = grid.counts + [Int](repeating: 1, count: sizes.count - grid.counts.count)
        elementBytes = tensor.info.dtype.byteCount
        let axis = chunk.firstIndex { $0 > 1 } ?? chunk.count - 1
        self.axis = axis
        // Products of sizes whose whole product was proven to fit.
        rowBytes = sizes[(axis + 1)...].reduce(elementBytes, *)
        chunksPerBand = gridCounts[(axis + 1)...].reduce(1, *)
        decoder = HDF5ChunkDecoder(chunking, grid, tensor, source)
        let (bandBytes, overflow) = min(chunk[axis], sizes[axis]).multipliedReportingOverflow(by: rowBytes)
        guard !overflow else { throw CheckpointError(.malformed, "a row of chunks overflows") }
        band = try ChunkBuffer(checkedCount: bandBytes)
    }

    var isSeekable: Bool { true }

    func read(at offset: Int, count size: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        try checkRange(offset, size, of: count)
        var at = offset
        while at < offset + size {
            if !held.contains(at) { try decodeBand(holding: at) }
            let end = min(held.upperBound, offset + size)
            band.withBytes(at - held.lowerBound..<end - held.lowerBound) { buffer.store($0, at: position + at - offset) }
            at = end
        }
    }

    private func decodeBand(holding offset: Int) throws(CheckpointError) {
        held = 0..<0
        let row = offset / rowBytes
        let outer = row / sizes[axis], step = row % sizes[axis] / chunk[axis]
        let rows = min(chunk[axis], sizes[axis] - step * chunk[axis])
        let firstChunk = (outer * gridCounts[axis] + step) * chunksPerBand
        for inner in 0..<chunksPerBand {
            try place(chunk: firstChunk + inner, inner: inner, rows: rows)
        }
        let start = (outer * sizes[axis] + step * chunk[axis]) * rowBytes
        held = start..<start + rows * rowBytes
    }

    /// Decodes one chunk of the band and copies what of it lies inside the dataset to its place.
    private func place(chunk index: Int, inner: Int, rows: Int) throws(CheckpointError) {
        let last = sizes.count - 1
        // Where the chunk begins and how far it reaches, along `axis` and all after it.
        var begin = [Int](repeating: 0, count: sizes.count), extent = [Int](repeating: 1, count: sizes.count)
        var rest = inner
        for position in stride(from: last, to: axis, by: -1) {
            begin[position] = rest % gridCounts[position] * chunk[position]
            rest /= gridCounts[position]
            extent[position] = min(chunk[position], sizes[position] - begin[position])
        }
        extent[axis] = rows
        let isPartial = (axis...last).contains { extent[$0] < chunk[$0] }
        let decoded = try decoder.decode(index, isPartial: isPartial)

        // Runs as long as whole trailing axes allow.
        var runAxis = last
        while runAxis > axis, extent[runAxis] == sizes[runAxis], chunk[runAxis] == sizes[runAxis] { runAxis -= 1 }
        let trailing = sizes[(runAxis + 1)...].reduce(elementBytes, *)
        let run = extent[runAxis] * trailing
        var counter = [Int](repeating: 0, count: sizes.count)
        while true {
            var from = 0, to = 0
            for position in axis...last {
                from = from * chunk[position] + counter[position]
                to = to * sizes[position] + begin[position] + counter[position]
            }
            let target = to * elementBytes
            if let decoded {
                decoded.withBytes(from * elementBytes..<from * elementBytes + run) { band.store($0, at: target) }
            } else {
                band.fill(target..<target + run, with: tensor.fill, phase: target)
            }
            var position = runAxis - 1
            while position >= axis {
                counter[position] += 1
                if counter[position] < extent[position] { break }
                counter[position] = 0
                position -= 1
            }
            if position < axis { return }
        }
    }
}

extension ChunkBuffer {
    /// Turns round every `unit` bytes of `range`.
    func swapBytes(_ range: Range<Int>, unit: Int) {
        guard unit > 1 else { return }
        unsafe withUnsafeBytes(range) { raw in
            func swap<T: FixedWidthInteger>(_ type: T.Type) {
                for at in stride(from: 0, to: raw.count - unit + 1, by: unit) {
                    unsafe raw.storeBytes(of: raw.loadUnaligned(fromByteOffset: at, as: T.self).byteSwapped, toByteOffset: at, as: T.self)
                }
            }
            switch unit {
            case 2: swap(UInt16.self)
            case 4: swap(UInt32.self)
            default: swap(UInt64.self)
            }
        }
    }

    /// Fills `range` with `element` again and again, beginning `phase` bytes into the repetition; an empty element is zeros.
    func fill(_ range: Range<Int>, with element: [UInt8], phase: Int) {
        withMutableBytes(range) { span in
            guard let first = element.first, element.contains(where: { $0 != 0 }) else {
                for at in 0..<span.byteCount { span.storeBytes(of: 0, toByteOffset: at, as: UInt8.self) }
                return
            }
            if element.count == 1 {
                for at in 0..<span.byteCount { span.storeBytes(of: first, toByteOffset: at, as: UInt8.self) }
                return
            }
            var next = phase % element.count
            for at in 0..<span.byteCount {
                span.storeBytes(of: element[next], toByteOffset: at, as: UInt8.self)
                next = next + 1 == element.count ? 0 : next + 1
            }
        }
    }
}
