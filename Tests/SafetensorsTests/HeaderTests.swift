import ByteIO
import Checkpoints
import Safetensors
import Tensors
import Testing
import TestSupport

/// What a header may say, beyond the fixtures.
@Suite struct HeaderTests {
    /// A file with the header `json` and `count` bytes of data.
    private func file(_ json: String, data count: Int) -> [UInt8] {
        var out: [UInt8] = []
        out.append(littleEndian: UInt64(json.utf8.count))
        return out + Array(json.utf8) + (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    }

    @Test("dtypes that are defined but not read here are listed with their name, and the rest is read")
    func unsupported() throws {
        let checkpoint = try SafetensorsCodec().open(file(
            #"{"a":{"dtype":"F4","shape":[2,4],"data_offsets":[0,4]},"b":{"dtype":"F8_E8M0","shape":[3],"data_offsets":[4,7]},"c":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[7,10]},"d":{"dtype":"F32","shape":[1],"data_offsets":[10,14]}}"#, data: 14))
        #expect(checkpoint.index.tensors.map(\.name) == ["d"])
        #expect(checkpoint.index.unsupported.map(\.name) == ["a", "b", "c"])
        #expect(checkpoint.index.unsupported[1].reason.contains("F8_E8M0"))
        #expect(try checkpoint.array(ofTensorAt: 0) == [10, 11, 12, 13])
    }

    @Test("a dtype that is not defined is malformed, and the error names it and the tensor")
    func undefined() throws {
        #expect { try SafetensorsCodec().open(file(#"{"a":{"dtype":"F128","shape":[1],"data_offsets":[0,16]}}"#, data: 16)) } throws: { error in
            guard let error = error as? CheckpointError else { return false }
            return error.code == .malformed && error.message.contains("F128") && error.place.tensor == "a"
        }
    }

    @Test("tensors come in the order of their data; empty ones where they stand")
    func order() throws {
        let checkpoint = try SafetensorsCodec().open(file(
            #"{"late":{"dtype":"U8","shape":[2],"data_offsets":[2,4]},"empty":{"dtype":"U8","shape":[0],"data_offsets":[2,2]},"early":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#, data: 4))
        #expect(checkpoint.index.tensors.map(\.name) == ["early", "empty", "late"])
    }

    @Test("two normal forms of a name are two tensors")
    func normalForms() throws {
        let checkpoint = try SafetensorsCodec().open(file(
            "{\"\u{E9}\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"e\u{301}\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", data: 2))
        #expect(checkpoint.index.tensors.count == 2)
    }

    @Test("metadata may be null or empty, and a truncated file is recognised weakly, so that its error says so")
    func edges() throws {
        for text in ["null", "{}"] { #expect(try SafetensorsCodec().open(file("{\"__metadata__\":\(text)}", data: 0)).index.metadata.isEmpty) }
        let whole = file(#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#, data: 4)
        for count in 0..<whole.count {
            let input = try CheckpointInput(MemorySource(Array(whole[..<count])))
            #expect(throws: CheckpointError.self) { try SafetensorsCodec().open(input, limits: .default) }
            if count > 8, count < whole.count - 4 { #expect(SafetensorsCodec().confidence(in: input) == .weak) }
        }
        #expect(SafetensorsCodec().confidence(in: try CheckpointInput(MemorySource(Array(#"{"a": {"b": 1}}"#.utf8)))) == .none)
    }

    @Test("limits hold: header, tensors, names, axes, bytes")
    func limits() throws {
        let whole = file(#"{"abc":{"dtype":"U8","shape":[1,1,1],"data_offsets":[0,1]},"d":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#, data: 2)
        let edits: [(inout Limits) -> Void] = [
            { $0.headerBytes = 50 }, { $0.tensors = 1 }, { $0.nameBytes = 2 }, { $0.rank = 2 }, { $0.tensorBytes = 0 }, { $0.totalBytes = 1 },
        ]
        for edit in edits {
            var limits = Limits.default
            edit(&limits)
            #expect { try SafetensorsCodec().open(whole, limits: limits) } throws: { ($0 as? CheckpointError)?.code == .limit }
        }
    }

    @Test("no mutation of a header is a trap: an error, or tensors within the file")
    func mutations() throws {
        let original = file(
            #"{"__metadata__":{"mlpconv.order":"[\"b\",\"a\"]","mlpconv.ties":"[[\"a\",\"b\"]]"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#, data: 16)
        var random = SplitMix64(seed: 7)
        let numbers = ["0", "-1", "1", "9223372036854775807", "9223372036854775808", "18446744073709551615", "4294967296", "1e3", "[", "]", "{", "}", "\"", "\\ud800", "\u{0}"]
        for _ in 0..<4000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1..<9, using: &random)))
                case 3: bytes.insert(contentsOf: numbers.randomElement(using: &random)?.utf8 ?? "".utf8, at: at)
                default: bytes.replaceSubrange(at..<min(bytes.count, at + 1), with: numbers.randomElement(using: &random)?.utf8 ?? "".utf8)
                }
                if bytes.isEmpty { bytes = [0] }
            }
            // Half of the time the length is made right again, so that the header itself is reached.
            if Bool.random(using: &random), bytes.count > 24 {
                bytes.replaceSubrange(0..<8, with: littleEndian(UInt64(bytes.count - 24)))
            }
            let input = try CheckpointInput(MemorySource(bytes))
            _ = SafetensorsCodec().confidence(in: input)
            if let checkpoint = try? SafetensorsCodec().open(input, limits: .default) {
                for position in checkpoint.index.tensors.indices {
                    #expect(try checkpoint.array(ofTensorAt: position).count == checkpoint.index.tensors[position].byteCount)
                }
            }
        }
    }

    private func littleEndian(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: value)
        return bytes
    }
}
