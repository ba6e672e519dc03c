import ByteIO
import Checkpoints
import HDF5Container
import Tensors

/// A describer that answers what it was given, whatever the file.
struct Answer: HDF5Describer {
    private let description: HDF5Description

    /// Nil when `wire` is no description.
    init?(_ wire: [UInt8]) {
        guard let description = try? HDF5Description(wire: wire) else { return nil }
        self.description = description
    }

    func describe(_ range: FileRange, attributes: HDF5AttributeChoice, limits: Limits) throws(CheckpointError) -> HDF5Description { description }
}

struct NoLayouter: HDF5Layouter {
    func lay(_ plan: HDF5Plan, into output: OutputFile) throws(CheckpointError) -> any HDF5LayoutSession {
        throw CheckpointError(.unsupported, "nothing is written here")
    }
}

/// A codec without its writer.
struct ReadOnly: CheckpointCodec {
    private let codec: any CheckpointCodec
    init(_ codec: any CheckpointCodec) { self.codec = codec }
    var name: String { codec.name }
    var extensions: [String] { codec.extensions }
    func confidence(in input: CheckpointInput) -> Confidence { codec.confidence(in: input) }
    func open(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) -> any Checkpoint { try codec.open(input, limits: limits) }
}

/// Bytes in memory that are said to be of a file, so that none is made for a describer that looks at none.
final class DescribedFile: ByteSource {
    private let memory: MemorySource
    private static let file = try? SpoolFile.holding { (output) throws(IOError) in try output.append([0]) }
    init(_ bytes: [UInt8]) { memory = MemorySource(bytes) }
    var count: Int { memory.count }
    var path: String? { nil }
    var backing: FileRange? { Self.file?.backing }
    func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(IOError) {
        try memory.read(at: offset, count: count, into: buffer, at: position)
    }
}
