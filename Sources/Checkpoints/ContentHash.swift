internal import Crypto
public import ByteIO
import StrictJSON
public import Tensors

/// SHA-256 of what a checkpoint holds, not of how it is stored (CLI.md, `contentHash`).
public enum ContentHash {
    /// The hash of one tensor's packed, little-endian, row-major bytes, as 64 hex digits. Throws `malformed` when the file itself records
    /// another one.
    public static func sha256(ofTensorAt position: Int, in checkpoint: any Checkpoint, through buffer: ChunkBuffer) throws(CheckpointError) -> String {
        var hash = SHA256()
        try checkpoint.forEachChunk(ofTensorAt: position, through: buffer) { (bytes) throws(CheckpointError) in
            unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
        }
        let found = hex(hash.finalize())
        if let stored = checkpoint.storedSHA256(ofTensorAt: position), stored != found {
            throw CheckpointError(.malformed, "its bytes have the SHA-256 \(found), the file records \(stored): they were changed after the file was written", tensor: checkpoint.index.tensors[position].name)
        }
        return found
    }

    /// A SHA-256 in the making, for those who see the bytes as they pass.
    public struct Running {
        private var hash = SHA256()
        public init() {}
        public mutating func update(_ bytes: RawSpan) { unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) } }
        /// The 32 bytes of the hash of what was seen so far.
        public func digest() -> [UInt8] { Array(hash.finalize()) }
    }

    public static func sha256(_ bytes: [UInt8]) -> String { hex(SHA256.hash(data: bytes)) }

    /// The hash over the lines `name TAB dtype TAB [a,b] TAB sha256 LF`, names as JSON strings, sorted by UTF-8 bytes.
    public static func combined(_ tensors: [(info: TensorInfo, sha256: String)]) -> String {
        let lines = tensors.map { tensor in
            Array("\(JSONValue.quoted(tensor.info.name))\t\(tensor.info.dtype.rawValue)\t[\(tensor.info.shape.sizes.map(String.init).joined(separator: ","))]\t\(tensor.sha256)\n".utf8)
        }.sorted { $0.lexicographicallyPrecedes($1) }
        return sha256(Array(lines.joined()))
    }

    /// The bytes that pairs of hex digits spell; what is no hex digit counts as 0.
    public static func bytes(ofHex text: String) -> [UInt8] {
        let digits = text.utf8.map { UInt8(truncatingIfNeeded: Character(Unicode.Scalar($0)).hexDigitValue ?? 0) }
        return stride(from: 1, to: digits.count, by: 2).map { digits[$0 - 1] << 4 | digits[$0] }
    }

    /// Lower-case hex digits, two a byte.
    public static func hex(_ digest: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var out: [UInt8] = []
        for byte in digest {
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        }
        return String(decoding: out, as: UTF8.self)
    }
}
