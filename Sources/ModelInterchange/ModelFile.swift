import Bridge
import ByteIO
import Catalog
import Checkpoints
import Conversion
import Dialects
import Foundation
import LibHDF5
import Synchronization
import Tensors

/// The formats of this library.
public enum ModelFormats {
    /// All of them. HDF5 files are described by libhdf5 in this process: of a hostile file it may crash. A program that opens files from
    /// strangers gives its own registry, `Catalog.registry(hdf5: HDF5HelperClient())`, which asks a helper process that may die.
    public static let all = Catalog.registry(describer: LibHDF5Describer(), layouter: LibHDF5Layouter())
}

/// A checkpoint file that is open: `try ModelFile("model.keras")`.
///
/// Only the index has been read; tensors are read when asked for. The file stays open as long as the value lives.
public struct ModelFile: Sendable {
    public let path: String
    /// The format's name: `keras`, `npz` ….
    public let format: String
    public let checkpoint: any Checkpoint
    /// What the index says of the network in it.
    public let recognition: Recognition
    private let mapping = Mapping()

    /// Opens the file at `path`, whatever its format.
    /// - Parameters:
    ///   - format: the format's name, where content is not to decide.
    ///   - network: what the network is, where the file does not say; it wins over what the file says.
    /// Throws `CheckpointError`: `io`, `notRecognised`, `ambiguous`, `malformed`, `unsupported` or `limit`, with file and place.
    public init(
        _ path: String, format: String? = nil, network: NetworkDescription? = nil, limits: Limits = .default, formats: CodecRegistry = ModelFormats.all
    ) throws(CheckpointError) {
        let (codec, checkpoint) = try formats.open(try CheckpointInput(path: path), as: format, limits: limits)
        self.path = path
        self.format = codec.name
        self.checkpoint = checkpoint
        do throws(CheckpointError) {
            recognition = try Recognition(of: checkpoint, format: codec.name, hints: RecognitionHints(network: network))
        } catch { throw error.at(file: path, format: codec.name) }
    }

    /// The tensors, in the file's own order.
    public var tensors: [TensorInfo] { checkpoint.index.tensors }
    public var metadata: Metadata { checkpoint.index.metadata }
    /// The network, where one is recognised; `recognition.networkReason` says why not.
    public var network: NetworkDescription? { recognition.network }

    /// The elements of the tensor `name` as `Float`, row-major; other types are cast, to nearest. Throws `mismatch` when there is no such
    /// tensor or its elements are no real numbers, and what reading throws.
    public func floats(_ name: String) throws(CheckpointError) -> [Float] { try elements(name, as: .float32, zero: Float(0)) }

    /// The elements of the tensor `name` as `Double`, row-major; exact for every float type.
    public func doubles(_ name: String) throws(CheckpointError) -> [Double] { try elements(name, as: .float64, zero: Double(0)) }

    /// The packed, little-endian, row-major bytes of the tensor `name`, whatever its type.
    public func bytes(_ name: String) throws(CheckpointError) -> [UInt8] {
        let position = try position(name)
        do throws(CheckpointError) { return try checkpoint.array(ofTensorAt: position) } catch { throw error.at(file: path, format: format) }
    }

    private func position(_ name: String) throws(CheckpointError) -> Int {
        guard let position = checkpoint.index.position(of: name) else {
            throw CheckpointError(.mismatch, "there is no tensor \(quoted(name))").at(file: path, format: format)
        }
        return position
    }

    private func elements<T: BitwiseCopyable>(_ name: String, as dtype: DType, zero: T) throws(CheckpointError) -> [T] {
        let position = try position(name), tensor = checkpoint.index.tensors[position]
        guard let cast = ElementCast(from: tensor.dtype, to: dtype) else {
            throw CheckpointError(.mismatch, "\(tensor.dtype.rawValue) elements are no real numbers; read them with bytes(_:)", tensor: name).at(file: path, format: format)
        }
        var values = [T](repeating: zero, count: tensor.shape.elementCount)
        var done = 0
        do throws(CheckpointError) {
            let buffer = try ChunkBuffer(checkedCount: min(max(tensor.byteCount, 64), 4 << 20))
            var report = ElementCast.Report()
            try checkpoint.forEachChunk(ofTensorAt: position, through: buffer) { (bytes) throws(CheckpointError) in
                let count = bytes.byteCount / tensor.dtype.byteCount
                var span = values.mutableSpan
                var raw = unsafe span.mutableBytes
                cast.convert(bytes, at: 0, into: &raw, at: done * dtype.byteCount, count: count, report: &report)
                done += count
            }
        } catch { throw error.at(file: path, format: format) }
        return values
    }
}

