import ByteIO
import Checkpoints
import Foundation
import ONNX
import Tensors
import TestSupport
import Testing

@Suite("where a model's data may lie")
struct ExternalTests {
    private func model(_ entries: [(String, String)]) -> [UInt8] { Proto.model(tensors: [Proto.tensor("w", 1, [2], Proto.external(entries))]) }

    @Test("data beside the model and in folders below is read, at its offset")
    func beside() throws {
        try withTemporaryFolder { folder in
            try FileManager.default.createDirectory(atPath: "\(folder)/sub", withIntermediateDirectories: true)
            let data: [UInt8] = [9, 9, 9, 9, 0, 0, 128, 63, 0, 0, 0, 64]
            for location in ["data.bin", "./data.bin", "sub/data.bin"] {
                try write(data, to: "\(folder)/\(location)")
                try write(model([("location", location), ("offset", "4"), ("length", "8")]), to: "\(folder)/m.onnx")
                let checkpoint = try ONNXCodec().open(CheckpointInput(path: "\(folder)/m.onnx"), limits: .default)
                #expect(try checkpoint.array(ofTensorAt: 0) == Array(data.dropFirst(4)))
            }
        }
    }

    @Test("links, the model itself, wrong lengths and data that ends early are refused")
    func refused() throws {
        try withTemporaryFolder { folder in
            try FileManager.default.createDirectory(atPath: "\(folder)/a", withIntermediateDirectories: true)
            try write([UInt8](repeating: 1, count: 64), to: "\(folder)/secret.bin")
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/a/link.bin", withDestinationPath: "../secret.bin")
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/a/up", withDestinationPath: "..")
            try write([UInt8](repeating: 1, count: 7), to: "\(folder)/a/short.bin")
            for entries in [
                [("location", "link.bin")], [("location", "up/secret.bin")], [("location", "../secret.bin")], [("location", "m.onnx")],
                [("location", "short.bin")], [("location", "short.bin"), ("offset", "18446744073709551615")], [("location", "short.bin"), ("length", "4")],
            ] {
                try write(model(entries), to: "\(folder)/a/m.onnx")
                #expect("\(entries)") { try ONNXCodec().open(CheckpointInput(path: "\(folder)/a/m.onnx"), limits: .default) } throws: { error in
                    (error as? CheckpointError)?.code == .malformed && (error as? CheckpointError)?.place.tensor == "w"
                }
            }
        }
        #expect { try opened(model([("location", "data.bin")])) } throws: { ($0 as? CheckpointError)?.code == .unsupported }
    }

    @Test("typed fields of every kind give the elements they stand for, and values beyond the type are refused")
    func typed() throws {
        func read(_ type: Int, _ sizes: [Int], _ fields: [UInt8]) throws -> (DType, [UInt8]) {
            let checkpoint = try opened(Proto.model(tensors: [Proto.tensor("t", type, sizes, fields)]))
            return (checkpoint.index.tensors[0].dtype, try checkpoint.array(ofTensorAt: 0))
        }
        #expect(try read(3, [3], Proto.int(5, -1) + Proto.bytes(5, Proto.varint(5) + Proto.varint(127))) == (.int8, [255, 5, 127]))
        #expect(try read(9, [2], Proto.bytes(5, [1, 0])) == (.bool, [1, 0]))
        #expect(try read(16, [1], Proto.int(5, 0x3F80)) == (.bfloat16, [0x80, 0x3F]))
        #expect(try read(7, [1], Proto.int(7, -2)) == (.int64, [254, 255, 255, 255, 255, 255, 255, 255]))
        #expect(try read(12, [1], Proto.int(11, 4_294_967_295)) == (.uint32, [255, 255, 255, 255]))
        #expect(try read(1, [2], Proto.float(4, 1) + Proto.bytes(4, [0, 0, 0, 64])) == (.float32, [0, 0, 128, 63, 0, 0, 0, 64]))
        #expect(throws: CheckpointError.self) { try read(3, [1], Proto.int(5, 128)) }
        #expect(throws: CheckpointError.self) { try read(9, [1], Proto.int(5, 2)) }
        #expect(throws: CheckpointError.self) { try read(7, [1], Proto.int(5, 1)) }
        #expect(throws: CheckpointError.self) { try read(1, [3], Proto.float(4, 1)) }
    }

    @Test("a model of any cut length, and one with any byte changed, is read or refused, never a crash")
    func mutants() throws {
        let whole = try Fixtures.bytes("parity/seed-4-8-3/model_torch.onnx")
        for length in whole.indices { #expect(throws: CheckpointError.self) { try opened(Array(whole.prefix(length))) } }
        for place in whole.indices {
            for value: UInt8 in [0, 0x7F, 0x80, 0xFF, whole[place] ^ 1] {
                var mutant = whole
                mutant[place] = value
                if let checkpoint = try? opened(mutant) { _ = try? fullContents(checkpoint) }
            }
        }
    }
}
