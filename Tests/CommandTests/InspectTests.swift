import ByteIO
import Checkpoints
import Foundation
import StrictJSON
import Tensors
import TestSupport
import Testing

@Suite("inspect and formats") struct InspectTests {
    static let keys = ["file", "format", "dialect", "detection", "tensorCount", "parameterCount", "totalBytes", "metadata", "network", "networkReason", "optimizer", "tensors", "unsupported"]

    @Test("the JSON of a file has the keys of CLI.md, and numbers that are true", arguments: ["keras3.keras", "keras2.h5", "keras3.weights.h5", "model.npz", "model.safetensors", "generic.h5"])
    func document(file: String) throws {
        let report = try run(["inspect", Fixtures.path("parity/seed-4-8-3/\(file)")])
        #expect(report.keys == Self.keys)
        let tensors = report["tensors"]?.array ?? []
        #expect(report["tensorCount"]?.int == tensors.count && tensors.allSatisfy { $0.keys == ["name", "dtype", "shape", "bytes"] })
        #expect(report["totalBytes"]?.int == tensors.compactMap { $0["bytes"]?.int }.reduce(0, +))
        #expect(report["parameterCount"]?.int == 67)
        #expect(report["detection"]?.array?.allSatisfy { $0.keys == ["format", "confidence"] && ["none", "weak", "strong", "certain"].contains($0["confidence"]?.string ?? "") } == true)
        #expect(report.first("detection", where: "format", is: report["format"]?.string ?? "")?["confidence"]?.string != "none")
        #expect((report["network"]?.isNull == true) == (report["networkReason"]?.isNull == false))
        if report["network"]?.isNull == false { #expect(report["network"]?.keys.contains("layers") == true && report["network"]?["input"]?.int == 4) }
        if report["optimizer"]?.isNull == false { #expect(report["optimizer"]?.keys == ["kind", "step", "slots"]) }
    }

    @Test("--hash and --stats add their keys; values that JSON has no number for are strings")
    func values() throws {
        try withTemporaryFolder { folder in
            var big: [UInt8] = []
            for value: Int64 in [1 << 53, 1 << 53 + 1, -5] { big.append(littleEndian: value) }
            try npz("\(folder)/a.npz", [
                floats("w", [1, -3, 0, .nan, .infinity, -.infinity, Float(bitPattern: 1)]), floats("nothing", [], [0, 3]),
                MemoryTensor(TensorInfo(name: "big", dtype: .int64, sizes: [3]), big),
            ])
            let report = try run(["inspect", "a.npz", "--hash", "--stats"], folder: folder)
            #expect(report.keys == Self.keys + ["contentHash"] && report["contentHash"]?.string?.utf8.count == 64)
            let w = try #require(report.first("tensors", where: "name", is: "w")), stats = try #require(w["stats"])
            #expect(w.keys == ["name", "dtype", "shape", "bytes", "sha256", "stats"])
            #expect(stats.keys == ["min", "max", "mean", "std", "zeros", "nan", "inf", "subnormal"])
            #expect(stats["min"]?.double == -3 && stats["max"]?.double == 1 && stats["zeros"]?.int == 1 && stats["nan"]?.int == 1 && stats["inf"]?.int == 2 && stats["subnormal"]?.int == 1)
            #expect(report.first("tensors", where: "name", is: "nothing")?["stats"]?["min"]?.string == "NaN")
            let values = try run(["inspect", "a.npz", "--tensor", "w"], folder: folder)
            #expect(values["values"]?.array?[3].string == "NaN" && values["values"]?.array?[5].string == "-Infinity")
            let integers = try run(["inspect", "a.npz", "--tensor", "big"], folder: folder)
            #expect(integers["values"]?.text() == "[9007199254740992,\"9007199254740993\",-5]")
            #expect(try run(["inspect", "a.npz", "--tensor", "W"], 2, folder: folder).code == "mismatch")
        }
    }

    @Test("the content hash is of what a file holds, not of how: the same in every format, another for other names, types, shapes and bytes")
    func contentHash() throws {
        try withTemporaryFolder { folder in
            func hash(_ tensors: [MemoryTensor], _ name: String = "a") throws -> String {
                try npz("\(folder)/\(name).npz", tensors)
                return try run(["inspect", "\(name).npz", "--hash"], folder: folder)["contentHash"]?.string ?? ""
            }
            let base = try hash([floats("a", [1, 2]), floats("b", [3])])
            #expect(try hash([floats("b", [3]), floats("a", [1, 2])]) == base)
            let all = try [[floats("a", [1, 2]), floats("c", [3])], [floats("a", [1, 2], [1, 2]), floats("b", [3])], [floats("a", [1, 2.5]), floats("b", [3])], [floats("a", [1, 2])]].map { try hash($0) }
            #expect(Set(all + [base]).count == 5)
        }
    }

    @Test("of several files the good ones are reported, the bad ones as errors in their places, and the status is 2")
    func several() throws {
        try withTemporaryFolder { folder in
            try npz("\(folder)/a.npz", [floats("w", [1])])
            try write(Array("text".utf8), to: "\(folder)/b.npz")
            let report = try run(["inspect", "a.npz", "none.npz", "b.npz", "a.npz"], 2, folder: folder)
            let documents = report.array ?? []
            #expect(documents.count == 4)
            #expect(documents.map { $0.code } == [nil, "io", "notRecognised", nil])
            #expect(documents.allSatisfy { $0.keys == Self.keys || $0.keys == ["error"] && $0["error"]?.keys == errorKeys })
            #expect(try run(["inspect", "a.npz", "a.npz"], folder: folder).array?.count == 2)
        }
    }

    @Test("a file of nothing that we read is an error, beside something that we read it is listed")
    func unsupported() throws {
        let only = try run(["inspect", Fixtures.path("bad-input/npz/object.npz")], 2)
        #expect(only.code == "unsupported" && only["error"]?["message"]?.string?.contains("pickle") == true)
        let beside = try run(["inspect", Fixtures.path("parity/seed-4-8-3/sklearn_mlp.npz")])
        #expect(beside.first("unsupported", where: "name", is: "activation")?.keys == ["name", "reason"])
    }

    @Test("--from reads a file as what the user says; what it is not is refused in that format's words")
    func from() throws {
        let file = try Fixtures.path("parity/seed-4-8-3/keras3_legacy.h5")
        #expect(try run(["inspect", file])["format"]?.string == "keras-h5")
        #expect(try run(["inspect", file, "--from", "hdf5"])["format"]?.string == "hdf5")
        let error = try run(["inspect", file, "--from", "npz"], 2)
        #expect(error["error"]?["format"]?.string == "npz" && error["error"]?["file"]?.string == file)
    }

    @Test("each limit of the command line is honoured", arguments: [
        ["--max-bytes", "100"], ["--max-tensor-bytes", "100"], ["--max-header-bytes", "100"], ["--max-tensors", "2"], ["--max-name-bytes", "5"],
    ])
    func limits(option: [String]) throws {
        for file in ["keras3.keras", "keras2.h5", "model.npz", "model.safetensors"] {
            #expect(try run(["inspect", Fixtures.path("parity/seed-4-8-3/\(file)")] + option, 2).code == "limit", "\(file) \(option)")
        }
    }

    @Test("text output has no colour and no progress where it is no terminal, and says the same")
    func text() throws {
        let path = try Fixtures.path("parity/seed-4-8-3/keras3.keras")
        for options in [[], ["--tree"], ["--stats", "--hash"], ["--limit", "2"], ["--tensor", "layers/dense/vars/1"]] {
            let outcome = try Command.mlpconv(["inspect", path] + options)
            #expect(outcome.status == 0 && outcome.errors.isEmpty && !outcome.output.isEmpty && !outcome.output.contains("\u{1B}"))
        }
    }

    @Test("formats lists what is read and written, as folders of Sources/Codecs give it")
    func formats() throws {
        let list = try run(["formats"]).array ?? []
        #expect(list.allSatisfy { $0.keys == ["name", "extensions", "reads", "writes", "dialects"] })
        let names = list.compactMap { $0["name"]?.string }
        #expect(Set(names).count == names.count && Set(names).isSuperset(of: ["mlpb", "npz", "npy", "hdf5", "keras-h5", "keras-weights", "keras", "safetensors"]))
        for name in ["mlpb", "npz", "npy", "hdf5", "safetensors"] { #expect(list.first { $0["name"]?.string == name }?["writes"]?.bool == true) }
        #expect(list.allSatisfy { $0["reads"]?.bool == true && $0["dialects"]?.array?.isEmpty == false })
        let text = try Command.mlpconv(["formats"])
        #expect(text.status == 0 && names.allSatisfy { text.output.contains($0) })
    }
}