extension ModelFile {
    /// Lends the bytes of the tensor `name` where they lie in the mapped file, without a copy; nil when they have to be decoded (compressed,
    /// big-endian, Fortran order …). Nothing is verified: no checksum is read.
    ///
    /// The file is mapped at the first call. When another process truncates it meanwhile, touching a lost page ends this process (SIGBUS).
    public func withBytesInPlace<R>(of name: String, _ body: (RawSpan) throws(CheckpointError) -> R) throws(CheckpointError) -> R? {
        guard let extent = checkpoint.extent(ofTensorAt: try position(name)), let range = extent.source.backing, extent.offset <= range.count - extent.count else { return nil }
        let start = range.offset + extent.offset
        return try mapping.of(range.file).withBytes(start..<start + extent.count, body)
    }

    /// As `withBytesInPlace`, typed: for a float32 tensor whose bytes are aligned to 4. What we write always is.
    public func withFloatsInPlace<R>(of name: String, _ body: (Span<Float>) throws(CheckpointError) -> R) throws(CheckpointError) -> R? {
        guard checkpoint.index.tensors[try position(name)].dtype == .float32 else { return nil }
        return try withBytesInPlace(of: name) { (bytes) throws(CheckpointError) in
            try unsafe bytes.withUnsafeBytes { (raw) throws(CheckpointError) -> R? in
                guard let base = raw.baseAddress, UInt(bitPattern: base) % 4 == 0 else { return nil }
                let floats = unsafe UnsafeBufferPointer(start: base.assumingMemoryBound(to: Float.self), count: raw.count / 4)
                return try body(unsafe floats.span)
            }
        } ?? nil
    }

    /// Writes everything in this file to `path`, complete or not at all, and returns the ledger: what became of each tensor.
    /// - Parameter format: the format's name; else the extension of `path` tells.
    /// Throws `exists`, `lossRefused` (what the target cannot hold), `unsupported` and `io`; then nothing has changed.
    @discardableResult
    public func write(to path: String, format: String? = nil, options: ConversionOptions = ConversionOptions(), writing: WriteOptions = WriteOptions(),
                      formats: CodecRegistry = ModelFormats.all) throws(CheckpointError) -> Ledger {
        try Self.write(checkpoint, recognition, to: path, format: format, options: options, writing: writing, formats: formats)
    }

    static func write(_ checkpoint: any Checkpoint, _ recognition: Recognition, to path: String, format: String?, options: ConversionOptions,
                      writing: WriteOptions, formats: CodecRegistry) throws(CheckpointError) -> Ledger {
        guard let target = (format.map { formats.codec(named: $0) } ?? formats.codec(forOutput: path)) as? any WritableCheckpointCodec else {
            let written = formats.codecs.filter { $0 is any WritableCheckpointCodec }.map(\.name).joined(separator: ", ")
            throw CheckpointError(.unsupported, "no format to write is named so; what is written is \(written)").at(file: path)
        }
        do throws(CheckpointError) {
            return try Converter(options: options, writing: writing).convert(checkpoint, recognition, to: path, as: target).ledger
        } catch { throw error.at(file: path, format: target.name) }
    }
}

/// The file's mapping, made at the first use and kept.
private final class Mapping: Sendable {
    private let mapped = Mutex<MappedFile?>(nil)

    func of(_ file: FileSource) throws(CheckpointError) -> MappedFile {
        if let mapped = mapped.withLock({ $0 }) { return mapped }
        let made = try rising { () throws(IOError) in try MappedFile(file) }
        return mapped.withLock { kept in
            kept = kept ?? made
            return kept ?? made
        }
    }
}

extension Network {
    /// The network in the file at `path`, whatever its format: every parameter in canonical orientation, cast to `Scalar`.
    /// - Parameter description: what the network is, where the file does not say.
    /// Throws what opening throws, and `networkNeeded` or `unsupported` where no network is recognised, saying what to pass.
    public init(contentsOf path: String, as description: NetworkDescription? = nil) throws(CheckpointError) {
        let file = try ModelFile(path, network: description)
        do throws(CheckpointError) { try self.init(reading: file.checkpoint, as: file.recognition) } catch { throw error.at(file: path, format: file.format) }
    }

    /// Writes this network's parameters and description to `path`, complete or not at all.
    /// - Parameter format: the format's name; else the extension of `path` tells.
    public func write(to path: String, format: String? = nil, options: ConversionOptions = ConversionOptions()) throws(CheckpointError) {
        let checkpoint = try NetworkCheckpoint(self)
        let recognition = try Recognition(of: checkpoint, format: "mlpb")
        _ = try ModelFile.write(checkpoint, recognition, to: path, format: format, options: options, writing: WriteOptions(), formats: ModelFormats.all)
    }
}
