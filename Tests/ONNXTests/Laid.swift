import Checkpoints
import ONNX
import ByteIO

/// Protobuf laid out by hand.
enum Proto {
    static func varint(_ value: UInt64) -> [UInt8] {
        var rest = value, bytes: [UInt8] = []
        repeat {
            bytes.append(UInt8(rest & 0x7F) | (rest > 0x7F ? 0x80 : 0))
            rest >>= 7
        } while rest > 0
        return bytes
    }

    static func int(_ field: Int, _ value: Int) -> [UInt8] { varint(UInt64(field) << 3) + varint(UInt64(bitPattern: Int64(value))) }
    static func bytes(_ field: Int, _ body: [UInt8]) -> [UInt8] { varint(UInt64(field) << 3 | 2) + varint(UInt64(body.count)) + body }
    static func text(_ field: Int, _ text: String) -> [UInt8] { bytes(field, Array(text.utf8)) }

    static func float(_ field: Int, _ value: Float) -> [UInt8] {
        var out = varint(UInt64(field) << 3 | 5)
        out.append(littleEndian: value.bitPattern)
        return out
    }

    static func tensor(_ name: String, _ type: Int, _ sizes: [Int], _ rest: [UInt8]) -> [UInt8] {
        sizes.flatMap { int(1, $0) } + int(2, type) + text(8, name) + rest
    }

    static func raw(_ values: [Float]) -> [UInt8] {
        var out: [UInt8] = []
        for value in values { out.append(littleEndian: value.bitPattern) }
        return bytes(9, out)
    }

    static func external(_ entries: [(String, String)]) -> [UInt8] { int(14, 1) + entries.flatMap { bytes(13, text(1, $0.0) + text(2, $0.1)) } }

    static func node(_ op: String, _ inputs: [String], _ outputs: [String], _ attributes: [[UInt8]] = []) -> [UInt8] {
        inputs.flatMap { text(1, $0) } + outputs.flatMap { text(2, $0) } + text(4, op) + attributes.flatMap { bytes(5, $0) }
    }

    static func port(_ name: String, _ sizes: [Int]) -> [UInt8] {
        text(1, name) + bytes(2, bytes(1, int(1, 1) + bytes(2, sizes.flatMap { bytes(1, $0 < 0 ? text(2, "batch") : int(1, $0)) })))
    }

    static func model(nodes: [[UInt8]] = [], tensors: [[UInt8]], input: [UInt8] = port("x", [-1, 3]), outputs: [String] = ["y"], opset: Int = 17) -> [UInt8] {
        let graph = nodes.flatMap { bytes(1, $0) } + text(2, "g") + tensors.flatMap { bytes(5, $0) } + bytes(11, input) + outputs.flatMap { bytes(12, text(1, $0)) }
        return int(1, 8) + bytes(7, graph) + bytes(8, int(2, opset))
    }
}

func opened(_ bytes: [UInt8], path: String? = nil, limits: Limits = .default) throws -> any Checkpoint {
    try ONNXCodec().open(CheckpointInput(MemorySource(bytes, path: path)), limits: limits)
}
