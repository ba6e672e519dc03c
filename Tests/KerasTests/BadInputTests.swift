import Checkpoints
import Keras
import StrictJSON
import Tensors
import TestSupport
import Testing

/// What an entry of the manifest says must happen to a file, and the tensors where it is to be read.
struct BadInput {
    let file: String, isOK: Bool, isHard: Bool, tensors: [Content]

    static func all() throws -> [BadInput] {
        let types = ["F16": "float16", "F32": "float32", "F64": "float64", "I32": "int32", "I64": "int64", "BF16": "bfloat16"]
        return try (Fixtures.json("bad-input/manifest.json").array ?? []).compactMap { entry in
            guard let file = entry["file"]?.string, file.hasPrefix("keras/") else { return nil }
            let tensors = try (entry["tensors"]?.array ?? []).map { tensor in
                Content(name: try #require(tensor["name"]?.string), dtype: try #require(types[tensor["dtype"]?.string ?? ""]),
                        shape: tensor["shape"]?.array?.compactMap(\.int) ?? [], sha256: try #require(tensor["sha256"]?.string))
            }
            return BadInput(file: file, isOK: entry["expect"]?.string == "ok", isHard: entry["level"]?.string == "hard", tensors: tensors)
        }
    }
}

/// Soft cases of the manifest that are read here on purpose: names of members are data, Python's NaN is Keras' own, code is never run, and no
/// network is built.
let readOnPurpose = [
    "keras/zip_slip.keras", "keras/zip_slip_assets.keras", "keras/config_nan.keras", "keras/lambda_marshal.keras", "keras/legacy_lambda.h5",
    "keras/shape_mismatch.keras",
]

// KERAS-4, KERAS-7, KERAS-14, KERAS-40, KERAS-41, KERAS-50, KERAS-51, KERAS-53, KERAS-54.
@Test("hostile and damaged Keras files behave as the manifest says")
func behavesAsTheManifestSays() throws {
    let registry = CodecRegistry(allCodecs)
    var checked = 0
    for bad in try BadInput.all() {
        let result = Result<[Content], any Error> {
            let input = try CheckpointInput(path: Fixtures.path("bad-input/\(bad.file)"))
            return try contents(registry.open(input).checkpoint)
        }
        switch result {
        case .success(let found):
            #expect(bad.isOK || !bad.isHard && readOnPurpose.contains(bad.file), "\(bad.file) was read")
            if bad.isOK { #expect(found == bad.tensors, "\(bad.file)") } else { #expect(found.count == 4, "\(bad.file)") }
        case .failure(let error):
            #expect(!bad.isOK && !readOnPurpose.contains(bad.file), "\(bad.file): \(error)")
            #expect(error is CheckpointError)
        }
        checked += 1
    }
    #expect(checked == 26)
}
