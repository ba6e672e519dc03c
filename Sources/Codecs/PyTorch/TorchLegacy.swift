import ByteIO
import Checkpoints
import Tensors
import Zip

/// Files before PyTorch 1.6, and those of today's with `_use_new_zipfile_serialization=False`: pickles one after another, then the storages (PT-21).
final class TorchLegacy: TorchStorages {
    let source: any ByteSource
    private let places: [[UInt8]: TorchPlace]

    /// 0x1950A86A20F9469CFC6C as a pickle writes it: LONG1, ten bytes.
    static let magic: [UInt8] = [0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]

    /// Whether the bytes begin with the pickle of the magic number.
    static func begins(_ head: [UInt8]) -> Bool {
        guard head.count > 16, head[0] == 0x80, head[1] <= 5 else { return false }
        return head[2...].starts(with: magic) || head[2] == 0x95 && head.count > 24 && head[11...].starts(with: magic)
    }

    /// Reads the pickles with `machine`; returns what the third of them, the object, left.
    static func open(_ source: any ByteSource, _ machine: inout PickleMachine) throws(CheckpointError) -> (storages: TorchLegacy, root: PickleValue) {
        let limit = machine.limits.headerBytes
        var input = PickleInput(source, to: source.count)
        func bounded() throws(CheckpointError) {
            guard input.position <= limit else { throw CheckpointError(.limit, "the pickles take more than \(grouped(limit)) bytes") }
        }
        guard case .bigInt("119547037146038801333356") = try machine.run(&input) else { throw CheckpointError(.malformed, "the file does not begin with torch's magic number") }
        guard case .int(let version) = try machine.run(&input), version == 1001 else { throw CheckpointError(.unsupported, "the file's protocol is not 1001, the only one that PyTorch ever wrote") }
        _ = try machine.run(&input)
        let root = try machine.run(&input)
        try bounded()
        let listed = try machine.run(&input)
        try bounded()
        guard let keys = machine.heap.node(listed), keys.kind == .list else { throw CheckpointError(.malformed, "the pickle after the object is no list of storage keys", offset: input.offset) }
        // The element size of each storage is its class's, as the object names it.
        var known: [[UInt8]: TorchStorage] = [:]
        for storage in machine.heap.storages { known[Array(storage.key.utf8)] = storage }
        var places: [[UInt8]: TorchPlace] = [:]
        for item in keys.items {
            let key: String
            switch item {
            case .text(let text): key = text
            case .int(let number): key = String(number)
            default: throw CheckpointError(.malformed, "a storage's key is neither text nor number", offset: input.offset)
            }
            let at = input.offset
            let count = try input.number(8)
            guard let storage = known[Array(key.utf8)] else { throw CheckpointError(.malformed, "the storage \(quoted(key)) is listed, and nothing in the object uses it: its size cannot be known", offset: at) }
            guard let size = storage.dtype?.byteCount ?? (storage.isUntyped ? 1 : nil) else {
                throw CheckpointError(.unsupported, "the storage \(quoted(key)) is a \(storage.className), whose size is not known here", offset: at)
            }
            guard let elements = Int(exactly: count), elements == storage.count else { throw CheckpointError(.malformed, "the storage \(quoted(key)) has \(count) elements where it lies, the object says \(storage.count)", offset: at) }
            let (bytes, overflow) = elements.multipliedReportingOverflow(by: size)
            guard !overflow, bytes <= input.remaining else {
                throw CheckpointError(.malformed, "the storage \(quoted(key)) ends early: \(elements) elements of \(size) bytes are declared, \(grouped(input.remaining)) bytes are left; the file is truncated", offset: at)
            }
            guard places.updateValue(TorchPlace(offset: input.position, byteCount: bytes, member: -1, isBigEndian: false), forKey: Array(key.utf8)) == nil else {
                throw CheckpointError(.malformed, "the storage \(quoted(key)) is listed twice", offset: at)
            }
            input.skip(bytes)
        }
        guard input.remaining == 0 else { throw CheckpointError(.malformed, "\(grouped(input.remaining)) bytes follow the last storage", offset: input.offset) }
        return (TorchLegacy(source, places), root)
    }

    private init(_ source: any ByteSource, _ places: [[UInt8]: TorchPlace]) {
        self.source = source
        self.places = places
    }

    func place(of storage: TorchStorage) throws(CheckpointError) -> TorchPlace {
        guard let place = places[Array(storage.key.utf8)] else { throw CheckpointError(.malformed, "its storage \(quoted(storage.key)) is not in the file: the file is damaged") }
        return place
    }

    func reader(of place: TorchPlace) throws(CheckpointError) -> ZipEntryReader? { nil }
    func verify(_ place: TorchPlace) throws(CheckpointError) {}
    func verifyRest(_ covered: Set<Int>) throws(CheckpointError) {}
}
