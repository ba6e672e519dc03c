public import ByteIO
import Synchronization
public import Tensors

/// A file on its way to being opened: its bytes, the name to print, and what one codec found out that another can use.
public final class CheckpointInput: Sendable {
    public let source: any ByteSource
    /// The name as the user gave it, for errors and reports.
    public let name: String
    /// The first bytes of the file, at most 4,096.
    public let head: [UInt8]
    private let found = Mutex<[ObjectIdentifier: any Sendable]>([:])

    public init(_ source: any ByteSource, name: String? = nil) throws(CheckpointError) {
        self.source = source
        self.name = name ?? source.path ?? "memory"
        do throws(IOError) { head = try source.bytes(at: 0, count: min(source.count, 4096)) } catch { throw CheckpointError(error) }
    }

    public convenience init(path: String) throws(CheckpointError) {
        try self.init(rising { () throws(IOError) in try FileSource(path: path) }, name: path)
    }

    /// The value of type `T` for this input, made at the first call: a zip directory, an HDF5 description. Several codecs ask, one works.
    public func shared<T: Sendable>(_ type: T.Type = T.self, _ make: () throws(CheckpointError) -> T) throws(CheckpointError) -> T {
        if let value = found.withLock({ $0[ObjectIdentifier(type)] }) as? T { return value }
        let value = try make()
        found.withLock { $0[ObjectIdentifier(type)] = value }
        return value
    }
}

/// How sure a codec is that a file is its own, from content alone.
public enum Confidence: Int, Sendable, Comparable, CaseIterable, CustomStringConvertible {
    case none, weak, strong, certain
    public static func < (a: Confidence, b: Confidence) -> Bool { a.rawValue < b.rawValue }
    public var description: String {
        switch self {
        case .none: "none"
        case .weak: "weak"
        case .strong: "strong"
        case .certain: "certain"
        }
    }
}

/// A format: opens bytes as a checkpoint. It knows neither networks nor other codecs.
public protocol CheckpointCodec: Sendable {
    /// The name of CLI.md: `npz`, `keras-h5` ….
    var name: String { get }
    /// Without dots, the customary one first: `["npz"]`.
    var extensions: [String] { get }
    /// From content alone; never throws: what cannot be read is not this codec's.
    func confidence(in input: CheckpointInput) -> Confidence
    func open(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) -> any Checkpoint
}

/// A format that can be written.
public protocol WritableCheckpointCodec: CheckpointCodec {
    /// Whether the output must be able to seek (HDF5); else a pipe will do.
    var needsSeekableOutput: Bool { get }
    /// Why this format cannot hold `tensor` as it is, or nil when it can: asked before anything is written.
    func objection(to tensor: TensorInfo) -> String?
    /// Whether text metadata has a place in this format.
    var keepsMetadata: Bool { get }
    /// Whether tensors have names in this format: a lone npy array has none.
    var keepsNames: Bool { get }
    /// Throws what `write` would refuse before its first byte: tensors that are objected to, names that the format cannot tell apart, options
    /// that it does not have. What passes is written, unless the source or the disk fails.
    func check(_ index: CheckpointIndex, options: WriteOptions) throws(CheckpointError)
    /// Writes `checkpoint`: all offsets are planned from its index, then tensors are drawn one at a time through one buffer. The caller commits.
    func write(_ checkpoint: any Checkpoint, to output: OutputFile, options: WriteOptions) throws(CheckpointError)
}

extension WritableCheckpointCodec {
    public var keepsNames: Bool { true }
}

/// A format of one framework, with names, axes and a text for the network of its own (CLI.md, `convert`): what is written in it has been phrased so
/// before, by the format dialect of its name (`FormatDialects`), and `write` refuses anything else.
public protocol DialectCodec: WritableCheckpointCodec {}

public struct WriteOptions: Sendable {
    public enum Compression: String, Sendable, CaseIterable { case none, deflate }
    public var compression: Compression = .none
    /// 0 to 9; nil is the codec's own choice.
    public var level: Int?
    /// At most this many threads; nil is the machine's number of cores.
    public var threads: Int?
    /// Whether a format that can record SHA-256 hashes does; nil is the codec's own choice.
    public var recordsHashes: Bool?
    /// Called as bytes are written: done and total decoded bytes.
    public var progress: (@Sendable (_ done: Int, _ total: Int) -> Void)?
    public init() {}
}
