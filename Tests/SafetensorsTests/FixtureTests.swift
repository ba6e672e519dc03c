import ByteIO
import Checkpoints
import Safetensors
import StrictJSON
import Tensors
import Testing
import TestSupport

/// Files that the real writers wrote, and files that are wrong on purpose.
@Suite struct FixtureTests {
    /// The parity fixtures of this format that are shipped: everything in index.json but other people's shards, which are a format of their own.
    private static func parityFiles() throws -> [JSONValue] {
        try #require(try Fixtures.json("parity/index.json")["files"]?.array).filter { file in
            guard let path = file["path"]?.string else { return false }
            return path.hasSuffix(".safetensors") && !path.contains("/sharded/")
        }
    }

    @Test("every parity file has the names, shapes, dtypes and hashes that its loader gave")
    func parity() throws {
        let files = try Self.parityFiles()
        #expect(files.count > 50)
        for file in files {
            let path = try #require(file["path"]?.string)
            let input = try CheckpointInput(path: Fixtures.path("parity/\(path)"))
            #expect(SafetensorsCodec().confidence(in: input) == .certain)
            try expect(SafetensorsCodec().open(input, limits: .default), toHave: #require(file["tensors"]?.array), path)
        }
    }

    @Test("every bad-input file behaves as the manifest says, hard and soft, but for names that are no paths here")
    func badInput() throws {
        let entries = try #require(try Fixtures.json("bad-input/manifest.json").array).filter { $0["format"]?.string == "safetensors" }
        #expect(entries.count == 71)
        for entry in entries {
            let file = try #require(entry["file"]?.string)
            let input = try CheckpointInput(path: Fixtures.path("bad-input/\(file)"))
            // Names are data: they become no path and no C string, so any UTF-8 will do (manifest: soft).
            let isName = ["nul_name", "name_dotdot"].contains(entry["case"]?.string)
            if entry["expect"]?.string == "ok" || isName {
                let checkpoint = try SafetensorsCodec().open(input, limits: .default)
                #expect(SafetensorsCodec().confidence(in: input) == .certain, "\(file)")
                if let tensors = entry["tensors"]?.array { try expect(checkpoint, toHave: tensors, file) }
                if let count = entry["count"]?.int {
                    #expect(checkpoint.index.tensors.count == count)
                    for sample in try #require(entry["tensors_sample"]?.array) { try expect(checkpoint, has: sample, file) }
                }
                try checkpoint.verifyRemainder()
            } else {
                #expect("\(file): \(entry["why"]?.string ?? "")") { try SafetensorsCodec().open(input, limits: .default) } throws: { error in
                    guard let error = error as? CheckpointError else { return false }
                    return [.malformed, .limit].contains(error.code) && (error.place.offset != nil || error.place.tensor != nil) && error.message.count > 20
                }
            }
        }
    }

    private func expect(_ checkpoint: any Checkpoint, toHave tensors: [JSONValue], _ file: String) throws {
        #expect(checkpoint.index.tensors.count == tensors.count, "\(file)")
        #expect(checkpoint.index.unsupported.isEmpty, "\(file)")
        for tensor in tensors { try expect(checkpoint, has: tensor, file) }
    }

    private func expect(_ checkpoint: any Checkpoint, has tensor: JSONValue, _ file: String) throws {
        let name = try #require(tensor["name"]?.string)
        let position = try #require(checkpoint.index.position(of: name), "\(file) has no \(name)")
        let info = checkpoint.index.tensors[position]
        let dtype = try #require(tensor["dtype"]?.string)
        #expect(info.dtype.rawValue == Self.dtypes[dtype] ?? dtype, "\(file): \(name)")
        #expect(info.shape.sizes == tensor["shape"]?.array?.compactMap(\.int), "\(file): \(name)")
        let buffer = try ChunkBuffer(count: 4096)
        #expect(try ContentHash.sha256(ofTensorAt: position, in: checkpoint, through: buffer) == tensor["sha256"]?.string, "\(file): \(name)")
    }

    /// The manifest has safetensors' own names.
    private static let dtypes = [
        "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32", "U64": "uint64", "I64": "int64",
        "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
    ]
}
