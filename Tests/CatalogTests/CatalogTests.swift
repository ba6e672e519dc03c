import ByteIO
import Checkpoints
import Foundation
import TestSupport
import Testing

@Suite("The catalog") struct CatalogTests {
    @Test("folders of Sources/Codecs, rows of the manifest's table, imports of the catalog and modules of its codecs are the same set")
    func oneList() throws {
        let folders = Set(try FileManager.default.contentsOfDirectory(atPath: "\(Fixtures.root)/Sources/Codecs").filter { !$0.hasPrefix(".") })
        let manifest = try text("Package.swift"), catalog = try text("Sources/Catalog/Catalog.swift")
        let table = try #require(manifest.split(separator: "let codecs: ").last?.split(separator: "\n]").first)
        let rows = table.split(separator: "\n").compactMap { line -> String? in
            guard line.hasPrefix("    (\"") else { return nil }
            return String(line.dropFirst(6).prefix { $0 != "\"" })
        }
        let modules = Set(registry.codecs.map { String(String(reflecting: type(of: $0)).prefix { $0 != "." }) })
        #expect(folders.count > 3 && Set(rows).count == rows.count)
        #expect(Set(rows) == folders)
        #expect(modules == folders)
        for folder in folders { #expect(catalog.contains("\nimport \(folder)\n"), "Catalog.swift does not import \(folder)") }
    }

    @Test("names are unique, and every format has an extension; an output's extension finds a format that is written, the longest extension first")
    func names() throws {
        let names = registry.codecs.map(\.name)
        #expect(Set(names).count == names.count)
        for name in names { #expect(registry.codec(named: name)?.name == name) }
        #expect(registry.codec(named: "no-such") == nil)
        for codec in registry.codecs {
            #expect(!codec.extensions.isEmpty && codec.extensions.allSatisfy { !$0.hasPrefix(".") && $0 == $0.lowercased() })
            // Two formats may share an extension: `.h5` is hdf5, and keras-h5 where that is asked for.
            if codec is any WritableCheckpointCodec, codec.name != "keras-h5" { #expect(registry.codec(forOutput: "folder.d/model.\(codec.extensions[0])")?.name == codec.name) }
        }
        #expect(registry.codec(forOutput: "m.h5")?.name == "hdf5")
        #expect(registry.codec(forOutput: "M.NPZ")?.name == "npz")
        #expect(registry.codec(forOutput: "m.weights.h5")?.name == "keras-weights")
        #expect(registry.codec(forOutput: "m") == nil && registry.codec(forOutput: "npz") == nil && registry.codec(forOutput: "m.unknown") == nil)
    }

    @Test("a file is recognised by its content: its own codec is surest, under any name and alone", arguments: Format.all)
    func recognised(format: Format) throws {
        for file in try format.files() {
            for name in ["model", "model.txt", "model.onnx", "model.npz", "model.h5"] {
                let input = try CheckpointInput(MemorySource(file.bytes), name: name)
                #expect(try registry.recognise(input).name == format.codec.name, "\(file.name) as \(name)")
                let (codec, checkpoint) = try registry.open(input)
                #expect(codec.name == format.codec.name && !checkpoint.index.tensors.isEmpty)
            }
        }
    }

    @Test("the start of a file is never taken for something else", arguments: Format.all)
    func prefixes(format: Format) throws {
        for file in try format.files() {
            for count in [1, 4, 8, 9, 16, 100, 512, 1024, file.bytes.count / 2, file.bytes.count - 1] where count < file.bytes.count {
                let scores = try registry.detection(of: CheckpointInput(MemorySource(Array(file.bytes[..<count])))).filter { $0.confidence >= .strong }
                // An HDF5 file cut short no longer tells which of its family it was; nor does a zip.
                let family = ["hdf5", "keras-h5", "keras-weights"].contains(format.codec.name) ? ["hdf5", "keras-h5", "keras-weights"] : ["npz", "keras"].contains(format.codec.name) ? ["npz", "keras"] : [format.codec.name]
                #expect(scores.allSatisfy { family.contains($0.codec.name) }, "\(file.name), its first \(count) bytes: \(scores.map(\.codec.name))")
            }
        }
    }

    @Test("what no format claims, and a format that is not there, are refused with the formats that are")
    func refusals() throws {
        let junk = try CheckpointInput(MemorySource(Array("just a text\n".utf8)), name: "a.npz")
        let unknown = failure { () throws(CheckpointError) in _ = try registry.recognise(junk) }
        #expect(unknown?.code == .notRecognised && unknown?.message.contains("safetensors") == true && unknown?.place.file == "a.npz")
        let wrong = failure { () throws(CheckpointError) in _ = try registry.open(junk, as: "nonsense") }
        #expect(wrong?.code == .unsupported && wrong?.message.contains("mlpb") == true)
        let forced = failure { () throws(CheckpointError) in _ = try registry.open(junk, as: "safetensors") }
        #expect(forced?.place.format == "safetensors" && forced?.place.file == "a.npz")
    }

    private func text(_ path: String) throws -> String { try String(contentsOfFile: "\(Fixtures.root)/\(path)", encoding: .utf8) }
}
