import ByteIO
import Catalog
import Checkpoints
import Foundation
import LibHDF5
import Tensors
import TestSupport
import Testing

/// The catalog as the library has it: libhdf5 in this process.
let registry = Catalog.registry(describer: LibHDF5Describer(), layouter: LibHDF5Layouter())

/// A format of the catalog: an argument of the tests that every codec inherits.
struct Format: Sendable, CustomTestStringConvertible {
    let codec: any CheckpointCodec

    static let all = registry.codecs.map(Format.init)
    /// Those that hold any tensors; a format with a dialect of its own holds networks that were phrased for it, which its own tests prove.
    static let writable = all.filter { $0.codec is any WritableCheckpointCodec && !($0.codec is any DialectCodec) }

    /// Files for each format that does not hold just any tensors.
    private static let fixtures = [
        "keras-h5": ["parity/seed-4-8-3/keras3_legacy.h5", "parity/seed-4-8-3/keras2.h5"],
        "keras-weights": ["parity/seed-4-8-3/keras3.weights.h5"],
        "keras": ["parity/seed-4-8-3/keras3.keras"],
        "onnx": ["parity/seed-4-8-3/model_torch.onnx", "parity/seed-4-8-3/model_constnodes.onnx", "bad-input/onnx/dtypes.onnx"],
    ]

    var testDescription: String { codec.name }

    var writer: any WritableCheckpointCodec {
        get throws { try #require(codec as? any WritableCheckpointCodec) }
    }

    /// Whether a file is one array without a name (npy), and not many with theirs.
    var holdsOneUnnamed: Bool { codec.name == "npy" }

    /// The name that a tensor has once it went through a file.
    func name(_ written: String) -> String { holdsOneUnnamed ? "" : written }

    /// Files of this format: several tensors of several types, stored and compressed where it can be; or fixtures where it cannot be written.
    func files() throws -> [File] {
        guard let writer = codec as? any WritableCheckpointCodec, !(codec is any DialectCodec) else {
            let names = try #require(Self.fixtures[codec.name], "a format that is not written needs a fixture here: \(codec.name)")
            return try names.map { File(name: $0, bytes: try Fixtures.bytes($0), content: nil) }
        }
        let content = try holdsOneUnnamed ? [MemoryTensor.sample("", .float32, [37, 91])] : [
            .sample("dense_10/kernel", .float32, [37, 91]), .sample("dense_2/bias", .float64, [5]), .sample("dense_2/kernel", .int16, [3, 1, 700]),
            .sample("empty", .float32, [0, 4]), .sample("scalar", .int64, []), .sample("tail", .uint8, [4099]), .sample("half", .float16, [3001]),
        ]
        return try WriteOptions.Compression.allCases.compactMap { compression in
            var options = WriteOptions()
            options.compression = compression
            guard let bytes = try writtenOrRefused(MemoryCheckpoint(content), as: writer, options: options) else { return nil }
            return File(name: "\(codec.name), \(compression.rawValue)", bytes: bytes, content: content)
        }
    }

    struct File {
        let name: String, bytes: [UInt8]
        /// What was written; nil for a fixture.
        let content: [MemoryTensor]?
    }
}

/// What `codec` writes, or nil where it refuses. A refusal comes before the first byte, in a sentence, as an error that is no accident.
func writtenOrRefused(_ checkpoint: any Checkpoint, as codec: any WritableCheckpointCodec, options: WriteOptions = WriteOptions()) throws -> [UInt8]? {
    var refusal: CheckpointError?
    let bytes = try writtenBytes { output in
        do throws(CheckpointError) { try codec.write(checkpoint, to: output, options: options) } catch { refusal = error }
        if refusal != nil { #expect(output.position == 0, "refused after \(output.position) bytes") }
    }
    // `check` says beforehand what `write` will do.
    let foretold = failure { () throws(CheckpointError) in try codec.check(checkpoint.index, options: options) }
    #expect((foretold == nil) == (refusal == nil) && foretold?.code == refusal?.code, "foretold: \(String(describing: foretold)), came: \(String(describing: refusal))")
    guard let refusal else { return bytes }
    #expect([.unsupported, .lossRefused, .mismatch].contains(refusal.code), "\(refusal)")
    #expect(!refusal.message.isEmpty)
    return nil
}

/// `tensors` in groups that `format` can hold in one file each: all together, or one by one.
func groups(_ tensors: [MemoryTensor], for format: Format) -> [[MemoryTensor]] {
    format.holdsOneUnnamed ? tensors.map { [$0] } : [tensors]
}

/// Fails unless `read` holds exactly `tensors`, in their order.
func expectContent(_ read: any Checkpoint, _ tensors: [MemoryTensor], _ format: Format, _ comment: String = "") throws {
    let (infos, bytes) = try fullContents(read)
    #expect(infos == tensors.map { $0.info.named(format.name($0.info.name)) }, "\(comment)")
    for (position, tensor) in tensors.enumerated() where position < bytes.count {
        #expect(bytes[position] == tensor.bytes, "\(comment) \(tensor.info.name) \(tensor.info.dtype) \(tensor.info.shape)")
    }
    #expect(read.index.unsupported.isEmpty, "\(comment)")
}

/// The error of `body`; nil when there is none.
func failure(_ body: () throws(CheckpointError) -> Void) -> CheckpointError? {
    do throws(CheckpointError) { try body() } catch { return error }
    return nil
}
