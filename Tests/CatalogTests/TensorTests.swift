import ByteIO
import Checkpoints
import Tensors
import TestSupport
import Testing

@Suite("Every format: types and shapes") struct TensorTests {
    static let shapes: [[Int]] = [
        [], [1], [0], [3, 0, 2], [0, 0], [7], [1, 1], [5, 3], [2, 3, 5], [3, 1, 2, 4], [2, 1, 3, 1, 2], [1, 1, 1, 1, 1, 1, 1, 2], [257], [63, 65], [70_001],
    ]

    @Test("every dtype in every shape comes back bit for bit, or is objected to before anything is written", arguments: Format.writable)
    func everything(format: Format) throws {
        let writer = try format.writer
        for compression in WriteOptions.Compression.allCases {
            var options = WriteOptions()
            options.compression = compression
            var held: [MemoryTensor] = []
            for (number, dtype) in DType.allCases.enumerated() {
                for (shape, sizes) in Self.shapes.enumerated() {
                    let tensor = try MemoryTensor.sample("\(dtype.rawValue)/\(shape)", dtype, sizes, seed: UInt64(100 * number + shape))
                    if writer.objection(to: tensor.info) == nil { held.append(tensor) } else {
                        #expect(try writtenOrRefused(MemoryCheckpoint([tensor]), as: writer) == nil, "\(tensor.info) is objected to, and written")
                    }
                }
            }
            // What no format may refuse: the types of every framework's weights.
            for dtype in [DType.float32, .float64, .float16, .int32, .int64, .uint8, .bool] { #expect(held.contains { $0.info.dtype == dtype }) }
            for tensors in groups(held, for: format) {
                guard let bytes = try writtenOrRefused(MemoryCheckpoint(tensors), as: writer, options: options) else { break }
                try expectContent(writer.open(bytes), tensors, format, compression.rawValue)
            }
        }
    }

    @Test("values that arithmetic would change keep their bits: NaN payloads, signed zeros, subnormals, infinities", arguments: Format.writable)
    func oddValues(format: Format) throws {
        let writer = try format.writer
        let singles: [UInt32] = [0x7FC0_0001, 0x7F80_0001, 0xFFFF_FFFF, 0x8000_0000, 0x0000_0001, 0x7F80_0000, 0xFF80_0000, 0x7F7F_FFFF]
        let doubles: [UInt64] = [0x7FF8_0000_0000_0001, 0x7FF0_0000_0000_0001, 0x8000_0000_0000_0000, 1, .max, 0x7FF0_0000_0000_0000]
        let tensors = try [
            MemoryTensor(TensorInfo(name: "f32", dtype: .float32, sizes: [8]), singles.flatMap(littleEndian)),
            MemoryTensor(TensorInfo(name: "f64", dtype: .float64, sizes: [6]), doubles.flatMap(littleEndian)),
            MemoryTensor(TensorInfo(name: "c64", dtype: .complex64, sizes: [4]), singles.flatMap(littleEndian)),
            MemoryTensor(TensorInfo(name: "f16", dtype: .float16, sizes: [65536]), (0...UInt16.max).flatMap(littleEndian)),
            MemoryTensor(TensorInfo(name: "bf16", dtype: .bfloat16, sizes: [256, 256]), (0...UInt16.max).flatMap(littleEndian)),
            MemoryTensor(TensorInfo(name: "e4m3", dtype: .float8_e4m3fn, sizes: [256]), Array(0...UInt8.max)),
            MemoryTensor(TensorInfo(name: "e5m2", dtype: .float8_e5m2, sizes: [256]), Array(0...UInt8.max)),
        ].filter { writer.objection(to: $0.info) == nil }
        for tensors in groups(tensors, for: format) {
            try expectContent(writer.open(written(MemoryCheckpoint(tensors), as: writer)), tensors, format)
        }
    }

    @Test("more axes than a format has are objected to, never flattened", arguments: Format.writable)
    func ranks(format: Format) throws {
        let writer = try format.writer
        for rank in [32, 33, 64, 65, 200, 255, 256, 1000] {
            let tensor = try MemoryTensor.sample("w", .int8, [Int](repeating: 1, count: rank))
            let bytes = try writtenOrRefused(MemoryCheckpoint([tensor]), as: writer)
            #expect((bytes == nil) == (writer.objection(to: tensor.info) != nil), "rank \(rank)")
            guard let bytes else { continue }
            var limits = Limits.default
            limits.rank = 1000
            try expectContent(writer.open(bytes, limits: limits), [tensor], format, "rank \(rank)")
        }
    }

    private func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: value)
        return bytes
    }
}
