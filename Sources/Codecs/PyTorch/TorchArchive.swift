import ByteIO
import Checkpoints
import Synchronization
import Zip

/// Where a file keeps its storages.
protocol TorchStorages: AnyObject, Sendable {
    /// The bytes of a storage; throws when the file does not have them all.
    func place(of storage: TorchStorage) throws(CheckpointError) -> TorchPlace
    /// Reads bytes of a storage that a tensor covers whole, front to back, with whatever checksum it has checked at its end; nil where none is.
    func reader(of place: TorchPlace) throws(CheckpointError) -> ZipEntryReader?
    /// Checks the storage's checksum, once.
    func verify(_ place: TorchPlace) throws(CheckpointError)
    /// Checks what no tensor covers whole.
    func verifyRest(_ covered: Set<Int>) throws(CheckpointError)
    var source: any ByteSource { get }
}

/// A storage in its file.
struct TorchPlace: Sendable {
    /// The file's offset of the first byte; nil when the bytes have to be decoded.
    let offset: Int?
    let byteCount: Int
    /// The place in the archive's directory; -1 in a legacy file.
    let member: Int
    let isBigEndian: Bool
}

/// Today's files: a zip archive with everything in one folder of any name (PT-1 to PT-5).
final class TorchArchive: TorchStorages {
    let directory: ZipDirectory
    /// With the slash at its end.
    let folder: String
    let isBigEndian: Bool
    private let positions: [[UInt8]: Int]
    private let verified = Mutex<Set<Int>>([])

    var source: any ByteSource { directory.source }

    /// The folder of the archive's one `data.pkl`; nil when it has none or several.
    static func folders(_ directory: ZipDirectory) -> [String] {
        directory.entries.compactMap { entry in
            let parts = entry.name.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.last == "data.pkl", parts.count <= 2 else { return nil }
            return parts.count == 2 ? "\(parts[0])/" : ""
        }
    }

    init(_ directory: ZipDirectory) throws(CheckpointError) {
        self.directory = directory
        let folders = Self.folders(directory)
        guard let folder = folders.first else {
            throw CheckpointError(.malformed, "the archive has no member data.pkl in a folder at its top: torch.save writes one; this is no PyTorch file, or one that lost it")
        }
        guard folders.count == 1 else {
            throw CheckpointError(.malformed, "the archive has data.pkl in \(folders.count) folders, \(quoted(folders[0])) and \(quoted(folders[1])): which is meant cannot be known")
        }
        self.folder = folder
        var positions: [[UInt8]: Int] = [:]
        for (position, entry) in directory.entries.enumerated() { positions[Array(entry.name.utf8)] = position }
        self.positions = positions
        func small(_ name: String) throws(CheckpointError) -> String? {
            guard let entry = directory.entry(named: folder + name) else { return nil }
            let bytes = try inArchive { () throws(ZipError) in try directory.bytes(of: entry, atMost: 1024) }
            let text = String(decoding: bytes, as: UTF8.self)
            return text.split { $0 == "\n" || $0 == " " || $0 == "\r" }.joined()
        }
        switch try small("byteorder") {
        case nil, "little"?: isBigEndian = false
        case "big"?: isBigEndian = true
        case let other?: throw CheckpointError(.malformed, "the member byteorder says \(quoted(other)), neither little nor big")
        }
        if let text = try small("version") {
            guard let version = Int(text), (1...10).contains(version) else {
                throw CheckpointError(.unsupported, "the member version says \(quoted(text)); PyTorch knows file versions 1 to 10")
            }
        }
    }

    /// The bytes of the pickle, their checksum checked, and where they start in the file.
    func pickle(atMost limit: Int) throws(CheckpointError) -> (bytes: [UInt8], offset: Int) {
        guard let entry = directory.entry(named: folder + "data.pkl") else { throw CheckpointError(.malformed, "the archive has no data.pkl") }
        let bytes = try inArchive { () throws(ZipError) in try directory.bytes(of: entry, atMost: limit) }
        return (bytes, entry.method == .stored ? entry.dataOffset : 0)
    }

    /// A member beside the pickle; nil when there is none.
    func member(_ name: String, atMost limit: Int) throws(CheckpointError) -> [UInt8]? {
        guard let entry = directory.entry(named: folder + name) else { return nil }
        return try inArchive { () throws(ZipError) in try directory.bytes(of: entry, atMost: limit) }
    }

    func place(of storage: TorchStorage) throws(CheckpointError) -> TorchPlace {
        let name = "\(folder)data/\(storage.key)"
        guard let position = positions[Array(name.utf8)] else {
            throw CheckpointError(.malformed, "its storage, the member \(quoted(name)), is not in the archive: the file is damaged")
        }
        let entry = directory.entries[position]
        if let objection = entry.objection { throw CheckpointError(.unsupported, "its storage, the member \(quoted(name)): \(objection)", offset: entry.headerOffset) }
        return TorchPlace(offset: entry.method == .stored ? entry.dataOffset : nil, byteCount: entry.count, member: position, isBigEndian: isBigEndian)
    }

    func reader(of place: TorchPlace) throws(CheckpointError) -> ZipEntryReader? {
        let entry = directory.entries[place.member]
        return try inArchive { () throws(ZipError) in try directory.reader(of: entry) }
    }

    func verify(_ place: TorchPlace) throws(CheckpointError) {
        guard !verified.withLock({ $0.contains(place.member) }) else { return }
        let buffer = try ChunkBuffer(checkedCount: 1 << 18)
        let entry = directory.entries[place.member]
        try inArchive { () throws(ZipError) in try directory.verify(entry, through: buffer) }
        verified.withLock { _ = $0.insert(place.member) }
    }

    func verifyRest(_ covered: Set<Int>) throws(CheckpointError) {
        for (position, entry) in directory.entries.enumerated() where !covered.contains(position) && entry.objection == nil && !entry.isFolder {
            try verify(TorchPlace(offset: nil, byteCount: entry.count, member: position, isBigEndian: false))
        }
    }
}

/// Runs `body` with the errors of the archive turned into ours.
func inArchive<R>(_ body: () throws(ZipError) -> R) throws(CheckpointError) -> R {
    do throws(ZipError) { return try body() } catch {
        if let cause = error.cause { throw CheckpointError(cause) }
        let code: CheckpointError.Code = switch error.kind {
        case .io: .io
        case .malformed: .malformed
        case .unsupported: .unsupported
        case .limit: .limit
        }
        let member = error.member.map { "member \(quoted($0)): " } ?? ""
        throw CheckpointError(code, member + error.message, offset: error.offset)
    }
}
