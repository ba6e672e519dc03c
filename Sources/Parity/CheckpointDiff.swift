import ByteIO
public import Checkpoints
import Dialects
import Tensors

/// The comparison of two checkpoints tensor by tensor, in the memory of two buffers; a transposition takes the one tensor whole.
public struct CheckpointDiff: Sendable {
    /// Absolute and relative tolerance: equal enough is |a - b| <= atol + rtol |b|, or at most `maxULP` units in the last place.
    public var atol = 0.0
    public var rtol = 0.0
    public var maxULP: UInt64 = 0
    /// Whether `equal-after-cast` counts as the same.
    public var allowCast = false
    public var scope = DiffReport.Scope.all
    /// Whether metadata that differs makes the sides different under the scope `all`.
    public var countsMetadata = true
    /// Above this many bytes an unexplained transposition is not looked for: the tensor would have to be held whole.
    public var wholeTensorLimit = 1 << 30

    public init() {}

    /// Compares by `correspondences`, which default to names. Throws what reading either side throws, with the file's name where it is given.
    public func report(
        _ a: any Checkpoint, _ b: any Checkpoint, by correspondences: [TensorCorrespondence]? = nil, fileA: String? = nil, fileB: String? = nil
    ) throws(CheckpointError) -> DiffReport {
        let pairs = correspondences ?? TensorCorrespondence.byName(a.index, b.index, scope: scope)
        let buffers = (try ChunkBuffer(checkedCount: 1 << 20), try ChunkBuffer(checkedCount: 1 << 20))
        var tensors: [DiffReport.Tensor] = []
        for pair in pairs {
            var entry = DiffReport.Tensor(
                name: pair.name, nameInA: pair.a.map { a.index.tensors[$0.position].name }, nameInB: pair.b.map { b.index.tensors[$0.position].name },
                relation: .different)
            switch (pair.a, pair.b) {
            case (let left?, let right?):
                let sides = (Side(a, left, fileA, buffers.0), Side(b, right, fileB, buffers.1))
                try compare(sides.0, sides.1, &entry, isRole: pair.isRole)
            case (nil, _): entry.relation = .onlyInB
            case (_, nil): entry.relation = .onlyInA
            }
            tensors.append(entry)
        }
        let metadata = scope == .all ? Self.differences(a.index.metadata, b.index.metadata) : []
        let same = tensors.allSatisfy { counts($0.relation) } && (metadata.isEmpty || !countsMetadata)
        return DiffReport(same: same, scope: scope, tensors: tensors, metadata: metadata)
    }

    private func counts(_ relation: DiffReport.Class) -> Bool {
        switch relation {
        case .identical, .withinTolerance: true
        case .equalAfterCast: allowCast
        default: false
        }
    }

    /// One tensor of one side.
    private struct Side {
        let checkpoint: any Checkpoint
        let position: Int
        let isTransposed: Bool
        let scale: Double
        let file: String?
        let buffer: ChunkBuffer
        let info: TensorInfo
        /// The shape in canonical orientation.
        var shape: Shape { isTransposed ? info.shape.reversed : info.shape }

        init(_ checkpoint: any Checkpoint, _ side: TensorCorrespondence.Side, _ file: String?, _ buffer: ChunkBuffer) {
            self.checkpoint = checkpoint
            position = side.position
            info = checkpoint.index.tensors[side.position]
            isTransposed = side.isTransposed && info.shape.rank > 1
            scale = side.scale
            self.file = file
            self.buffer = buffer
        }

        /// Runs `body` with errors that name this side.
        func naming<R>(_ body: () throws(CheckpointError) -> R) throws(CheckpointError) -> R {
            do throws(CheckpointError) { return try body() } catch { throw error.at(file: file, tensor: info.name) }
        }

        func reader(reversed: Bool) throws(CheckpointError) -> any TensorBytes {
            try naming { () throws(CheckpointError) in
                let bytes: any TensorBytes = reversed ? try ReversedBytes(checkpoint, position) : try checkpoint.bytes(ofTensorAt: position)
                return scale == 1 ? bytes : try ScaledBytes(of: bytes, info.dtype, by: scale)
            }
        }
    }

