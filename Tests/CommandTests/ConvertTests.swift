import Checkpoints
import Foundation
import StrictJSON
import Tensors
import TestSupport
import Testing

@Suite("convert: what it does to files, and what it refuses") struct ConvertTests {
    static let keras = "parity/seed-4-8-3/keras3.keras"

    @Test("an output that exists stays as it is without --force, whatever it is; with --force it is replaced, also by itself")
    func overwriting() throws {
        try withTemporaryFolder { folder in
            try npz("\(folder)/a.npz", [floats("w", [1, 2])])
            try npz("\(folder)/b.npz", [floats("w", [3])])
            let old = try bytes("\(folder)/b.npz")
            let refused = try run(["convert", "a.npz", "b.npz"], 2, folder: folder)
            #expect(refused.code == "exists" && refused["error"]?["file"]?.string == "b.npz" && refused["error"]?["message"]?.string?.contains("--force") == true)
            #expect(try bytes("\(folder)/b.npz") == old)
            try FileManager.default.createDirectory(atPath: "\(folder)/d.npz", withIntermediateDirectories: false)
            #expect(try run(["convert", "a.npz", "d.npz"], 2, folder: folder).code == "exists")
            #expect(try run(["convert", "a.npz", "d.npz", "--force"], 2, folder: folder).code == "io")
            try run(["convert", "a.npz", "b.npz", "--force"], folder: folder)
            #expect(try bytes("\(folder)/b.npz") == bytes("\(folder)/a.npz"))
            try run(["convert", "a.npz", "a.npz", "--force", "--verify", "--compression", "deflate"], folder: folder)
            #expect(try run(["diff", "a.npz", "b.npz"], folder: folder)["same"]?.bool == true)
            // Through a link, the file that it points to is replaced; modes are kept.
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/link.npz", withDestinationPath: "b.npz")
            try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: "\(folder)/b.npz")
            try run(["convert", "a.npz", "link.npz", "--force"], folder: folder)
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/link.npz") == "b.npz")
            #expect(try FileManager.default.attributesOfItem(atPath: "\(folder)/b.npz")[.posixPermissions] as? Int == 0o640)
            #expect(try files(in: folder) == ["a.npz", "b.npz", "d.npz", "link.npz"])
        }
    }

    @Test("an output that cannot be written is an io error that names it, and the source is left alone", arguments: ["no-such-folder/x.npz", "/proc/x.npz", "a.npz/x.npz"])
    func unwritable(output: String) throws {
        try withTemporaryFolder { folder in
            try npz("\(folder)/a.npz", [floats("w", [1])])
            let error = try run(["convert", "a.npz", output], 2, folder: folder)
            #expect(error.code == "io" && error["error"]?["file"]?.string == output)
            #expect(try files(in: folder) == ["a.npz"])
        }
    }

    @Test("a source that is damaged leaves no output, and the old one as it was; the error names the source and its tensor")
    func damagedSource() throws {
        try withTemporaryFolder { folder in
            try npz("\(folder)/a.npz", [floats("first", [1, 2]), floats("second", (0..<1000).map(Float.init))])
            var damaged = try bytes("\(folder)/a.npz")
            let place = try #require(damaged.lastIndex(of: 0x44))
            damaged[place - 2000] ^= 1
            try write(damaged, to: "\(folder)/a.npz")
            try write(Array("old".utf8), to: "\(folder)/b.mlpb")
            for output in ["b.mlpb", "c.mlpb", "c.npz", "c.h5", "c.safetensors"] {
                let error = try run(["convert", "a.npz", output, "--force"], 2, folder: folder)
                #expect(error.code == "malformed" && error["error"]?["file"]?.string == "a.npz" && error["error"]?["tensor"]?.string == "second", "\(error.text())")
            }
            #expect(try files(in: folder) == ["a.npz", "b.mlpb"] && bytes("\(folder)/b.mlpb") == Array("old".utf8))
        }
    }

    @Test("--dry-run gives the same ledger and the same refusals, and writes nothing")
    func dryRun() throws {
        try withTemporaryFolder { folder in
            try npz("\(folder)/a.npz", [floats("w", [1, 2.0001]), floats("a/b", [1]), floats("a", [1])])
            let arguments = ["convert", "a.npz", "b.npz", "--dtype", "float16"]
            let dry = try run(arguments + ["--dry-run"], folder: folder)
            #expect(dry["verified"]?.isNull == true)
            #expect(try files(in: folder) == ["a.npz"])
            #expect(try run(arguments, folder: folder).text() == dry.text())
            try npz("\(folder)/big.npz", [floats("w", [1e6])])
            for refused in [["big.npz", "c.npz", "--dtype", "float16"], ["a.npz", "c.h5"], ["a.npz", "c.npy"], ["a.npz", "c.mlpb", "--compression", "deflate"], ["a.npz", "c.npz", "--rename", ".*=x"]] {
                let really = try run(["convert"] + refused, 2, folder: folder)
                let dry = try run(["convert"] + refused + ["--dry-run"], 2, folder: folder)
                #expect(dry.text() == really.text())
            }
            #expect(try files(in: folder) == ["a.npz", "b.npz", "big.npz"])
        }
    }

    @Test("- is stdin and stdout: the same bytes as through files, for formats that seek too; the report goes to stderr", arguments: ["npz", "hdf5", "safetensors", "mlpb"])
    func pipes(format: String) throws {
        try withTemporaryFolder { folder in
            let source = try Fixtures.path(Self.keras)
            try run(["convert", source, "file", "--to", format], folder: folder)
            let toPipe = try Command.mlpconv(["convert", "-", "-", "--to", format], input: bytes(source), folder: folder)
            #expect(toPipe.status == 0 && toPipe.errors.contains("lossless"))
            #expect(try toPipe.outputBytes == bytes("\(folder)/file"))
            let quiet = try Command.mlpconv(["convert", source, "-", "--to", format, "--quiet", "--verify"], folder: folder)
            #expect(try quiet.status == 0 && quiet.errors.isEmpty && quiet.outputBytes == bytes("\(folder)/file"))
            let listed = try run(["inspect", "-", "--hash"], input: toPipe.outputBytes)
            #expect(try listed["contentHash"]?.string == run(["inspect", source, "--hash"])["contentHash"]?.string)
            #expect(try Command.mlpconv(["convert", source, "-"]).status == 64)
            #expect(try run(["inspect", "-", "--max-bytes", "100"], 2, input: toPipe.outputBytes).code == "limit")
        }
    }

    @Test("--include, --exclude and --rename choose and name tensors; what is dropped stands in the ledger with its reason")
    func choosing() throws {
        try withTemporaryFolder { folder in
            try npz("\(folder)/a.npz", [floats("enc/w", [1]), floats("enc/b", [2]), floats("dec/w", [3]), floats("step", [4])])
            func names(_ options: [String]) throws -> [String] {
                let ledger = try run(["convert", "a.npz", "b.npz", "--force", "--verify"] + options, folder: folder)
                let kept = (ledger["tensors"]?.array ?? []).compactMap { $0["to"]?.string }
                for tensor in ledger["tensors"]?.array ?? [] where tensor["to"]?.isNull == true {
                    #expect(tensor["actions"]?.array?.compactMap(\.string) == ["dropped"] && tensor["reason"]?.string?.isEmpty == false)
                }
                #expect(ledger["tensors"]?.array?.count == 4)
                #expect((ledger["lossless"]?.bool == true) == (kept.count == 4))
                #expect(try run(["inspect", "b.npz"], folder: folder)["tensors"]?.array?.compactMap { $0["name"]?.string } == kept)
                return kept
            }
            #expect(try names([]) == ["enc/w", "enc/b", "dec/w", "step"])
            #expect(try names(["--include", "enc/*"]) == ["enc/w", "enc/b"])
            #expect(try names(["--include", "*/w", "--include", "step"]) == ["enc/w", "dec/w", "step"])
            #expect(try names(["--exclude", "*/w"]) == ["enc/b", "step"])
            #expect(try names(["--include", "enc/*", "--exclude", "*b"]) == ["enc/w"])
            #expect(try names(["--rename", "^enc/=encoder."]) == ["encoder.w", "encoder.b", "dec/w", "step"])
            #expect(try names(["--rename", "(\\w+)/(\\w+)=$2.$1", "--rename", "^w=kernel"]) == ["kernel.enc", "b.enc", "kernel.dec", "step"])
            #expect(try names(["--rename", "(.*)=net/$1"]) == ["net/enc/w", "net/enc/b", "net/dec/w", "net/step"])
            #expect(try run(["convert", "a.npz", "c.npz", "--rename", ".*=x"], 2, folder: folder).code == "mismatch")
            // Names that a format cannot hold are those that would be written.
            #expect(try run(["convert", "a.npz", "c.h5", "--rename", "step=."], 2, folder: folder).code == "lossRefused")
            try npz("\(folder)/odd.npz", [floats("a//b", [1])])
            #expect(try run(["convert", "odd.npz", "d.h5"], 2, folder: folder).code == "lossRefused")
            try run(["convert", "odd.npz", "d.h5", "--rename", "//=/"], folder: folder)
        }
    }

    @Test("--dtype casts floats only, says by how much, and consents to rounding but not to overflow")
    func casting() throws {
        try withTemporaryFolder { folder in
            try npz("\(folder)/a.npz", [floats("w", [1, 0.1, -3]), .sample("i", .int32, [4]), .sample("h", .float16, [4])])
            let ledger = try run(["convert", "a.npz", "b.npz", "--dtype", "float16", "--verify"], folder: folder)
            let cast = try #require(ledger.first("tensors", where: "from", is: "w"))
            #expect(cast["actions"]?.array?.compactMap(\.string) == ["cast"] && cast["overflowed"]?.int == 0)
            #expect(cast["dtype"]?["from"]?.string == "float32" && cast["dtype"]?["to"]?.string == "float16")
            let error = try #require(cast["maxCastError"]?.double)
            #expect(abs(error - abs(Double(Float(0.1)) - Double(0.0999755859375))) < 1e-12)
            #expect(ledger["lossless"]?.bool == false && ledger["verified"]?.bool == true)
            for name in ["i", "h"] { #expect(ledger.first("tensors", where: "from", is: name)?["actions"]?.array?.compactMap(\.string) == ["kept"]) }
            let wide = try run(["convert", "a.npz", "c.npz", "--dtype", "float64"], folder: folder)
            #expect(wide["lossless"]?.bool == true && wide.first("tensors", where: "from", is: "w")?["maxCastError"]?.double == 0)

            try npz("\(folder)/big.npz", [floats("w", [70_000, 1, 65_520])])
            let refused = try run(["convert", "big.npz", "d.npz", "--dtype", "float16"], 2, folder: folder)
            #expect(refused.code == "lossRefused" && refused["error"]?["tensor"]?.string == "w" && refused["error"]?["message"]?.string?.contains("2 of its values") == true)
            #expect(try !files(in: folder).contains("d.npz"))
            let toPipe = try Command.mlpconv(["convert", "big.npz", "-", "--to", "npz", "--dtype", "float16"], folder: folder)
            #expect(toPipe.status == 2 && toPipe.output.isEmpty)
            let allowed = try run(["convert", "big.npz", "d.npz", "--dtype", "float16", "--allow-loss"], folder: folder)
            #expect(allowed.first("tensors", where: "from", is: "w")?["overflowed"]?.int == 2 && allowed["lossless"]?.bool == false)
            try run(["convert", "big.npz", "e.npz", "--dtype", "bfloat16", "--verify"], folder: folder)
            #expect(try run(["inspect", "e.npz"], folder: folder).first("tensors", where: "name", is: "w")?["dtype"]?.string == "bfloat16")
        }
    }

    @Test("what is no tensor, metadata without a place and tensors that a format cannot hold are refused until the matching option consents")
    func losses() throws {
        try withTemporaryFolder { folder in
            let sklearn = try Fixtures.path("parity/seed-4-8-3/sklearn_mlp.npz")
            let refused = try run(["convert", sklearn, "a.mlpb"], 2, folder: folder)
            #expect(refused.code == "lossRefused" && refused["error"]?["message"]?.string?.contains("--drop unsupported") == true)
            #expect(try run(["convert", sklearn, "a.mlpb", "--drop", "metadata"], 2, folder: folder).code == "lossRefused")
            let dropped = try run(["convert", sklearn, "a.mlpb", "--drop", "unsupported", "--verify"], folder: folder)
            let lost = try #require(dropped.first("tensors", where: "from", is: "activation"))
            #expect(lost["to"]?.isNull == true && lost["actions"]?.array?.compactMap(\.string) == ["dropped"] && lost["reason"]?.string?.contains("text") == true)
            #expect(dropped["lossless"]?.bool == false)

            try npz("\(folder)/text.npz", [floats("w", [1])], metadata: Metadata([("note", "kept")]))
            #expect(try run(["convert", "text.npz", "b.npy"], 2, folder: folder).code == "lossRefused")
            let bare = try run(["convert", "text.npz", "b.npy", "--drop", "metadata", "--verify"], folder: folder)
            #expect(bare["metadata"]?["dropped"]?.array?.compactMap(\.string) == ["note"] && bare["lossless"]?.bool == false)
            #expect(bare.first("tensors", where: "from", is: "w")?["to"]?.string == "")
            #expect(try run(["convert", "text.npz", "c.npz", "--drop", "metadata"], folder: folder)["metadata"]?["kept"]?.array?.isEmpty == true)
            #expect(try run(["inspect", "c.npz"], folder: folder)["metadata"]?["note"] == nil)

            try npz("\(folder)/complex.npz", [.sample("c", .complex128, [2]), floats("w", [1])])
            #expect(try run(["convert", "complex.npz", "d.safetensors"], 2, folder: folder).code == "lossRefused")
            try run(["convert", "complex.npz", "d.safetensors", "--exclude", "c", "--verify"], folder: folder)
            let consented = try run(["convert", "complex.npz", "e.safetensors", "--allow-loss", "--verify"], folder: folder)
            #expect(consented.first("tensors", where: "from", is: "c")?["reason"]?.string?.contains("safetensors") == true)
        }
    }

    @Test("--drop optimizer leaves the parameters and nothing of the optimizer")
    func dropOptimizer() throws {
        try withTemporaryFolder { folder in
            let source = try Fixtures.path(Self.keras)
            let before = try run(["inspect", source])
            #expect(before["optimizer"]?["kind"]?.string == "adam")
            let ledger = try run(["convert", source, "a.npz", "--drop", "optimizer", "--verify"], folder: folder)
            #expect(ledger["lossless"]?.bool == false)
            let after = try run(["inspect", "a.npz"], folder: folder)
            #expect(after["optimizer"]?.isNull == true, "\(after["optimizer"]?.text() ?? "")")
            #expect(after["parameterCount"]?.int == before["parameterCount"]?.int && after["tensorCount"]?.int == 4)
        }
    }

    @Test("--to-dialect gives another framework's names and axes, both ways, and asks for a network where none is known")
    func dialects() throws {
        try withTemporaryFolder { folder in
            let source = try Fixtures.path(Self.keras)
            let ledger = try run(["convert", source, "torch.safetensors", "--to-dialect", "torch", "--verify"], folder: folder)
            #expect(ledger["output"]?["dialect"]?.string == "torch")
            let kernel = try #require(ledger.first("tensors", where: "from", is: "layers/dense/vars/0"))
            #expect(kernel["actions"]?.array?.compactMap(\.string) == ["renamed", "transposed"])
            #expect(kernel["shape"]?["from"]?.text() == "[4,8]" && kernel["shape"]?["to"]?.text() == "[8,4]")
            #expect(try run(["inspect", "torch.safetensors"], folder: folder)["dialect"]?.string == "torch")
            #expect(try run(["diff", source, "torch.safetensors"], folder: folder)["same"]?.bool == true)
            #expect(try run(["validate", source, "torch.safetensors"], folder: folder)["comparisons"]?.array?.first?["bitwise"]?.bool == true)
            for dialect in ["keras", "sklearn", "flax", "canonical"] {
                try run(["convert", "torch.safetensors", "\(dialect).npz", "--to-dialect", dialect, "--verify"], folder: folder)
                #expect(try run(["diff", source, "\(dialect).npz"], folder: folder)["same"]?.bool == true, "\(dialect)")
            }
            try npz("\(folder)/plain.npz", [floats("w", [1, 2])])
            let needed = try run(["convert", "plain.npz", "x.npz", "--to-dialect", "torch"], 2, folder: folder)
            #expect(["networkNeeded", "unsupported"].contains(needed.code ?? "") && needed["error"]?["file"]?.string == "plain.npz", "\(needed.text())")
        }
    }

    @Test("--read-as gives two bytes their meaning, and refuses a type of another size")
    func readAs() throws {
        try withTemporaryFolder { folder in
            try npz("\(folder)/a.npz", [.sample("w", .void16, [4]), .sample("u", .uint16, [4]), floats("f", [1])])
            try run(["convert", "a.npz", "b.safetensors", "--read-as", "w=bfloat16", "--read-as", "u=float16", "--verify"], folder: folder)
            let read = try run(["inspect", "b.safetensors"], folder: folder)
            #expect(read.first("tensors", where: "name", is: "w")?["dtype"]?.string == "bfloat16")
            #expect(read.first("tensors", where: "name", is: "u")?["dtype"]?.string == "float16")
            #expect(try run(["convert", "a.npz", "c.npz", "--read-as", "f=bfloat16"], 2, folder: folder).code == "mismatch")
            #expect(try run(["convert", "a.npz", "c.npz", "--dtype", "float32", "--read-as", "w=bfloat16"], folder: folder).first("tensors", where: "from", is: "w")?["dtype"]?["to"]?.string == "float32")
        }
    }

    @Test("--compression and --level are smaller files of the same content; a format without compression says so")
    func compression() throws {
        try withTemporaryFolder { folder in
            try npz("\(folder)/a.npz", [floats("w", [Float](repeating: 1.5, count: 40_000))])
            for ending in ["npz", "h5"] {
                try run(["convert", "a.npz", "plain.\(ending)"], folder: folder)
                for level in ["0", "1", "9"] { try run(["convert", "a.npz", "z\(level).\(ending)", "--compression", "deflate", "--level", level, "--verify", "--threads", "2"], folder: folder) }
                #expect(try bytes("\(folder)/z9.\(ending)").count < bytes("\(folder)/plain.\(ending)").count / 10)
                #expect(try run(["inspect", "z9.\(ending)", "--hash"], folder: folder)["contentHash"]?.string == run(["inspect", "a.npz", "--hash"], folder: folder)["contentHash"]?.string)
            }
            for ending in ["mlpb", "safetensors", "npy"] { #expect(try run(["convert", "a.npz", "z.\(ending)", "--compression", "deflate"], 2, folder: folder).code == "unsupported") }
        }
    }

    @Test("a framework's own format asks for the network, and says what to pass", arguments: ["out.keras", "out.weights.h5"])
    func networkNeeded(output: String) throws {
        try withTemporaryFolder { folder in
            let error = try run(["convert", try Fixtures.path("parity/seed-4-8-3/model.npz"), output], 2, folder: folder)
            #expect(error.code == "networkNeeded" && error["error"]?["message"]?.string?.contains("--network") == true)
        }
    }

    @Test("an output whose format cannot be told, or is only read, is refused with the formats that are written", arguments: [("out", "notRecognised"), ("out.xyz", "notRecognised"), ("out.onnx", "unsupported")])
    func targets(output: String, code: String) throws {
        try withTemporaryFolder { folder in
            try npz("\(folder)/a.npz", [floats("w", [1])])
            let error = try run(["convert", "a.npz", output], 2, folder: folder)
            #expect(error.code == code && error["error"]?["file"]?.string == output && error["error"]?["message"]?.string?.contains("safetensors") == true)
        }
    }
}
