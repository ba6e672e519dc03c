public import Checkpoints
import StrictJSON
import Tensors

/// The corpus of hostile and odd files (`Fixtures/bad-input/manifest.json`): what each must give.
public enum BadInput {
    public struct Case: Sendable, CustomStringConvertible {
        /// The path under `bad-input/`.
        public let file: String
        public let why: String
        /// Whether any other outcome is a defect; else either is right, but no crash.
        public let isHard: Bool
        public let expectsError: Bool
        let listing: [Tensor]?
        let count: Int?
        let listingSHA256: String?

        public var description: String { file }
    }

    struct Tensor: Sendable {
        let name, dtype, sha256: String
        let sizes: [Int]
    }

    /// The manifest's cases of `format`, in its order. Throws when there are none.
    public static func cases(_ format: String) throws -> [Case] {
        let cases = try Fixtures.json("bad-input/manifest.json").array ?? []
        let chosen = cases.filter { $0["format"]?.string == format }.map { entry in
            Case(file: entry["file"]?.string ?? "", why: entry["why"]?.string ?? "", isHard: entry["level"]?.string == "hard",
                 expectsError: entry["expect"]?.string == "error",
                 listing: entry["tensors"]?.array?.map { tensor in
                     Tensor(name: tensor["name"]?.string ?? "", dtype: tensor["dtype"]?.string ?? "", sha256: tensor["sha256"]?.string ?? "",
                            sizes: tensor["shape"]?.array?.compactMap(\.int) ?? [])
                 }, count: entry["count"]?.int, listingSHA256: entry["listing_sha256"]?.string)
        }
        guard !chosen.isEmpty else { throw Fixtures.Missing(path: "bad-input/manifest.json: \(format)") }
        return chosen
    }

    /// A tensor as it was read, for comparison with what a case promises.
    public struct Found: Sendable {
        let name, dtype, sha256: String
        let sizes: [Int]

        public init(name: String, dtype: String, sizes: [Int], sha256: String) {
            self.name = name
            self.dtype = dtype
            self.sizes = sizes
            self.sha256 = sha256
        }
    }

    /// What went wrong with `checkpoint`, read to its last byte, against what the case promises; nil when names, dtypes, shapes and hashes are exact.
    public static func fault(in checkpoint: any Checkpoint, _ expected: Case) throws(CheckpointError) -> String? {
        let (tensors, bytes) = try fullContents(checkpoint)
        return fault(in: zip(tensors, bytes).map { Found(name: $0.name, dtype: $0.dtype.rawValue, sizes: $0.shape.sizes, sha256: ContentHash.sha256($1)) }, expected)
    }

    /// As above, of tensors with our names of dtypes.
    public static func fault(in tensors: [Found], _ expected: Case) -> String? {
        var found: [[UInt8]: String] = [:], lines: [[UInt8]] = []
        for tensor in tensors {
            let shape = "[" + tensor.sizes.map(String.init).joined(separator: ", ") + "]"
            let line = "\(safetensorsName(tensor.dtype))\t\(shape)\t\(tensor.sha256)"
            found[Array(tensor.name.utf8)] = line
            lines.append(Array("\(tensor.name)\t\(line)\n".utf8))
        }
        if let count = expected.count, tensors.count != count { return "\(tensors.count) tensors, not \(count)" }
        if let sum = expected.listingSHA256, ContentHash.sha256(Array(lines.sorted { $0.lexicographicallyPrecedes($1) }.joined())) != sum { return "the listing differs" }
        guard let listing = expected.listing else { return expected.listingSHA256 == nil ? "the case promises nothing" : nil }
        guard listing.count == tensors.count else { return "\(tensors.count) tensors, not \(listing.count)" }
        for tensor in listing {
            let line = "\(tensor.dtype)\t[\(tensor.sizes.map(String.init).joined(separator: ", "))]\t\(tensor.sha256)"
            guard found[Array(tensor.name.utf8)] == line else {
                return "\(tensor.name) is \(found[Array(tensor.name.utf8)] ?? "absent"), not \(line)"
            }
        }
        return nil
    }

    /// The manifest's name for a dtype.
    private static func safetensorsName(_ dtype: String) -> String {
        ["bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "uint32": "U32", "int32": "I32", "uint64": "U64", "int64": "I64",
         "float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64", "complex64": "C64", "complex128": "C128",
         "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2"][dtype] ?? dtype
    }
}
