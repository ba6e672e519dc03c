import ByteIO
import Checkpoints
import StrictJSON
import Tensors

/// An open safetensors file: its header is known and proved; its tensors lie in place.
final class SafetensorsCheckpoint: Checkpoint {
    let index: CheckpointIndex
    private let extents: [TensorExtent]

    init(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) {
        let header = try SafetensorsHeader(SafetensorsHeader.text(input, limits: limits), fileCount: input.source.count, limits: limits)
        var found: [(info: TensorInfo, extent: TensorExtent)] = []
        var unsupported: [CheckpointIndex.Unsupported] = []
        var total = 0
        for entry in header.entries {
            guard let dtype = entry.dtype.dtype else {
                unsupported.append(.init(name: entry.name, reason: "dtype \(entry.dtype.rawValue) is not read here"))
                continue
            }
            let info: TensorInfo
            do throws(TensorError) { info = try TensorInfo(name: entry.name, dtype: dtype, shape: entry.shape) } catch {
                throw CheckpointError(.malformed, error.description, tensor: entry.name, offset: 8)
            }
            try limits.admit(info.name, bytes: info.byteCount, total: &total)
            found.append((info, TensorExtent(source: input.source, offset: header.dataOffset + entry.range.lowerBound, count: info.byteCount)))
        }
        var metadata = header.metadata
        if let order = Self.order(metadata[MetadataKey.order], of: found.map(\.info.name)) {
            found = order.map { found[$0] }
            metadata[MetadataKey.order] = nil
        }
        var index = CheckpointIndex(tensors: found.map(\.info), unsupported: unsupported)
        index.restore(from: metadata)
        self.index = index
        extents = found.map(\.extent)
    }

    /// The places in `names` of the names in `text`, when it lists each of them once; nil for any other text, which stays metadata.
    private static func order(_ text: String?, of names: [String]) -> [Int]? {
        guard let text, let listed = (try? JSONReader.read(text))?.array, listed.count == names.count else { return nil }
        var places: [[UInt8]: Int] = [:]
        for (place, name) in names.enumerated() { places[Array(name.utf8)] = place }
        var order: [Int] = []
        for name in listed {
            guard let name = name.string, let place = places.removeValue(forKey: Array(name.utf8)) else { return nil }
            order.append(place)
        }
        return order
    }

    func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes { ExtentBytes(extents[position]) }
    func extent(ofTensorAt position: Int) -> TensorExtent? { extents[position] }
}
