import Architecture
import ByteIO
import Checkpoints
@testable import Dialects
import Tensors
import TestSupport
import Testing

@Suite("A mapped checkpoint")
struct MappedCheckpointTests {
    private func sample() throws -> MemoryCheckpoint {
        MemoryCheckpoint([
            try .sample("a", .float32, [5, 3]), try .sample("b", .float64, [4], seed: 2), try .sample("c", .uint16, [2, 7], seed: 3),
            try .sample("empty", .float32, [0, 4]), try .sample("x", .complex128, [3, 2], seed: 4),
        ], metadata: Metadata([("k", "v")]))
    }

    private func transposed(_ bytes: [UInt8], _ rows: Int, _ columns: Int, _ size: Int) -> [UInt8] {
        var out: [UInt8] = []
        for column in 0..<columns {
            for row in 0..<rows {
                let start = (row * columns + column) * size
                out += bytes[start..<start + size]
            }
        }
        return out
    }

    @Test("what is not changed is drawn from where it lies, in any order and under any name")
    func renamed() throws {
        let base = try sample()
        let mapped = try MappedCheckpoint(base, [TensorAdaptation(source: 2, name: "second"), TensorAdaptation(source: 0, name: "first")])
        #expect(mapped.index.tensors.map(\.name) == ["second", "first"])
        #expect(try mapped.array(ofTensorAt: 0) == base.array(ofTensorAt: 2))
        #expect(mapped.index.metadata["k"] == "v")
    }

    @Test("a matrix is turned, whatever its element size and however it is read", arguments: [0, 2, 3, 4])
    func turned(source: Int) throws {
        let base = try sample(), old = base.index.tensors[source]
        let mapped = try MappedCheckpoint(base, [TensorAdaptation(source: source, name: "t", transposed: true)])
        #expect(mapped.index.tensors[0].shape.sizes == old.shape.sizes.reversed())
        let whole = transposed(try base.array(ofTensorAt: source), old.shape.sizes[0], old.shape.sizes[1], old.dtype.byteCount)
        #expect(try mapped.array(ofTensorAt: 0) == whole)
        // Any range, aligned to elements or not.
        let reader = try mapped.bytes(ofTensorAt: 0), buffer = try ChunkBuffer(count: 300)
        for start in stride(from: 0, to: whole.count, by: 5) {
            for count in [0, 1, 3, 8, 17] where start + count <= whole.count {
                try reader.read(at: start, count: count, into: buffer, at: 7)
                #expect(buffer.array(7..<7 + count) == Array(whole[start..<start + count]))
            }
        }
        #expect(throws: CheckpointError.self) { try reader.read(at: whole.count, count: 1, into: buffer, at: 0) }
    }

    @Test("a matrix too large to hold is turned in blocks of columns, and its checksum is checked first", arguments: [1, 40, 100, 1 << 20])
    func blocks(limit: Int) throws {
        let base = MemoryCheckpoint([try .sample("m", .float32, [9, 14])])
        let counting = CountingBytes(try base.bytes(ofTensorAt: 0))
        let reader = try TransposedBytes(of: counting, base.index.tensors[0], wholeLimit: limit)
        let buffer = try ChunkBuffer(count: 9 * 14 * 4)
        for start in stride(from: 0, to: buffer.count, by: 20) { try reader.read(at: start, count: min(20, buffer.count - start), into: buffer, at: start) }
        #expect(buffer.array() == transposed(try base.array(ofTensorAt: 0), 9, 14, 4))
        #expect(counting.reachedEnd)
    }

