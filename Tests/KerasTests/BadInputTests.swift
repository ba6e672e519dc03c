import ByteIO
import Checkpoints
import HDF5Container
import Keras
import TestSupport
import Testing

/// libhdf5 in a process of its own, as the command has it.
let helper = HDF5HelperClient(path: "\(Command.products)/\(HDF5HelperClient.helperName)")
let isolated = CodecRegistry([KerasLegacyCodec(describer: helper, layouter: helper), KerasWeightsCodec(describer: helper, layouter: helper), KerasArchiveCodec(describer: helper, layouter: helper)])

/// Soft cases of the manifest that are read here on purpose: names of members are data, Python's NaN is Keras' own, code is never run, and no
/// network is built.
private let readOnPurpose = [
    "keras/zip_slip.keras", "keras/zip_slip_assets.keras", "keras/config_nan.keras", "keras/lambda_marshal.keras", "keras/legacy_lambda.h5",
    "keras/shape_mismatch.keras",
]

private let cases = (try? BadInput.cases("keras")) ?? []

@Test("the corpus of bad and odd Keras files is all here")
func corpusIsComplete() { #expect(cases.count == 26) }

// KERAS-4, KERAS-7, KERAS-14, KERAS-40, KERAS-41, KERAS-50, KERAS-51, KERAS-53, KERAS-54.
@Test("a hostile or damaged Keras file gives what the manifest says, in this process and through the helper alike", arguments: cases)
func behavesAsTheManifestSays(_ one: BadInput.Case) throws {
    var outcomes: [String] = []
    for registry in [CodecRegistry(allCodecs), isolated] {
        let input = try CheckpointInput(path: Fixtures.path("bad-input/\(one.file)"))
        do throws(CheckpointError) {
            let checkpoint = try registry.open(input).checkpoint
            let fault = try BadInput.fault(in: checkpoint, one)
            if one.expectsError {
                #expect(!one.isHard && readOnPurpose.contains(one.file), "it is bad (\(one.why)), and is read")
                #expect(checkpoint.index.tensors.count == 4)
            } else { #expect(fault == nil) }
            outcomes.append("read")
        } catch {
            #expect(one.expectsError && !readOnPurpose.contains(one.file), "\(error)")
            #expect(error.description.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
            #expect(error.code != .io && error.code != .notRecognised, "\(error)")
            outcomes.append("\(error)")
        }
    }
    #expect(outcomes[0] == outcomes[1])
}

// Those that only run its time out are in the HDF5 suite.
@Test("a Keras file whose HDF5 kills its reader is an error, whichever codec asks", arguments: ((try? BadInput.cases("hdf5")) ?? []).filter { $0.file.contains("fuzz_keras") && !$0.file.contains("_copy_") })
func survivesItsReader(_ one: BadInput.Case) throws {
    // One input: the reader is asked once, and what became of it is remembered.
    let input = try CheckpointInput(path: Fixtures.path("bad-input/\(one.file)"))
    for codec in isolated.codecs where codec.name != "keras" {
        guard codec.confidence(in: input) == .none else { continue }
        #expect(throws: CheckpointError.self) { try codec.open(input, limits: .default) }
    }
}
