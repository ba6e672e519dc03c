import Foundation
import StrictJSON
import TestSupport
import Testing

@Suite("convert: every format into every format that is written") struct MatrixTests {
    static let sources = [
        "npz": "model_compressed.npz", "hdf5": "generic_gzip_shuffle.h5", "keras-h5": "keras2.h5", "keras-weights": "keras3.weights.h5", "keras": "keras3.keras",
        "safetensors": "model.safetensors",
    ]
    static let targets = ["mlpb": "mlpb", "npz": "npz", "hdf5": "h5", "safetensors": "safetensors"]

    @Test("tensors keep names, types, shapes and bytes, metadata their text, and a known network its passes; the ledger says so", arguments: sources.keys.sorted() + ["mlpb"])
    func matrix(source: String) throws {
        try withTemporaryFolder { folder in
            let network = try Fixtures.path("parity/seed-4-8-3/spec.json")
            var path = try Fixtures.path("parity/seed-4-8-3/\(Self.sources[source] ?? "model.npz")")
            if source == "mlpb" {
                try run(["convert", path, "source.mlpb", "--network", network], folder: folder)
                path = "\(folder)/source.mlpb"
            }
            let before = try run(["inspect", path, "--hash", "--network", network])
            #expect(before["format"]?.string == source)
            for (target, ending) in Self.targets.sorted(by: { $0.key < $1.key }) {
                let output = "\(source).\(ending)"
                let ledger = try run(["convert", path, output, "--verify", "--network", network], folder: folder)
                #expect(Set(ledger.keys).isSuperset(of: ["input", "output", "tensors", "metadata", "lossless", "verified"]))
                #expect(ledger["input"]?.keys == ["file", "format", "dialect"] && ledger["output"]?.keys == ["file", "format", "dialect"])
                #expect(ledger["input"]?["format"]?.string == source && ledger["output"]?["format"]?.string == target)
                #expect(ledger["output"]?["file"]?.string == output)
                #expect(ledger["lossless"]?.bool == true && ledger["verified"]?.bool == true, "\(target)")
                for tensor in ledger["tensors"]?.array ?? [] {
                    #expect(tensor.keys == ["from", "to", "actions", "dtype", "shape", "maxCastError", "overflowed", "reason"])
                    #expect(tensor["actions"]?.array?.compactMap(\.string) == ["kept"] && tensor["from"]?.string == tensor["to"]?.string)
                }
                // From here on the file speaks for itself, network included.
                let after = try run(["inspect", output, "--hash"], folder: folder)
                // The groups of a Keras weights file are one in any HDF5 file.
                #expect(after["format"]?.string == (source == "keras-weights" && target == "hdf5" ? source : target))
                #expect(after["contentHash"]?.string == before["contentHash"]?.string, "\(target)")
                #expect(after["tensors"]?.array?.map { $0["name"]?.string } == before["tensors"]?.array?.map { $0["name"]?.string }, "the order, \(target)")
                #expect(after["network"]?["layers"]?.text() == before["network"]?["layers"]?.text())
                for entry in before["metadata"]?.members ?? [] where !entry.key.hasPrefix("mlpconv.") {
                    #expect(after["metadata"]?[entry.key]?.string == entry.value.string, "\(entry.key), \(target)")
                }
                let proof = try run(["validate", output, "--reference", Fixtures.path("parity/seed-4-8-3/reference.npz")], folder: folder)
                #expect(proof["verdict"]?.string == "pass", "\(target)")
            }
        }
    }
}
