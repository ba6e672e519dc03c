import ByteIO
import Checkpoints
import Tensors
import TestSupport
import Testing
import Zip

@testable import NPZ

@Suite("Damage is seen, and never crashes") struct DamageTests {
    static func small(_ compression: WriteOptions.Compression) throws -> (bytes: [UInt8], source: MemoryCheckpoint) {
        let zeros = try TensorInfo(name: "z", dtype: .int16, sizes: [40])
        let source = try MemoryCheckpoint(
            [.sample("w", .float32, [4, 3]), .sample("b", .bfloat16, [5]), MemoryTensor(zeros, [UInt8](repeating: 0, count: 80))],
            metadata: Metadata([("mlpconv.network", "{\"input\":4}")]))
        return (try written(source, as: NPZCodec(), options: RoundTripTests.options(compression, nil)), source)
    }

    // NPZ-2, NPZ-4
    @Test("every truncation is an error", arguments: WriteOptions.Compression.allCases)
    func truncation(compression: WriteOptions.Compression) throws {
        let bytes = try Self.small(compression).bytes
        for count in 0..<bytes.count {
            #expect(throws: CheckpointError.self, "\(count) of \(bytes.count) bytes were read") {
                _ = try fullContents(NPZCodec().open(Array(bytes[..<count])))
            }
        }
    }

    // NPZ-28
    @Test("no flipped bit changes a value, a shape, a name or a text in silence", arguments: WriteOptions.Compression.allCases)
    func bitFlips(compression: WriteOptions.Compression) throws {
        let (bytes, _) = try Self.small(compression)
        let original = try NPZCodec().open(bytes)
        let (tensors, data) = try fullContents(original)
        var silent = 0, wrong: [Int] = []
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << (bit % 8)
            guard let read = try? NPZCodec().open(damaged), let found = try? fullContents(read) else { continue }
            silent += 1
            // What a flip may touch in silence is what no reader uses: dates, versions, attributes, padding.
            if found.tensors != tensors || found.bytes != data || read.index.metadata != original.index.metadata { wrong.append(bit) }
        }
        // The comment's own key has no checksum: a flip there leaves the texts as they are and shows as one more key.
        let comment = bytes.count - (NPZMetadata.encoded(original.index.sidecar(dtypesWhere: NPYElement.cannotName))?.count ?? 0)
        let unexplained = wrong.filter { !(comment..<comment + 18).contains($0 / 8) }
        #expect(unexplained.isEmpty, "bits \(unexplained.prefix(8)) of \(bytes.count * 8)")
        print("npz, \(compression.rawValue): of \(bytes.count * 8) flipped bits, \(silent) are not seen, of which \(wrong.count) add a metadata key")
    }

    @Test("mutants of real archives are read or refused, never a trap", arguments: ["npz/stored", "npz/deflate", "npz/zip64_eocd", "npz/dd_sig", "npz/weird_arrays", "npz/names", "npy/v1", "npy/fortran3d"])
    func mutants(name: String) throws {
        let bytes = try Fixtures.bytes("bad-input/\(name).\(name.prefix(3))")
        let codec: any CheckpointCodec = name.hasPrefix("npy") ? NPYCodec() : NPZCodec()
        var random = SplitMix64(seed: 11)
        for _ in 0..<500 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<damaged.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: damaged[at] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
                case 1: damaged[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: damaged.remove(at: at)
                default: damaged.insert(UInt8.random(in: 0...255, using: &random), at: at)
                }
            }
            guard let found = try? fullContents(codec.open(damaged)) else { continue }
            #expect(found.bytes.map(\.count) == found.tensors.map(\.byteCount))
        }
    }

    // NPZ-5, NPZ-6
    @Test("an array of another writer in every order, version and spelling is one tensor", arguments: [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}",
        " { 'shape' : ( 2L , 3L , ) , 'descr' : u'=f4' , 'fortran_order' : False , } ", "{'descr': 'f4', 'fortran_order': False, 'shape': ((2), 3)}",
    ])
    func spellings(text: String) throws {
        for version in UInt8(1)...3 {
            let data = (0..<24).map { UInt8($0) }
            let read = try NPYCodec().open(Self.array(text, version: version, data))
            #expect(try read.index.tensors == [TensorInfo(name: "", dtype: .float32, sizes: [2, 3])])
            #expect(try read.array(ofTensorAt: 0) == data)
        }
    }

    static func array(_ text: String, version: UInt8 = 1, end: String = "\n", _ data: [UInt8]) -> [UInt8] {
        let text = Array((text + end).utf8)
        var bytes: [UInt8] = NPYHeader.magic + [version, 0]
        if version == 1 { bytes.append(littleEndian: UInt16(text.count)) } else { bytes.append(littleEndian: UInt32(text.count)) }
        return bytes + text + data
    }

    // NPZ-5, NPZ-7, NPZ-8, NPZ-9
    @Test("a header that is wrong is malformed where it is wrong", arguments: [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}", "key"), ("{'descr': '<f4', 'fortran_order': False}", "lacks shape"),
        ("{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}", "neither True nor False"), ("{'descr': '<f4', 'fortran_order': False, 'shape': 6}", "no tuple"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'shape': (2, 3)}", "twice"), ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3)}", "-3"),
        ("{'descr': '<f5', 'fortran_order': False, 'shape': (2, 3)}", "<f5"), ("{'descr': __import__('os'), 'fortran_order': False, 'shape': (2, 3)}", "no literal"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}", "comma"), ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} ()", "follows"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4)}", "needs 32 bytes, 24 are left"), ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)}", "follow the data"),
        (String(repeating: "[", count: 5000), "nested"), ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3", "ends early"), ("", "no dictionary"),
    ])
    func wrongHeaders(text: String, why: String) throws {
        do throws(CheckpointError) {
            _ = try NPYCodec().open(Self.array(text, [UInt8](repeating: 1, count: 24)))
            Issue.record("it was read")
        } catch {
            #expect(error.code == .malformed)
            #expect(error.message.contains(why), "\(error.message)")
            #expect(error.place.offset != nil)
        }
    }

    // NPZ-6
    @Test("line ends that were translated are seen")
    func translated() throws {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
        let good = Self.array(text, [UInt8](repeating: 10, count: 24))
        let damaged = good.flatMap { $0 == 10 ? [13, 10] : [$0] }
        #expect(throws: CheckpointError.self) { try NPYCodec().open(damaged) }
    }

    // NPZ-13, NPZ-14
    @Test("two members with one name for numpy are refused; two normal forms of a name are two tensors")
    func names() throws {
        func open(_ names: [String]) throws -> [String] {
            try NPZCodec().open(writtenBytes { output in
                let writer = ZipWriter(output)
                for name in names { try writer.add(name, Self.array("{'descr': '<i2', 'fortran_order': False, 'shape': (1,), }", [1, 2])) }
                try writer.finish()
            }).index.tensors.map(\.name)
        }
        #expect(throws: CheckpointError.self) { try open(["w", "w.npy"]) }
        #expect(throws: CheckpointError.self) { try open(["w.npy.npy", "w.npy"]) }
        #expect(try open(["e\u{301}.npy", "é.npy"]).map { Array($0.utf8) } == ["e\u{301}", "é"].map { Array($0.utf8) })
    }

    // NPZ-1, NPZ-11, NPZ-12
    @Test("types that are no tensor are listed with a reason, and the rest is read")
    func unsupported() throws {
        let codes = ["'|S5'", "'<U4'", "'<M8[ns]'", "'<m8[D]'", "'|O'", "'<f16'", "'|V16'", "'|V1'", "'<f1'", "[('a', '<f4'), ('b', '|O')]", "[('a', '<f4')]", "('<f4', (2,))"]
        let read = try NPZCodec().open(writtenBytes { output in
            let writer = ZipWriter(output)
            for (index, code) in codes.enumerated() {
                try writer.add("odd\(index).npy", Self.array("{'descr': \(code), 'fortran_order': False, 'shape': (1,), }", [1, 2, 3]))
            }
            try writer.add("README", [1, 2])
            try writer.add("dir/", [])
            try writer.add("good.npy", Self.array("{'descr': '<i2', 'fortran_order': False, 'shape': (1,), }", [1, 2]))
            try writer.finish()
        })
        #expect(try fullContents(read).bytes == [[1, 2]])
        #expect(read.index.unsupported.count == codes.count + 2)
        for position in [4, 9] { #expect(read.index.unsupported[position].reason.contains("never unpickled")) }
        for code in codes.prefix(5) {
            do throws(CheckpointError) {
                _ = try NPYCodec().open(Self.array("{'descr': \(code), 'fortran_order': False, 'shape': (1,), }", [1, 2, 3]))
                Issue.record("\(code) was read")
            } catch { #expect(error.code == .unsupported) }
        }
    }
}
