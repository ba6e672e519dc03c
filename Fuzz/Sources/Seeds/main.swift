import ByteIO
import Checkpoints
import MLPB
import Safetensors

// fuzz-seeds FOLDER FILE...: writes each FILE that can be read as MLPB into FOLDER, a seed by its number.
let arguments = CommandLine.arguments.dropFirst()
guard let folder = arguments.first else { fatalError("fuzz-seeds FOLDER FILE...") }
let registry = CodecRegistry([SafetensorsCodec(), MLPBCodec()])
for (number, path) in arguments.dropFirst().enumerated() {
    do {
        let checkpoint = try registry.open(CheckpointInput(path: path)).checkpoint
        for recordsHashes in [false, true] {
            let file = try AtomicFile(replacing: "\(folder)/\(number)-\(recordsHashes).mlpb", mayReplace: true)
            var options = WriteOptions()
            options.recordsHashes = recordsHashes
            try MLPBCodec().write(checkpoint, to: file.output, options: options)
            try file.commit()
        }
    } catch {
        // Fixtures of bad input cannot be read: they are no seeds here.
        continue
    }
}
