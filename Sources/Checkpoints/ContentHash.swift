internal import Crypto
public import ByteIO
import StrictJSON
public import Tensors

/// SHA-256 of what a checkpoint holds, not of how it is stored (CLI.md, `contentHash`).
public enum ContentHash {
    /// The hash of one tensor's packed, little-endian, row-major bytes, as 64 hex digits.
    public static func sha256(ofTensorAt position: Int, in checkpoint: any Checkpoint, through buffer: ChunkBuffer) throws(CheckpointError) -> String {
        var hash = SHA256()
        try checkpoint.forEachChunk(ofTensorAt: position, through: buffer) { (bytes) throws(CheckpointError) in
            unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
        }
        return hex(hash.finalize())
    }

    public static func sha256(_ bytes: [UInt8]) -> String { hex(SHA256.hash(data: bytes)) }

    /// The hash over the lines `name TAB dtype TAB [a,b] TAB sha256 LF`, names as JSON strings, sorted by UTF-8 bytes.
    public static func combined(_ tensors: [(info: TensorInfo, sha256: String)]) -> String {
        let lines = tensors.map { tensor in
            Array("\(JSONValue.quoted(tensor.info.name))\t\(tensor.info.dtype.rawValue)\t[\(tensor.info.shape.sizes.map(String.init).joined(separator: ","))]\t\(tensor.sha256)\n".utf8)
        }.sorted { $0.lexicographicallyPrecedes($1) }
        return sha256(Array(lines.joined()))
    }

    private static func hex(_ digest: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var out: [UInt8] = []
        for byte in digest {
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        }
        return String(decoding: out, as: UTF8.self)
    }
}
