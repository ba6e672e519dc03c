public import ByteIO
public import Checkpoints
import Tensors

/// An HDF5 file: its description, proven against the bytes, and readers for its tensors.
///
/// A describer says what is there; the bytes are then read from the source by our own code, in place or chunk by chunk.
public final class HDF5File: Sendable {
    public let source: any ByteSource
    public let description: HDF5Description
    /// What became of each dataset of the description, in its order.
    public let entries: [Entry]

    public enum Entry: Sendable {
        case tensor(HDF5Tensor)
        /// Listed with this reason and not read.
        case unsupported(String)
        /// Listed, and an error for whoever wants every byte: the data is damaged or must not be fetched.
        case refused(CheckpointError)
    }

    /// Asks `describer` about `source` and checks every number of its answer against the file and the limits, cumulatively.
    /// Throws what the describer throws; `malformed` or `limit`, with the dataset's path, when a tensor cannot be as it is described.
    public init(_ source: any ByteSource, describer: any HDF5Describer, attributes: HDF5AttributeChoice = .all, limits: Limits = .default) throws(CheckpointError) {
        guard Self.signatureOffset(in: source) != nil else {
            throw CheckpointError(.notRecognised, "no HDF5 signature at offset 0, 512, 1024 …: this is no HDF5 file, or its start is lost")
        }
        let range: FileRange
        if let backing = source.backing { range = backing } else {
            // Memory, or a deflated zip member: libhdf5 needs a descriptor.
            guard source.count <= limits.totalBytes else {
                throw CheckpointError(.limit, "\(grouped(source.count)) bytes are over the limit of \(grouped(limits.totalBytes)); raise it with --max-bytes")
            }
            let spool = try rising { () throws(IOError) in try SpoolFile.copy(of: source) }
            guard let whole = spool.backing else { throw CheckpointError(.io, "a temporary file cannot be used") }
            range = whole
        }
        let description = try describer.describe(range, attributes: attributes, limits: limits)
        try Self.check(description, limits: limits)
        var entries: [Entry] = [], chunks = 0, total = 0
        for dataset in description.datasets {
            switch dataset.content {
            case .unsupported(let reason): entries.append(.unsupported(reason))
            case .refused(let reason): entries.append(.refused(CheckpointError(.unsupported, reason, tensor: dataset.path)))
            case .array(let array):
                do throws(HDF5Tensor.Problem) {
                    let tensor = try HDF5Tensor(array, path: dataset.path, dtypeName: dataset.text("dtype"), fileCount: source.count, limits: limits, chunks: &chunks)
                    entries.append(.tensor(tensor))
                } catch {
                    switch error {
                    case .unsupported(let reason): entries.append(.unsupported(reason))
                    case .error(let error): throw error.at(tensor: dataset.path)
                    }
                }
            }
            if case .tensor(let tensor) = entries[entries.count - 1] {
                try limits.admit(dataset.path, bytes: tensor.info.byteCount, stored: tensor.storedBytes, total: &total)
            }
        }
        self.source = source
        self.description = description
        self.entries = entries
    }

    /// The file that `input` is, described once however many codecs ask. A failure is kept too: nobody waits twice for a reader that dies.
    /// Under limits other than the default, which detection works with, it is described anew.
    public static func shared(_ input: CheckpointInput, describer: any HDF5Describer, limits: Limits = .default) throws(CheckpointError) -> HDF5File {
        func outcome() -> Outcome {
            do throws(CheckpointError) {
                return Outcome(result: .success(try HDF5File(input.source, describer: describer, limits: limits)))
            } catch { return Outcome(result: .failure(error)) }
        }
        if limits != .default { return try outcome().result.get() }
        return try input.shared(Outcome.self) { () throws(CheckpointError) in outcome() }.result.get()
    }

    private struct Outcome: Sendable { let result: Result<HDF5File, CheckpointError> }

    /// Where the HDF5 signature stands: offset 0, or 512, 1024, 2048 … behind a user block. Nil when it stands nowhere.
    public static func signatureOffset(in source: any ByteSource) -> Int? {
        let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
        var offset = 0
        while offset <= source.count - signature.count {
            if (try? source.bytes(at: offset, count: signature.count)) == signature { return offset }
            offset = offset == 0 ? 512 : offset * 2
        }
        return nil
    }

    /// A reader of the tensor's packed, little-endian, row-major bytes.
    public func bytes(of tensor: HDF5Tensor) throws(CheckpointError) -> any TensorBytes {
        switch tensor.place {
        case .fill: return FillBytes(tensor)
        case .range(let address):
            if let extent = extent(of: tensor) { return ExtentBytes(extent) }
            return SwappedBytes(source, offset: address, count: tensor.info.byteCount, unit: tensor.info.dtype.swapUnit)
        case .bytes(let bytes):
            let unit = tensor.isBigEndian ? tensor.info.dtype.swapUnit : 1
            return SwappedBytes(MemorySource(bytes), offset: 0, count: bytes.count, unit: unit)
        case .chunks(let chunking, let grid):
            if tensor.info.byteCount == 0 { return FillBytes(tensor) }
            return try ChunkedBytes(tensor, chunking, grid, source)
        }
    }

    /// Where the tensor lies in place; nil when it is chunked, compact, big-endian or was never written.
    public func extent(of tensor: HDF5Tensor) -> TensorExtent? {
        guard case .range(let address) = tensor.place, !tensor.isBigEndian else { return nil }
        return TensorExtent(source: source, offset: address, count: tensor.info.byteCount)
    }

    private static func check(_ description: HDF5Description, limits: Limits) throws(CheckpointError) {
        let objects = description.groups.count + description.datasets.count + description.others.count
        guard objects <= limits.tensors else {
            throw CheckpointError(.limit, "the file has \(grouped(objects)) groups, datasets and links, over the limit of \(grouped(limits.tensors))")
        }
        guard description.groups.first?.path == "" else {
            throw CheckpointError(.malformed, "the file has no root group")
        }
        // By bytes: Swift takes two normal forms of a text for one.
        var seen = Set<[UInt8]>()
        for path in description.groups.map(\.path) + description.datasets.map(\.path) {
            guard seen.insert(Array(path.utf8)).inserted else {
                throw CheckpointError(.malformed, "two objects have the path \(quoted(path))", tensor: path)
            }
        }
    }
}
