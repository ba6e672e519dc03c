import ByteIO
import Checkpoints
import Foundation
import NPZ
import StrictJSON
import Tensors
import TestSupport
import Testing

/// The keys of an error (CLI.md), and the format, which we add.
let errorKeys = ["code", "message", "file", "format", "tensor", "offset"]

func files(in folder: String) throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }

func bytes(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

/// Writes `tensors` to `path` as npz.
func npz(_ path: String, _ tensors: [MemoryTensor], metadata: Metadata = Metadata()) throws {
    try write(written(MemoryCheckpoint(tensors, metadata: metadata), as: NPZCodec()), to: path)
}

/// A tensor of these numbers.
func floats(_ name: String, _ values: [Float], _ sizes: [Int]? = nil) throws -> MemoryTensor {
    var bytes: [UInt8] = []
    for value in values { bytes.append(littleEndian: value.bitPattern) }
    return MemoryTensor(try TensorInfo(name: name, dtype: .float32, sizes: sizes ?? [values.count]), bytes)
}

/// The JSON that `arguments` print, whose run must end with `status`.
@discardableResult
func run(_ arguments: [String], _ status: Int32 = 0, folder: String? = nil, input: [UInt8] = []) throws -> JSONValue {
    let outcome = try Command.mlpconv(arguments + ["--json"], input: input, folder: folder)
    #expect(outcome.status == status && !outcome.signalled, "\(arguments): \(outcome.status), \(outcome.errors)")
    return try outcome.json
}

extension JSONValue {
    var keys: [String] { members?.map(\.key) ?? [] }

    /// The code of an error document.
    var code: String? { self["error"]?["code"]?.string }

    /// The member of `array` whose `key` is `text`.
    func first(_ array: String, where key: String, is text: String) -> JSONValue? { self[array]?.array?.first { $0[key]?.string == text } }
}
