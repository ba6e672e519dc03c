import ByteIO
import Checkpoints
import StrictJSON
import Tensors

/// The text before the data: its length in eight bytes, and JSON that says where each tensor lies (Specs/Safetensors.md).
struct SafetensorsHeader: Sendable {
    struct Entry: Sendable {
        var name: String
        var dtype: SafetensorsDType
        var shape: Shape
        /// From the start of the data.
        var range: Range<Int>
    }

    /// In the order of the data; of empty tensors at one place, in the order of the header.
    var entries: [Entry]
    var metadata: Metadata
    /// Where the data begins in the file.
    var dataOffset: Int

    static let metadataKey = "__metadata__"
    /// What the reference implementation reads and writes at most.
    static let maxCount = 100_000_000

    /// The header's length, from the first bytes of a file of `count` bytes; throws when no header of that length can be there.
    static func length(_ head: [UInt8], fileCount: Int, limits: Limits) throws(CheckpointError) -> Int {
        guard head.count >= 8 else {
            throw CheckpointError(.malformed, "the file has \(fileCount) bytes; a safetensors file begins with 8 bytes that give its header's length: it is truncated", offset: 0)
        }
        let length = head.prefix(8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        let limit = min(maxCount, limits.headerBytes)
        guard length <= limit else {
            throw CheckpointError(.limit, "a header of \(length) bytes is over the limit of \(grouped(limit)): the first 8 bytes are damaged, or it is no safetensors file", offset: 0)
        }
        guard Int(length) <= fileCount - 8 else {
            throw CheckpointError(.malformed, "the header should have \(length) bytes, the file has \(grouped(fileCount - 8)) after its length: it is truncated; fetch it again", offset: 0)
        }
        guard length >= 2, head.count > 8, head[8] == UInt8(ascii: "{") else {
            throw CheckpointError(.malformed, "a header must begin with \"{\"" + (length < 2 ? "; its length is \(length)" : ""), offset: 8)
        }
        return Int(length)
    }

    /// The header's JSON, proved to be an object.
    static func text(_ input: CheckpointInput, limits: Limits) throws(CheckpointError) -> Text {
        // Asked anew each time: what detection read under the default limits may be over the user's.
        let length = try length(input.head, fileCount: input.source.count, limits: limits)
        return try input.shared(Text.self) { () throws(CheckpointError) in
            let bytes = try rising { () throws(IOError) in try input.source.bytes(at: 8, count: length) }
            do throws(JSONReader.Failure) {
                return Text(json: try JSONReader.read(bytes, maxDepth: limits.depth), length: length)
            } catch {
                throw CheckpointError(.malformed, "the header is not JSON: \(error.reason)", offset: 8 + error.offset)
            }
        }
    }

    struct Text: Sendable {
        var json: JSONValue
        var length: Int
    }

    /// Reads the entries and proves that they cover the data, all of it, once.
    init(_ text: Text, fileCount: Int, limits: Limits) throws(CheckpointError) {
        guard let members = text.json.members else { throw CheckpointError(.malformed, "the header is not a JSON object", offset: 8) }
        guard members.count <= limits.tensors else {
            throw CheckpointError(.limit, "\(grouped(members.count)) tensors are over the limit of \(grouped(limits.tensors))", offset: 8)
        }
        entries = []
        entries.reserveCapacity(members.count)
        metadata = Metadata()
        dataOffset = 8 + text.length
        for member in members {
            if member.key == Self.metadataKey {
                metadata = try Self.metadata(member.value)
            } else {
                do throws(CheckpointError) { entries.append(try Self.entry(member, limits)) } catch { throw error.at(tensor: member.key, offset: 8) }
            }
        }
        entries = entries.enumerated().sorted { ($0.1.range.lowerBound, $0.1.range.upperBound, $0.0) < ($1.1.range.lowerBound, $1.1.range.upperBound, $1.0) }.map(\.1)
        try checkCover(fileCount - dataOffset)
    }

    private static func metadata(_ value: JSONValue) throws(CheckpointError) -> Metadata {
        if value.isNull { return Metadata() }
        guard let members = value.members else { throw CheckpointError(.malformed, "\(metadataKey) is not a JSON object of texts", offset: 8) }
        var metadata = Metadata()
        for member in members {
            guard let text = member.value.string else {
                throw CheckpointError(.malformed, "\(metadataKey) may hold texts only; \(quoted(member.key)) is none", offset: 8)
            }
            metadata[member.key] = text
        }
        return metadata
    }

    private static func entry(_ member: JSONValue.Member, _ limits: Limits) throws(CheckpointError) -> Entry {
        guard member.key.utf8.count <= limits.nameBytes else {
            throw CheckpointError(.limit, "a name of \(member.key.utf8.count) bytes is over the limit of \(limits.nameBytes)")
        }
        guard let fields = member.value.members else { throw CheckpointError(.malformed, "its entry is not a JSON object") }
        if let other = fields.first(where: { !["dtype", "shape", "data_offsets"].contains($0.key) }) {
            throw CheckpointError(.malformed, "its entry has the unknown key \(quoted(other.key))")
        }
        guard let code = member.value["dtype"]?.string else { throw CheckpointError(.malformed, "its entry has no dtype, or one that is not a text") }
        guard let dtype = SafetensorsDType(rawValue: code) else {
            throw CheckpointError(.malformed, "the dtype \(quoted(code)) is not defined by safetensors")
        }
        let sizes = try integers(member.value["shape"], "shape")
        guard sizes.count <= limits.rank else { throw CheckpointError(.limit, "\(sizes.count) axes are over the limit of \(limits.rank)") }
        let shape: Shape
        do throws(TensorError) { shape = try Shape(sizes) } catch { throw CheckpointError(.malformed, error.description) }
        let offsets = try integers(member.value["data_offsets"], "data_offsets")
        guard offsets.count == 2, offsets[0] <= offsets[1] else {
            throw CheckpointError(.malformed, "data_offsets must be two numbers, begin and end; they are \(offsets)")
        }
        let (bits, overflow) = shape.elementCount.multipliedReportingOverflow(by: dtype.bits)
        guard !overflow, bits % 8 == 0 else {
            throw CheckpointError(.malformed, "shape \(shape) of \(code) \(overflow ? "has more than 2^63 bits" : "is \(bits) bits, which are no whole bytes")")
        }
        guard bits / 8 == offsets[1] - offsets[0] else {
            throw CheckpointError(.malformed, "shape \(shape) of \(code) needs \(grouped(bits / 8)) bytes, data_offsets \(offsets) give \(grouped(offsets[1] - offsets[0]))")
        }
        return Entry(name: member.key, dtype: dtype, shape: shape, range: offsets[0]..<offsets[1])
    }

    /// A list of integers spelled with digits alone: no sign, fraction or exponent.
    private static func integers(_ value: JSONValue?, _ key: String) throws(CheckpointError) -> [Int] {
        guard let items = value?.array else { throw CheckpointError(.malformed, "its entry has no \(key), or one that is not a list") }
        var out: [Int] = []
        for item in items {
            guard case .number(let digits) = item, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let number = Int(digits) else {
                throw CheckpointError(.malformed, "\(key) holds something that is not a whole number from 0 to 2^63 - 1")
            }
            out.append(number)
        }
        return out
    }

    /// Sorted by place, each tensor begins where the one before ends, the first at 0, and the last ends with the file.
    private func checkCover(_ count: Int) throws(CheckpointError) {
        var end = 0
        for entry in entries {
            let begin = entry.range.lowerBound
            guard begin == end else {
                let fault = begin > end ? "\(grouped(begin - end)) bytes before it belong to no tensor" : "it begins within another tensor"
                throw CheckpointError(.malformed, "its data begins at \(grouped(begin)), the data before ends at \(grouped(end)): \(fault)", tensor: entry.name, offset: dataOffset)
            }
            end = entry.range.upperBound
            guard end <= count else {
                throw CheckpointError(.malformed, "the data ends early: bytes \(grouped(begin)) to \(grouped(end)) are wanted, the file has \(grouped(count)); it is truncated, fetch it again", tensor: entry.name, offset: dataOffset)
            }
        }
        guard end == count else {
            throw CheckpointError(.malformed, "\(grouped(count - end)) bytes follow the last tensor: something was appended to the file", offset: dataOffset + end)
        }
    }
}
