import Checkpoints
import Checksums
import StrictJSON
import Zip

/// Text metadata in an archive that numpy reads: a JSON object of strings in the zip comment, where numpy sees nothing of it; what is too
/// long for that is a member, which numpy lists as raw bytes (NPZ-24, NPZ-25).
enum NPZMetadata {
    /// The member for metadata that do not fit the comment.
    static let memberName = "mlpconv.json"
    /// The key for a comment that is not ours.
    static let commentKey = "zip.comment"
    /// The comment's first key: the CRC-32 of all that follows its value, because a zip has no checksum over its comment.
    private static let checkKey = "mlpconv.crc32"
    private static let checkStart = Array("{\"\(checkKey)\":\"".utf8)
    private static let checkEnd = UInt8(ascii: "\"")

    /// The object's text with its checksum; nil for no metadata.
    static func encoded(_ metadata: Metadata) -> [UInt8]? {
        guard !metadata.isEmpty else { return nil }
        let object = JSONValue.object(metadata.entries.map { .init($0.key, .string($0.text)) }).text()
        let rest = Array("\",".utf8) + Array(object.utf8).dropFirst()
        return checkStart + hex(CRC32.of(rest)) + rest
    }

    /// The metadata of a comment. Throws `malformed` when the checksum in it does not fit, or when what can only be ours is damaged (NPZ-26).
    static func decoded(comment: [UInt8]) throws(CheckpointError) -> Metadata {
        guard !comment.isEmpty else { return Metadata() }
        if let metadata = try decoded(json: comment) { return metadata }
        let text = String(validating: comment, as: UTF8.self) ?? CodePage437.decode(comment)
        guard !text.contains("\"mlpconv.") else {
            throw CheckpointError(.malformed, "the archive's comment holds metadata of ours that are damaged: it is no JSON object of texts; fetch the file again")
        }
        return Metadata([(commentKey, text)])
    }

    /// The metadata that `json` spells; nil when it is no JSON object of strings.
    static func decoded(json bytes: [UInt8]) throws(CheckpointError) -> Metadata? {
        let digits = checkStart.count..<checkStart.count + 8
        if bytes.starts(with: checkStart), bytes.count > digits.upperBound, bytes[digits.upperBound] == checkEnd {
            guard Array(bytes[digits]) == hex(CRC32.of(Array(bytes[digits.upperBound...]))) else {
                throw CheckpointError(.malformed, "the archive's metadata do not fit their CRC-32: they are damaged; fetch the file again")
            }
        }
        guard let members = (try? JSONReader.read(bytes))?.members else { return nil }
        var metadata = Metadata()
        for member in members where member.key != checkKey {
            guard let text = member.value.string else { return nil }
            metadata[member.key] = text
        }
        return metadata
    }

    private static func hex(_ value: UInt32) -> [UInt8] {
        let digits = String(value, radix: 16)
        return Array((String(repeating: "0", count: 8 - digits.count) + digits).utf8)
    }
}