    @Test("float64 is cast to float16 once, turned, and the report counts each element once")
    func cast() throws {
        let values: [Double] = [1, 1e300, 0.1, -0.0, 65504, 2.5, .nan, 1.0 / 3]
        let bytes = values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt64($0))) } }
        let base = MemoryCheckpoint([MemoryTensor(try TensorInfo(name: "w", dtype: .float64, sizes: [2, 4]), bytes)])
        let mapped = try MappedCheckpoint(base, [TensorAdaptation(source: 0, name: "w", transposed: true, dtype: .float16)])
        #expect(mapped.castReport(ofTensorAt: 0) == nil)
        let halves = try mapped.array(ofTensorAt: 0)
        #expect(halves.count == 16 && mapped.index.tensors[0].dtype == .float16 && mapped.index.tensors[0].shape.sizes == [4, 2])
        func half(_ at: Int) -> UInt16 { UInt16(halves[at * 2]) | UInt16(halves[at * 2 + 1]) << 8 }
        #expect(half(0) == 0x3C00 && half(1) == 0x7BFF && half(2) == 0x7C00 && half(3) == 0x4100 && half(6) == 0x8000 && half(7) == 0x3555)
        let report = try #require(mapped.castReport(ofTensorAt: 0))
        #expect(report.overflowed == 1 && report.changed == 3)
        // In small odd pieces, twice over: the same bytes, the same report.
        let reader = try mapped.bytes(ofTensorAt: 0), buffer = try ChunkBuffer(count: 16)
        for _ in 0..<2 {
            for start in stride(from: 0, to: 16, by: 3) { try reader.read(at: start, count: min(3, 16 - start), into: buffer, at: start) }
            #expect(buffer.array() == halves)
        }
        #expect(mapped.castReport(ofTensorAt: 0) == report)
    }

    @Test("--read-as gives two bytes their meaning back, and no other size")
    func readAs() throws {
        let base = try sample()
        let mapped = try MappedCheckpoint(base, readAs: [ReadAsRule(names: Glob("c"), dtype: .int16), try #require(ReadAsRule(parsing: "[c-d]*=bfloat16"))])
        #expect(mapped.index.tensors.map(\.dtype) == [.float32, .float64, .bfloat16, .float32, .complex128])
        #expect(try mapped.array(ofTensorAt: 2) == base.array(ofTensorAt: 2))
        let error = #expect(throws: CheckpointError.self) { try MappedCheckpoint(base, readAs: [ReadAsRule(names: Glob("*"), dtype: .bfloat16)]) }
        #expect(error?.code == .mismatch && error?.place.tensor == "a")
        #expect(ReadAsRule(parsing: "a=b=float32")?.names.pattern == "a=b")
        #expect(ReadAsRule(parsing: "float32") == nil && ReadAsRule(parsing: "*=float128") == nil)
    }

    @Test("what cannot be done is refused before anything is read")
    func refused() throws {
        let base = MemoryCheckpoint([try .sample("v", .void16, [2, 2]), try .sample("r", .float32, [2, 2, 2]), try .sample("z", .complex64, [2])])
        func code(_ adaptations: TensorAdaptation...) -> CheckpointError.Code? {
            do throws(CheckpointError) { _ = try MappedCheckpoint(base, adaptations) } catch { return error.code }
            return nil
        }
        #expect(code(TensorAdaptation(source: 0, name: "v", dtype: .float32)) == .unsupported)
        #expect(code(TensorAdaptation(source: 0, name: "v", readAs: .bfloat16, dtype: .float32)) == nil)
        #expect(code(TensorAdaptation(source: 1, name: "r", transposed: true)) == .unsupported)
        #expect(code(TensorAdaptation(source: 2, name: "z", dtype: .float32)) == .unsupported)
        #expect(code(TensorAdaptation(source: 0, name: "same"), TensorAdaptation(source: 1, name: "same")) == .mismatch)
    }

    @Test("ties, slots and the network text follow the tensors to their new names")
    func followed() throws {
        let network = try NetworkDescription(parsing: "3-4!nobias:relu-3!nobias")
        let text = NetworkText(network: network, parameters: ParameterMap(entries: [
            .init(parameter: "L0.kernel", tensor: "a", transposed: true), .init(parameter: "L1.kernel", tensor: "b", transposed: true),
        ])).text
        let base = MemoryCheckpoint([try .sample("a", .float32, [4, 3]), try .sample("b", .float32, [3, 4]), try .sample("m", .float32, [4, 3]), try .sample("a2", .float32, [4, 3])],
                                    metadata: Metadata([(MetadataKey.network, text)]), ties: [[0, 3]],
                                    optimizer: OptimizerState(kind: "adam", slots: [.init(tensor: "m", slot: "m", parameter: "a")]))
        let found = Recognition(of: base.index, format: "mlpb")
        #expect(found.dialect == nil && found.bindings.map(\.transposed) == [true, true])
        let keras = try MappedCheckpoint(base, try found.adaptations(of: base.index, to: .keras))
        #expect(keras.index.tensors.map(\.name) == ["dense/kernel", "dense_1/kernel", "m", "a2"])
        #expect(keras.index.tensors.map(\.shape.sizes) == [[3, 4], [4, 3], [3, 4], [4, 3]])
        #expect(keras.index.optimizer?.slots == [.init(tensor: "m", slot: "m", parameter: "dense/kernel")])
        #expect(keras.index.ties.isEmpty)
        let again = Recognition(of: keras.index, format: "mlpb")
        #expect(again.network == network && again.bindings.map(\.transposed) == [false, false] && again.notes.isEmpty)
        let part = try MappedCheckpoint(base, [TensorAdaptation(source: 3, name: "x"), TensorAdaptation(source: 0, name: "y")])
        #expect(part.index.ties == [[0, 1]] && part.index.optimizer == nil)
    }

    @Test("a pattern matches whole names in bounded time", arguments: [
        ("*", "a/b", true), ("*", "", true), ("", "", true), ("", "a", false), ("dense*/kernel", "dense_1/kernel", true), ("dense?", "dense", false), ("*.weight", "a.weights", false),
        ("[a-c]x", "bx", true), ("[!a-c]x", "bx", false), ("[]]", "]", true), ("[x", "[x", true), ("a\\*", "a*", true), ("a\\*", "ab", false), ("**a**b*", "xxaxxbx", true), ("é?", "é1", true),
    ])
    func globs(pattern: String, name: String, fits: Bool) {
        #expect(Glob(pattern).matches(name) == fits)
    }

    @Test("a pattern of many stars does not explode")
    func stars() {
        #expect(!Glob(String(repeating: "a*", count: 200) + "b").matches(String(repeating: "a", count: 4000)))
    }

    @Test("a renaming replaces what the expression finds, groups by number")
    func renaming() throws {
        #expect(try RenameRule(parsing: "fc(\\d+)[.]weight=dense_$1/kernel").apply(to: "net.fc12.weight") == "net.dense_12/kernel")
        #expect(try RenameRule(parsing: "^model=").apply(to: "model.a") == ".a")
        #expect(try RenameRule(parsing: "a=$$0").apply(to: "aba") == "$0b$0")
        #expect(try RenameRule(parsing: "(x)|(y)=[$1$2]").apply(to: "xy") == "[x][y]")
        #expect(throws: CheckpointError.self) { try RenameRule(parsing: "abc") }
        #expect(throws: CheckpointError.self) { try RenameRule(parsing: "(=x") }
        #expect(throws: CheckpointError.self) { try RenameRule(parsing: "a=$1").apply(to: "a") }
    }
}

/// Tells whether a read went from the first byte to the last.
private final class CountingBytes: TensorBytes {
    private let base: any TensorBytes
    private var next = 0
    private(set) var reachedEnd = false
    var count: Int { base.count }
    var isSeekable: Bool { true }
    init(_ base: any TensorBytes) { self.base = base }
    func read(at offset: Int, count: Int, into buffer: ChunkBuffer, at position: Int) throws(CheckpointError) {
        try base.read(at: offset, count: count, into: buffer, at: position)
        next = offset == next || offset == 0 ? offset + count : 0
        reachedEnd = reachedEnd || next == self.count
    }
}
