import ByteIO
import Checkpoints
import Foundation
import HDF5
import HDF5Container
import LibHDF5
import StrictJSON
import Tensors
import TestSupport
import Testing

/// The helper's client, with the helper that this build made.
let helper = HDF5HelperClient(path: builtHelper())

func builtHelper() -> String {
    // Beside the test bundle: SwiftPM puts everything it builds into one folder.
    var folder = Bundle.main.executableURL?.deletingLastPathComponent()
    for bundle in Bundle.allBundles where bundle.bundlePath.hasSuffix(".xctest") { folder = bundle.bundleURL.deletingLastPathComponent() }
    return folder.map { $0.appendingPathComponent(HDF5HelperClient.helperName).path } ?? HDF5HelperClient.helperName
}

/// What the manifest calls a dtype, which is safetensors' name for it.
let manifestNames = [
    "F32": "float32", "F64": "float64", "F16": "float16", "BF16": "bfloat16", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
    "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64", "BOOL": "bool", "C64": "complex64", "C128": "complex128",
]

struct Case: Sendable, CustomTestStringConvertible {
    let entry: JSONValue
    var file: String { entry["file"]?.string ?? "" }
    var testDescription: String { file }

    static let all: [Case] = {
        let entries = (try? Fixtures.json("bad-input/manifest.json"))?.array ?? []
        return entries.filter { $0["format"]?.string == "hdf5" }.map { Case(entry: $0) }
    }()
}

@Test("the corpus of bad and odd HDF5 files is all here")
func corpusIsComplete() { #expect(Case.all.count == 114) }

@Test("a bad or odd HDF5 file gives what the manifest says, and never takes this process along", arguments: Case.all)
func corpus(_ one: Case) throws {
    let isHard = one.entry["level"]?.string == "hard"
    let start = ContinuousClock.now
    var outcome: Result<[(name: String, dtype: String, shape: [Int], sha256: String)], CheckpointError>
    do {
        let checkpoint = try HDF5Codec(describer: helper).open(CheckpointInput(path: Fixtures.path("bad-input/\(one.file)")), limits: .default)
        outcome = .success(try contents(checkpoint))
    } catch let error as CheckpointError {
        outcome = .failure(error)
    }
    #expect(.now - start < .seconds(15), "\(one.file) took too long")
    print("OUT", one.file, one.entry["expect"]?.string ?? "", one.entry["level"]?.string ?? "", .now - start, outcome)
    switch outcome {
    case .failure(let error):
        #expect(!error.message.isEmpty && error.message.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }, "\(error)")
        if one.entry["expect"]?.string == "ok", isHard { Issue.record("\(one.file) is good, and gives: \(error)") }
    case .success(let found):
        if one.entry["expect"]?.string == "error" {
            if isHard { Issue.record("\(one.file) is bad (\(one.entry["why"]?.string ?? "")), and is read") }
            return
        }
        if let count = one.entry["count"]?.int { #expect(found.count == count) }
        for tensor in (one.entry["tensors"] ?? one.entry["tensors_sample"])?.array ?? [] {
            let name = tensor["name"]?.string ?? ""
            let mine = try #require(found.first { $0.name == name }, "\(one.file): \(name) is missing")
            #expect(mine.dtype == manifestNames[tensor["dtype"]?.string ?? ""], "\(one.file): \(name)")
            #expect(mine.shape == tensor["shape"]?.array?.compactMap(\.int), "\(one.file): \(name)")
            #expect(mine.sha256 == tensor["sha256"]?.string, "\(one.file): \(name)")
        }
    }
}
