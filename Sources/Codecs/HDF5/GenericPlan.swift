import Checkpoints
import HDF5Container
import StrictJSON
import Tensors

/// Names as paths (HDF5-24).
enum HDF5Names {
    static func objection(to name: String) -> String? {
        if name.isEmpty { return "a tensor without a name has no path" }
        if name.utf8.contains(0) { return "a name with a NUL" }
        if name.utf8.count > 16384 { return "a name of \(name.utf8.count) bytes" }
        for part in parts(name) {
            if part.isEmpty { return "a part of its name between slashes is empty" }
            if part == [0x2E] || part == [0x2E, 0x2E] { return "a part of its name is \(part.count == 1 ? "." : "..")" }
        }
        return nil
    }

    static func parts(_ name: String) -> [ArraySlice<UInt8>] {
        Array(name.utf8).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    }

    /// Whether the path `a` is listed before `b`: depth first, links of a group by their bytes, as HDF5 sorts them.
    static func isListed(_ a: [ArraySlice<UInt8>], before b: [ArraySlice<UInt8>]) -> Bool {
        for (x, y) in zip(a, b) where x != y { return x.lexicographicallyPrecedes(y) }
        return a.count < b.count
    }
}

/// HDF5-23. What a generic file of ours looks like: groups by the slashes of the names, metadata as attributes.
enum GenericPlan {
    static func make(for index: CheckpointIndex, options: WriteOptions) throws(CheckpointError) -> HDF5Plan {
        try checkPaths(index.tensors)
        var datasets = index.tensors.map { tensor in
            HDF5Plan.Dataset(path: tensor.name, dtype: tensor.dtype, shape: tensor.shape.sizes, storage: HDF5Writer.storage(for: tensor, options: options),
                             attributes: HDF5Plan.typeAttribute(for: tensor.dtype).map { [$0] } ?? [])
        }
        var metadata = index.sidecar()
        metadata[MetadataKey.order] = order(of: index.tensors).map { JSONValue.strings($0).text() }

        // An attribute of a nested object goes back to its object where that is there.
        var positions: [[UInt8]: Int] = [:], groups: [[UInt8]: HDF5Plan.Group] = [[]: .init(path: "")]
        for (position, tensor) in index.tensors.enumerated() {
            positions[Array(tensor.name.utf8)] = position
            let bytes = Array(tensor.name.utf8)
            for (end, byte) in bytes.enumerated() where byte == UInt8(ascii: "/") {
                let path = Array(bytes[..<end])
                groups[path] = .init(path: String(decoding: path, as: UTF8.self))
            }
        }
        for entry in metadata.entries {
            let (path, name) = owner(of: entry.key, positions, groups)
            // An attribute's message, its name included, has 64 KiB at most.
            guard !name.isEmpty, !name.utf8.contains(0), name.utf8.count <= 60_000 else {
                throw CheckpointError(.unsupported, "HDF5 has no attribute of the name \(quoted(String(name.prefix(100)))) (\(name.utf8.count) bytes); drop it with --drop metadata")
            }
            let attribute = HDF5Plan.Attribute(name, .text(entry.text))
            if let position = positions[path] { datasets[position].attributes.append(attribute) } else {
                groups[path, default: .init(path: "")].attributes.append(attribute)
            }
        }
        let ordered = groups.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value)
        return HDF5Plan(groups: ordered, datasets: datasets)
    }

    /// The path and the attribute's name for a metadata key: `<path>@<attribute>` where there is something at the path, else the root's.
    private static func owner(of key: String, _ datasets: [[UInt8]: Int], _ groups: [[UInt8]: HDF5Plan.Group]) -> (path: [UInt8], name: String) {
        let bytes = Array(key.utf8)
        for (position, byte) in bytes.enumerated() where byte == UInt8(ascii: "@") && position > 0 {
            let path = Array(bytes[..<position])
            guard datasets[path] != nil || groups[path] != nil else { continue }
            let name = String(decoding: bytes[(position + 1)...], as: UTF8.self)
            // `dtype` on a dataset is a part of its type.
            if name.isEmpty || (name == "dtype" && datasets[path] != nil) { continue }
            return (path, name)
        }
        return ([], key)
    }

    /// The names in the index's order, when reading the file back would give another one.
    private static func order(of tensors: [TensorInfo]) -> [String]? {
        let parts = tensors.map { HDF5Names.parts($0.name) }
        let isKept = zip(parts, parts.dropFirst()).allSatisfy { HDF5Names.isListed($0, before: $1) }
        return isKept ? nil : tensors.map(\.name)
    }

    /// Every name once, and none that is also a group on the way to another.
    private static func checkPaths(_ tensors: [TensorInfo]) throws(CheckpointError) {
        let names = Set(tensors.map { Array($0.name.utf8) })
        guard names.count == tensors.count else { throw CheckpointError(.unsupported, "two tensors have one name") }
        for tensor in tensors {
            let bytes = Array(tensor.name.utf8)
            for (end, byte) in bytes.enumerated() where byte == UInt8(ascii: "/") && names.contains(Array(bytes[..<end])) {
                let other = String(decoding: bytes[..<end], as: UTF8.self)
                throw CheckpointError(.unsupported, "HDF5 cannot hold it beside the tensor \(quoted(other)), which would have to be a group too; rename one with --rename", tensor: tensor.name)
            }
        }
    }
}
