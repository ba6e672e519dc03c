import Architecture
import ByteIO
import Checkpoints
import Dialects
import StrictJSON
import Tensors

/// What `inspect` says of one file, as values and as the JSON document of CLI.md.
struct Inspection {
    struct TensorReport {
        let info: TensorInfo
        var sha256: String?
        var statistics: TensorStatistics?
    }

    let file: OpenedFile
    let detection: [(codec: any CheckpointCodec, confidence: Confidence)]
    private(set) var tensors: [TensorReport]
    private(set) var contentHash: String?

    private var index: CheckpointIndex { file.checkpoint.index }

    /// Reads the index; with `stats` or `hash` every byte, and every checksum that the container has.
    init(of file: OpenedFile, stats: Bool, hash: Bool, quiet: Bool) throws(CheckpointError) {
        self.file = file
        detection = Session.registry.detection(of: file.input)
        tensors = file.checkpoint.index.tensors.map { TensorReport(info: $0) }
        guard stats || hash else { return }
        let buffer = try ChunkBuffer(checkedCount: 4 << 20)
        let progress = Progress("inspect \(file.input.name)", quiet: quiet)
        let total = index.totalBytes
        var done = 0
        for position in tensors.indices {
            do throws(CheckpointError) {
                if hash { tensors[position].sha256 = try ContentHash.sha256(ofTensorAt: position, in: file.checkpoint, through: buffer) }
                if stats {
                    var statistics = TensorStatistics()
                    let dtype = tensors[position].info.dtype
                    try file.checkpoint.forEachChunk(ofTensorAt: position, through: buffer) { (bytes) throws(CheckpointError) in
                        statistics.add(bytes, as: dtype)
                    }
                    tensors[position].statistics = statistics
                }
            } catch {
                throw error.at(file: file.input.name, format: file.codec.name)
            }
            done += tensors[position].info.byteCount
            progress.update(done, total)
        }
        progress.finish()
        do throws(CheckpointError) { try file.checkpoint.verifyRemainder() } catch {
            throw error.at(file: file.input.name, format: file.codec.name)
        }
        if hash { contentHash = ContentHash.combined(tensors.map { ($0.info, $0.sha256 ?? "") }) }
    }

    /// The elements of parameters: of a recognised network those it is made of, else of everything that is no optimizer slot. A tensor that is
    /// tied to another counts once.
    var parameterCount: Int {
        let bound = Set(file.recognition.bindings.map(\.tensor))
        let slots = Set((file.recognition.optimizer?.slots ?? []).map { Array($0.tensor.utf8) })
        let tied = Set(index.ties.flatMap { $0.dropFirst() })
        return index.tensors.enumerated().reduce(0) { sum, entry in
            let (position, tensor) = entry
            guard !tied.contains(position), file.recognition.network != nil ? bound.contains(position) : !slots.contains(Array(tensor.name.utf8)) else { return sum }
            return sum &+ tensor.shape.elementCount
        }
    }

    var json: JSONValue {
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        var members: [JSONValue.Member] = [
            .init("file", .string(file.input.name)),
            .init("format", .string(file.codec.name)),
            .init("dialect", .string(file.dialect)),
            .init("detection", .array(detection.map { ["format": .string($0.codec.name), "confidence": .string($0.confidence.description)] })),
            .init("tensorCount", .integer(tensors.count)),
            .init("parameterCount", .integer(parameterCount)),
            .init("totalBytes", .integer(index.totalBytes)),
            .init("metadata", .object(index.metadata.entries.map { .init($0.key, .string($0.text)) })),
            .init("network", file.recognition.network?.json ?? .null),
            .init("networkReason", file.recognition.network == nil ? text(file.recognition.networkReason) : .null),
            .init("optimizer", file.recognition.optimizer.map { optimizer in
                ["kind": text(optimizer.kind), "step": optimizer.step.map { .integer($0) } ?? .null, "slots": .strings(optimizer.slots.map(\.tensor))]
            } ?? .null),
            .init("tensors", .array(tensors.map(\.json))),
            .init("unsupported", .array(index.unsupported.map { ["name": .string($0.name), "reason": .string($0.reason)] })),
        ]
        if let contentHash { members.append(.init("contentHash", .string(contentHash))) }
        return .object(members)
    }
}

extension Inspection.TensorReport {
    var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("name", .string(info.name)),
            .init("dtype", .string(info.dtype.rawValue)),
            .init("shape", .array(info.shape.sizes.map { .integer($0) })),
            .init("bytes", .integer(info.byteCount)),
        ]
        if let sha256 { members.append(.init("sha256", .string(sha256))) }
        if let s = statistics {
            let empty = s.finite == 0
            members.append(.init("stats", [
                "min": .real(empty ? .nan : s.min), "max": .real(empty ? .nan : s.max), "mean": .real(s.mean), "std": .real(s.std),
                "zeros": .integer(s.zeros), "nan": .integer(s.nan), "inf": .integer(s.inf), "subnormal": .integer(s.subnormal),
            ]))
        }
        return .object(members)
    }
}
