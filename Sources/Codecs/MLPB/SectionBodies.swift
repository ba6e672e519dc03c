import ByteIO
import Checkpoints
import StrictJSON

/// Text metadata as bytes (MLPB-56): a count, then each key and text with its length before it, keys ascending by their bytes.
enum MetadataBody {
    static func encode(_ metadata: Metadata) throws(CheckpointError) -> [UInt8] {
        let sorted = metadata.entries.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        var out: [UInt8] = []
        try out.append(count: sorted.count, "metadata entries")
        for entry in sorted {
            for text in [entry.key, entry.text] {
                try out.append(count: text.utf8.count, "bytes of metadata")
                out += Array(text.utf8)
            }
        }
        return out
    }

    static func decode(_ cursor: inout ByteCursor) throws(CheckpointError) -> Metadata {
        let start = cursor.offset
        let entries = try cursor.parsed("metadata") { (cursor) throws(IOError) in
            let count = Int(try cursor.u32())
            guard count <= cursor.remaining / 8 else {
                throw IOError(operation: "read \(count) entries", offset: start, reason: "\(cursor.remaining) bytes are left")
            }
            var entries: [(String, String)] = []
            for _ in 0..<count { entries.append((try cursor.utf8(Int(try cursor.u32())), try cursor.utf8(Int(try cursor.u32())))) }
            return entries
        }
        for (a, b) in zip(entries, entries.dropFirst()) where !a.0.utf8.lexicographicallyPrecedes(b.0.utf8) {
            throw CheckpointError(.malformed, "the metadata keys \(quoted(a.0)) and \(quoted(b.0)) are not in ascending order", offset: start)
        }
        return Metadata(entries)
    }
}

/// Tied tensors as bytes (MLPB-58): a count, then each group: its count and its ordinals, ascending.
enum TiesBody {
    static func encode(_ ties: [[Int]]) throws(CheckpointError) -> [UInt8] {
        var out: [UInt8] = []
        try out.append(count: ties.count, "ties")
        for group in ties {
            try out.append(count: group.count, "tied tensors")
            for ordinal in group { try out.append(count: ordinal, "tensors") }
        }
        return out
    }

    static func decode(_ cursor: inout ByteCursor, tensors: Int) throws(CheckpointError) -> [[Int]] {
        let start = cursor.offset
        let ties = try cursor.parsed("ties section") { (cursor) throws(IOError) in
            let count = Int(try cursor.u32())
            guard count <= cursor.remaining / 12 else {
                throw IOError(operation: "read \(count) groups", offset: start, reason: "\(cursor.remaining) bytes are left")
            }
            var ties: [[Int]] = []
            for _ in 0..<count {
                let members = Int(try cursor.u32())
                guard members <= cursor.remaining / 4 else {
                    throw IOError(operation: "read \(members) ordinals", offset: cursor.offset, reason: "\(cursor.remaining) bytes are left")
                }
                var group: [Int] = []
                for _ in 0..<members { group.append(Int(try cursor.u32())) }
                ties.append(group)
            }
            return ties
        }
        for group in ties {
            guard isGroup(group, of: tensors) else {
                throw CheckpointError(.malformed, "a group of tied tensors must be two or more ordinals below \(tensors), ascending; it is \(group.prefix(8))", offset: start)
            }
        }
        return ties
    }

    static func isGroup(_ group: [Int], of tensors: Int) -> Bool {
        group.count >= 2 && group.allSatisfy { (0..<tensors).contains($0) } && zip(group, group.dropFirst()).allSatisfy { $0 < $1 }
    }
}

/// The optimizer's state as JSON (MLPB-57).
enum OptimizerBody {
    static func encode(_ state: OptimizerState) -> [UInt8] {
        Array(state.json.text().utf8)
    }

    static func decode(_ bytes: [UInt8], at offset: Int, limits: Limits) throws(CheckpointError) -> OptimizerState {
        let json: JSONValue
        do throws(JSONReader.Failure) { json = try JSONReader.read(bytes, maxDepth: limits.depth) } catch {
            throw CheckpointError(.malformed, "the optimizer section is not JSON: \(error)", offset: offset + error.offset)
        }
        guard let kind = text(json["kind"]), let step = step(json["step"]), let settings = json["settings"]?.members, let slots = json["slots"]?.array else {
            throw CheckpointError(.malformed, "the optimizer section must have kind, step, settings and slots", offset: offset)
        }
        var state = OptimizerState(kind: kind, step: step)
        for setting in settings {
            guard let value = setting.value.string else {
                throw CheckpointError(.malformed, "the optimizer's setting \(quoted(setting.key)) is not a text", offset: offset)
            }
            state.settings[setting.key] = value
        }
        for slot in slots {
            guard let tensor = slot["tensor"]?.string, let name = slot["slot"]?.string, let parameter = text(slot["parameter"]) else {
                throw CheckpointError(.malformed, "an optimizer's slot must have tensor, slot and parameter", offset: offset)
            }
            state.slots.append(.init(tensor: tensor, slot: name, parameter: parameter))
        }
        return state
    }

    /// A text or null; nil for anything else.
    private static func text(_ value: JSONValue?) -> String?? {
        guard let value else { return nil }
        return value.isNull ? .some(nil) : value.string.map { .some($0) }
    }

    /// An integer, beyond 2^53 as a string, or null; nil for anything else.
    private static func step(_ value: JSONValue?) -> Int?? {
        guard let value else { return nil }
        if value.isNull { return .some(nil) }
        return (value.int ?? value.string.flatMap { Int($0) }).map { .some($0) }
    }
}

extension Array where Element == UInt8 {
    /// Appends a count as u32; throws when it is larger.
    mutating func append(count: Int, _ what: String) throws(CheckpointError) {
        guard let count = UInt32(exactly: count) else { throw CheckpointError(.limit, "\(grouped(count)) \(what) are more than MLPB can count (2^32 - 1)") }
        append(littleEndian: count)
    }
}
