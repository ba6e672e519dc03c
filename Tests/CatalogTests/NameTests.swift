import ByteIO
import Checkpoints
import Tensors
import TestSupport
import Testing

@Suite("Every format: names") struct NameTests {
    static let names = [
        "", "a", "a/b", "a/b/c/d/e/f/g/h", "/lead", "trail/", "a//b", "/", ".", "..", "a/../b", "./a", "a b", " a ", "é", "e\u{301}", "λ/β", "\u{1F600}", "\u{10FFFF}",
        "ａ", "İ", "tab\t", "line\nfeed", "cr\r", "nul\0byte", "\u{1b}[31mred", "\u{7f}", "\u{202E}txt", "back\\slash", "\"quoted\"", "'", "a@b", "a:0", "a.b", "10", "2", "-1",
        "__metadata__", "mlpconv", "mlpconv.json", "mlpconv.order", "x.npy", "x.npy.npy", ".npy", "_rels", "config.json", "model.weights.h5", "vars", "layer_names", "CON", "*?<>|",
        String(repeating: "n", count: 255), String(repeating: "n", count: 256), String(repeating: "long/", count: 100) + "end", String(repeating: "é", count: 1000),
    ]

    @Test("a name of any kind comes back byte for byte, or is objected to in words before anything is written", arguments: Format.writable)
    func anyName(format: Format) throws {
        let writer = try format.writer
        for name in Self.names {
            let tensor = try MemoryTensor.sample(name, .float32, [3])
            let bytes = try writtenOrRefused(MemoryCheckpoint([tensor]), as: writer)
            if let objection = writer.objection(to: tensor.info) {
                #expect(bytes == nil && !objection.isEmpty, "\(name.debugDescription) is objected to (\(objection)), and written")
            } else if let bytes {
                try expectContent(writer.open(bytes), [tensor], format, name.debugDescription)
            } else {
                Issue.record("\(name.debugDescription) is refused, and was not objected to")
            }
        }
    }

    @Test("names that differ only in their bytes, in an order that no sorting gives, stay apart and in order", arguments: Format.writable)
    func order(format: Format) throws {
        guard !format.holdsOneUnnamed else { return }
        let writer = try format.writer
        let names = ["z", "dense_10", "dense_2", "é", "e\u{301}", "A", "a", "dense_2x", "10", "9", "layer/10/w", "layer/9/w", "layer.w", "layer-w", "b/β/c", "b/α"]
        for names in [names, names.reversed(), names.sorted()] {
            let tensors = try names.enumerated().map { try MemoryTensor.sample($1, .float32, [$0 + 1], seed: UInt64($0)) }
            try expectContent(writer.open(written(MemoryCheckpoint(tensors), as: writer)), tensors, format)
        }
    }

    @Test("two tensors of one name, and a tensor that would be a folder of another, are kept whole or refused before anything is written", arguments: Format.writable)
    func collisions(format: Format) throws {
        let writer = try format.writer
        let twice = try [MemoryTensor.sample("w", .float32, [2]), .sample("w", .float32, [3])]
        #expect(try writtenOrRefused(MemoryCheckpoint(twice), as: writer) == nil)
        let typed = try [MemoryTensor.sample("w", .float32, [2]), .sample("w", .int64, [2])]
        #expect(try writtenOrRefused(MemoryCheckpoint(typed), as: writer) == nil)
        for names in [["a", "a/b"], ["a/b", "a"], ["x", "x.npy"], ["a/b/c", "a/b"], ["Name", "name"], ["é", "e\u{301}"]] {
            let tensors = try names.map { try MemoryTensor.sample($0, .float32, [2]) }
            guard let bytes = try writtenOrRefused(MemoryCheckpoint(tensors), as: writer) else { continue }
            try expectContent(writer.open(bytes), tensors, format, "\(names)")
        }
    }

    @Test("a checkpoint of no tensors and one of thousands come back", arguments: Format.writable)
    func counts(format: Format) throws {
        guard !format.holdsOneUnnamed else { return }
        let writer = try format.writer
        try expectContent(writer.open(written(MemoryCheckpoint([]), as: writer)), [], format)
        let many = try (0..<3000).map { try MemoryTensor.sample("block_\($0 / 10)/layer_\($0)/w", .uint8, [$0 % 5], seed: UInt64($0)) }
        try expectContent(writer.open(written(MemoryCheckpoint(many), as: writer)), many, format)
    }
}