    private func compare(_ a: Side, _ b: Side, _ entry: inout DiffReport.Tensor, isRole: Bool) throws(CheckpointError) {
        let isReversedShape = a.shape.rank > 1 && a.shape == b.shape.reversed
        let isVector = isRole && min(a.shape.rank, b.shape.rank) <= 1 && fits(a.shape.sizes, b.shape.sizes)
        let isSameShape = a.shape == b.shape || isVector
        guard isSameShape || isReversedShape else {
            entry.relation = .shape
            return
        }
        guard var first = ElementComparison(a.info.dtype, b.info.dtype, atol: atol, rtol: rtol, ulps: maxULP) else { return }
        if isSameShape {
            // B is turned round into A's order only where the dialects say that just one of them is transposed.
            try walk(a, b, reversingB: a.isTransposed != b.isTransposed, &first)
            if a.info.dtype != .void16 { (entry.maxAbs, entry.maxRel, entry.maxULP) = (first.maxAbs, first.maxRel, first.maxULP) }
            if first.allEqual { entry.relation = .identical }
            let isRounded = first.bIsRoundedA || first.aIsRoundedB
            if entry.relation == .different, isRounded, allowCast || !first.allWithin { entry.relation = .equalAfterCast }
            if entry.relation == .different, first.allWithin { entry.relation = .withinTolerance }
            guard entry.relation == .different else { return }
        }
        if a.scale == 1, b.scale == 1, try multiset(a) == multiset(b) {
            entry.relation = isSameShape ? .permutedEqual : .shape
            if isReversedShape, a.info.byteCount <= wholeTensorLimit, b.info.byteCount <= wholeTensorLimit,
                var turned = ElementComparison(a.info.dtype, b.info.dtype, atol: 0, rtol: 0, ulps: 0)
            {
                try walk(a, b, reversingB: a.isTransposed == b.isTransposed, &turned)
                if turned.allEqual { entry.relation = .transposedEqual }
            }
        } else if !isSameShape {
            entry.relation = .shape
        }
    }

    /// Draws both sides to their ends, B in A's order or turned round into it.
    private func walk(_ a: Side, _ b: Side, reversingB: Bool, _ comparison: inout ElementComparison) throws(CheckpointError) {
        let (left, right) = (try a.reader(reversed: false), try b.reader(reversed: reversingB))
        let (p, q) = (a.info.dtype.byteCount, b.info.dtype.byteCount)
        // Small enough that the numbers, widened, stay in the cache.
        let step = 4096
        let total = a.info.shape.elementCount
        // One buffer holds many steps, so that a reader is asked for large pieces.
        let piece = max(step, min(a.buffer.count / p, b.buffer.count / q) / step * step)
        var done = 0
        repeat {
            let count = min(piece, total - done)
            try a.naming { () throws(CheckpointError) in try left.read(at: done * p, count: count * p, into: a.buffer, at: 0) }
            try b.naming { () throws(CheckpointError) in try right.read(at: done * q, count: count * q, into: b.buffer, at: 0) }
            var start = 0
            while start < count {
                let size = min(step, count - start)
                a.buffer.withBytes(start * p..<(start + size) * p) { x in
                    b.buffer.withBytes(start * q..<(start + size) * q) { y in comparison.add(x, y, count: size) }
                }
                start += size
            }
            done += count
        } while done < total
    }

    private func multiset(_ side: Side) throws(CheckpointError) -> NumberMultiset {
        var set = NumberMultiset()
        let type = side.info.dtype
        try side.naming { () throws(CheckpointError) in
            try side.checkpoint.forEachChunk(ofTensorAt: side.position, through: side.buffer) { bytes in
                var start = 0
                let count = bytes.byteCount / type.byteCount
                while start < count {
                    let size = min(4096, count - start)
                    let part = bytes.extracting(start * type.byteCount..<(start + size) * type.byteCount)
                    set.add(part, as: type, count: size)
                    start += size
                }
            }
        }
        return set
    }

    /// Keys whose text differs, in A's order, then B's. Our own keys say how a container keeps what it has no place for, and are left aside.
    private static func differences(_ a: Metadata, _ b: Metadata) -> [DiffReport.MetadataDifference] {
        func isOurs(_ key: String) -> Bool { key.hasPrefix("mlpconv.") }
        var list = a.entries.filter { !isOurs($0.key) && b[$0.key] != $0.text }.map { DiffReport.MetadataDifference(key: $0.key, inA: $0.text, inB: b[$0.key]) }
        list += b.entries.filter { !isOurs($0.key) && a[$0.key] == nil }.map { DiffReport.MetadataDifference(key: $0.key, inA: nil, inB: $0.text) }
        return list
    }
}
