import ByteIO
import Checkpoints
import Tensors
import Zip

/// An open archive of arrays: the index from the members' headers, the bytes from the members.
final class NPZCheckpoint: Checkpoint {
    let index: CheckpointIndex
    private let directory: ZipDirectory
    private let arrays: [(array: NPYArray, entry: ZipEntry)]
    /// Members that are no tensor.
    private let others: [ZipEntry]

    init(_ directory: ZipDirectory, limits: Limits) throws(CheckpointError) {
        self.directory = directory
        var metadata = try NPZMetadata.decoded(comment: directory.comment)
        if let entry = directory.entry(named: NPZMetadata.memberName) {
            let json = try naming(entry.name) { () throws(ZipError) in try directory.bytes(of: entry, atMost: limits.headerBytes) }
            guard let more = try NPZMetadata.decoded(json: json) else {
                throw CheckpointError(.malformed, "the member \(NPZMetadata.memberName) is no JSON object of texts")
            }
            for text in more.entries { metadata[text.key] = text.text }
        }
        let dtypes = SidecarDTypes(metadata)
        var arrays: [(array: NPYArray, entry: ZipEntry)] = [], others: [ZipEntry] = [], unsupported: [CheckpointIndex.Unsupported] = []
        var total = 0
        // NPZ-15
        for entry in directory.entries {
            guard let name = entry.arrayName else {
                others.append(entry)
                if entry.name != NPZMetadata.memberName { unsupported.append(.init(name: entry.name, reason: entry.isFolder ? "a folder" : "not an .npy member: bytes without a shape")) }
                try limits.admit(entry.name, bytes: entry.count, stored: entry.compressedCount, total: &total)
                continue
            }
            // NPZ-14
            guard directory.entry(named: name) == nil else {
                throw CheckpointError(.malformed, "the members \(quoted(name)) and \(quoted(entry.name)) have one name for numpy: which is meant cannot be known", tensor: name)
            }
            do throws(CheckpointError) {
                let content = try NPYArray.read(name, count: entry.count, dtype: dtypes?[name], limits: limits) { (count) throws(CheckpointError) in
                    try naming(entry.name) { () throws(ZipError) in try directory.prefix(of: entry, count: count) }
                }
                try limits.admit(name, bytes: entry.count, stored: entry.compressedCount, total: &total)
                switch content {
                case .tensor(let array): arrays.append((array, entry))
                case .unsupported(let reason):
                    others.append(entry)
                    unsupported.append(.init(name: name, reason: reason))
                    // NPZ-29. A damaged one is met again when every member is read.
                    if entry.count <= NPZText.maxCount, metadata[name] == nil, !name.hasPrefix("mlpconv."),
                       let member = try? directory.bytes(of: entry, atMost: NPZText.maxCount) { metadata[name] = NPZText.text(member) }
                }
            } catch {
                throw error.inMember(entry, name)
            }
        }
        var index = CheckpointIndex(tensors: arrays.map(\.array.info), unsupported: unsupported)
        index.restore(from: metadata)
        self.index = index
        self.arrays = arrays
        self.others = others
    }

    func bytes(ofTensorAt position: Int) throws(CheckpointError) -> any TensorBytes {
        let (array, entry) = arrays[position]
        let reader = try naming(entry.name) { () throws(ZipError) in try directory.reader(of: entry) }
        return array.decoded(try MemberBytes(reader, after: array.headerCount))
    }

    // NPZ-16
    func extent(ofTensorAt position: Int) -> TensorExtent? {
        let (array, entry) = arrays[position]
        guard array.isPlain, let member = directory.source(of: entry) else { return nil }
        return TensorExtent(source: directory.source, offset: entry.dataOffset + array.headerCount, count: min(array.info.byteCount, member.count - array.headerCount))
    }

    /// Reads the members that are no tensor, for their checksums (NPZ-4). Those of a method that is not read here stay unread.
    func verifyRemainder() throws(CheckpointError) {
        let buffer = try ChunkBuffer(checkedCount: 1 << 16)
        for entry in others where entry.objection == nil {
            try naming(entry.name) { () throws(ZipError) in try directory.verify(entry, through: buffer) }
        }
    }
}

extension ZipEntry {
    /// NPZ-1. The tensor's name: the member's without `.npy`; nil for a member that is no array.
    var arrayName: String? { NPZ.arrayName(ofMember: name) }
}

func arrayName(ofMember name: String) -> String? {
    name.utf8.suffix(4).elementsEqual(".npy".utf8) ? String(decoding: name.utf8.dropLast(4), as: UTF8.self) : nil
}

/// The data of a member behind its header. The header passes through the member's checksum with them.
final class MemberBytes: TensorBytes {
    private let reader: ZipEntryReader
    private let header: ChunkBuffer

    init(_ reader: ZipEntryReader, after headerCount: Int) throws(CheckpointError) {
        self.reader = reader
        header = try ChunkBuffer(checkedCount: headerCount)
    }

    var count: Int { reader.count - header.count }
    var isSeekable: Bool { reader.isSeekable }

    func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        try checkRange(offset, count)
        try naming(reader.entry.name) { () throws(ZipError) in
            if offset == 0 { try reader.read(at: 0, count: header.count, into: header, at: 0) }
            try reader.read(at: header.count + offset, count: count, into: buffer, at: position)
        }
    }
}

extension CheckpointError {
    init(_ error: ZipError, member: String? = nil) {
        if let cause = error.cause {
            self.init(cause)
        } else {
            let code: Code = switch error.kind {
            case .io: .io
            case .malformed: .malformed
            case .unsupported: .unsupported
            case .limit: .limit
            }
            self.init(code, error.message, offset: error.offset)
        }
        if let name = error.member ?? member { place.tensor = arrayName(ofMember: name) ?? name }
    }

    /// The same error with the place of an array's member. An offset that counts from the start of a stored member becomes the file's.
    func inMember(_ entry: ZipEntry, _ name: String) -> CheckpointError {
        var error = self
        if place.tensor == nil {
            error.place.offset = entry.method == .stored ? place.offset.map { $0 + entry.dataOffset } ?? entry.dataOffset : entry.headerOffset
        }
        return error.at(tensor: name)
    }
}

/// Runs `body` with the errors of the archive turned into ours, naming the member.
func naming<R>(_ member: String, _ body: () throws(ZipError) -> R) throws(CheckpointError) -> R {
    do throws(ZipError) { return try body() } catch { throw CheckpointError(error, member: member) }
}
