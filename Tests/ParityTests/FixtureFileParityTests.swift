import Architecture
import Checkpoints
import Dialects
import HDF5
import Keras
import LibHDF5
import NPZ
@testable import Parity
import Safetensors
import StrictJSON
import TestSupport
import Testing

@Suite("every fixture file against its framework's reference")
struct FixtureFileParityTests {
    static let registry = CodecRegistry([
        KerasArchiveCodec(describer: LibHDF5Describer(), layouter: LibHDF5Layouter()), KerasLegacyCodec(describer: LibHDF5Describer(), layouter: LibHDF5Layouter()), KerasWeightsCodec(describer: LibHDF5Describer(), layouter: LibHDF5Layouter()),
        NPZCodec(), SafetensorsCodec(), HDF5Codec(describer: LibHDF5Describer(), layouter: LibHDF5Layouter()),
    ])

    /// The files of a network in formats of these codecs.
    static func files(_ name: String) throws -> [String] {
        let files = try Fixtures.json("parity/\(name)/spec.json")["files"]?.members ?? []
        return files.map(\.key).filter { file in
            !file.hasPrefix("sharded/") && ["npz", "h5", "keras", "safetensors"].contains { file.hasSuffix(".\($0)") }
        }
    }

    private func recognised(_ name: String, _ file: String, network: NetworkDescription?) throws -> (any Checkpoint, Recognition, String) {
        let (codec, checkpoint) = try Self.registry.open(CheckpointInput(path: Fixtures.path("parity/\(name)/\(file)")))
        return (checkpoint, try Recognition(of: checkpoint, format: codec.name, hints: RecognitionHints(network: network)), codec.name)
    }

    /// Copies whose bytes have lost their meaning, or whose weights were rounded to float16 where that changes them.
    private func isSound(_ name: String, _ file: String) -> Bool {
        if file.hasPrefix("model_bf16_") || name == "bfloat16-net" && file == "keras2_weights.h5" { return false }
        return file != "generic_float16.h5" || ["float16-net", "bfloat16-net", "exact-zero", "exact-zero-leaky"].contains(name)
    }

    @Test("with the network of spec.json every file passes in both precisions, and rounded copies fail", arguments: FixtureNetworks.all)
    func given(_ name: String) throws {
        let reference = try FixtureNetworks.reference(name), description = try FixtureNetworks.description(name)
        var read = 0
        for file in try Self.files(name) {
            let (checkpoint, recognition, format) = try recognised(name, file, network: description)
            guard file.hasPrefix("model_bf16_") || isSound(name, file) || file == "generic_float16.h5" else {
                #expect(throws: CheckpointError.self) { try ParityModel(file: file, format: format, checkpoint: checkpoint, recognition: recognition) }
                continue
            }
            guard let model = try? ParityModel(file: file, format: format, checkpoint: checkpoint, recognition: recognition) else {
                #expect(!isSound(name, file), "\(file)")
                continue
            }
            for precision in Precision.allCases {
                var options = ParityOptions()
                options.precision = precision
                let report = try NetworkParity(options).report([model], reference: reference)
                #expect(report.verdict == (isSound(name, file) ? .pass : .fail), "\(file) \(precision.rawValue) \(report.comparisons[0].firstDivergence ?? "")")
                if isSound(name, file), precision == .float64 { #expect(report.comparisons[0].smallestPassingTolerance <= 1e-12, "\(file)") }
            }
            read += 1
        }
        #expect(read >= (name == "mnist-784-128-10" ? 2 : 8))
    }

    @Test("all sound files of a network are one network, bit for bit", arguments: FixtureNetworks.all)
    func siblings(_ name: String) throws {
        let description = try FixtureNetworks.description(name)
        let models = try Self.files(name).filter { isSound(name, $0) }.map { file in
            let (checkpoint, recognition, format) = try recognised(name, file, network: description)
            return try ParityModel(file: file, format: format, checkpoint: checkpoint, recognition: recognition)
        }
        let report = try NetworkParity().report(models)
        #expect(report.comparisons.count == models.count - 1)
        for comparison in report.comparisons { #expect(comparison.bitwise && comparison.verdict == .pass, "\(comparison.a)") }
    }

    @Test("files that carry their network pass by what they say of themselves, a slope kept as float32 included")
    func carried() throws {
        var passed = 0
        for name in FixtureNetworks.all {
            let reference = try FixtureNetworks.reference(name)
            for file in try Self.files(name) {
                let (checkpoint, recognition, format) = try recognised(name, file, network: nil)
                guard recognition.network != nil else { continue }
                let model = try ParityModel(file: file, format: format, checkpoint: checkpoint, recognition: recognition)
                let report = try NetworkParity().report([model], reference: reference)
                #expect(report.verdict == .pass, "\(name)/\(file)")
                #expect(report.comparisons[0].smallestPassingTolerance <= (name == "leaky-mix" && file.hasPrefix("keras2") ? 1e-7 : 1e-12), "\(name)/\(file)")
                passed += 1
            }
        }
        #expect(passed > 80)
    }
}
