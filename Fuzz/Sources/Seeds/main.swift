import ByteIO
import Checkpoints
import HDF5Container
import Keras
import LibHDF5
import MLPB
import NPZ
import Safetensors
import StrictJSON
import Tensors

// fuzz-seeds FOLDER FILE...: makes seeds that are no files of others: FOLDER/mlpb gets each FILE as MLPB, FOLDER/network its index as JSON,
// and FOLDER/hdf5 what libhdf5 says of it, with its bytes.
let arguments = CommandLine.arguments.dropFirst()
guard let folder = arguments.first else { fatalError("fuzz-seeds FOLDER FILE...") }
let describer = LibHDF5Describer()
let registry = CodecRegistry([
    SafetensorsCodec(), NPZCodec(), KerasArchiveCodec(describer: describer), KerasWeightsCodec(describer: describer), KerasLegacyCodec(describer: describer),
])

func save(_ bytes: [UInt8], _ path: String) throws {
    let file = try AtomicFile(replacing: "\(folder)/\(path)", mayReplace: true)
    try file.output.append(bytes)
    try file.commit()
}

/// The network that the fixture beside `path` describes.
func network(beside path: String) -> JSONValue {
    let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    guard let file = try? CheckpointInput(path: folder + "/spec.json").source, let bytes = try? file.bytes(at: 0, count: file.count),
          let spec = try? JSONReader.read(bytes, allowingNonFinite: true) else { return .null }
    return .object((spec.members ?? []).filter { ["input", "layers", "loss"].contains($0.key) })
}

func seed(_ checkpoint: any Checkpoint, _ name: String, format: String, network: JSONValue) throws {
    for recordsHashes in [false, true] {
        let file = try AtomicFile(replacing: "\(folder)/mlpb/\(name)-\(recordsHashes)", mayReplace: true)
        var options = WriteOptions()
        options.recordsHashes = recordsHashes
        try MLPBCodec().write(checkpoint, to: file.output, options: options)
        try file.commit()
    }
    let json: JSONValue = [
        "format": .string(format),
        "tensors": .object(checkpoint.index.tensors.map { .init($0.name, .array($0.shape.sizes.map { .integer($0) })) }),
        "metadata": .object(checkpoint.index.metadata.entries.map { .init($0.key, .string($0.text)) }),
        "network": network,
    ]
    try save(Array(json.text().utf8), "network/\(name)")
}

for (number, path) in arguments.dropFirst().enumerated() {
    // Fixtures of bad input that cannot be read are no seeds here.
    do {
        let input = try CheckpointInput(path: path)
        if path.hasSuffix("h5") {
            guard let range = input.source.backing else { continue }
            let wire = try describer.describe(range, attributes: .all, limits: .default).wire
            var bytes: [UInt8] = []
            bytes.append(littleEndian: UInt32(wire.count))
            try save(bytes + wire + input.source.bytes(at: 0, count: input.source.count), "hdf5/\(number)")
        }
        let (codec, checkpoint) = try registry.open(input)
        try seed(checkpoint, "\(number)", format: codec.name, network: number % 2 == 0 ? network(beside: path) : .null)
    } catch { continue }
}
