import Checkpoints
import HDF5Container
import StrictJSON
import Tensors

/// What an HDF5 file of Keras is made of: the datasets under their paths, and the metadata as the attributes that they were read from (KERAS-70 to 73).
struct KerasPlan {
    private(set) var plan = HDF5Plan()
    /// What is no attribute of a group or a dataset: the root's, or an archive's.
    private(set) var rest: [Metadata.Entry] = []

    /// An attribute of up to 64 KiB lies beside its object; Keras cuts lists at this many bytes (KERAS-12).
    static let listLimit = 64_512
    private static let lists: Set<String> = ["layer_names", "weight_names"]
    /// What Keras says of groups, also of such as hold no tensor.
    private static let ofGroups: Set<String> = ["layer_names", "weight_names", "name", "backend", "keras_version"]

    /// Throws `unsupported` for names that are no paths, and for metadata that HDF5 cannot hold.
    init(_ index: CheckpointIndex, format: String, options: WriteOptions) throws(CheckpointError) {
        var datasets: [[UInt8]: Int] = [:], groups: [[UInt8]: [HDF5Plan.Attribute]] = [[]: []]
        for (position, tensor) in index.tensors.enumerated() {
            if let reason = Self.objection(to: tensor) { throw CheckpointError(.unsupported, "\(format) cannot hold it: \(reason)", tensor: tensor.name) }
            guard datasets.updateValue(position, forKey: Array(tensor.name.utf8)) == nil else {
                throw CheckpointError(.unsupported, "two tensors have this name", tensor: tensor.name)
            }
            plan.datasets.append(.init(
                path: tensor.name, dtype: tensor.dtype, shape: tensor.shape.sizes, storage: HDF5Writer.storage(for: tensor, options: options),
                attributes: HDF5Plan.typeAttribute(for: tensor.dtype).map { [$0] } ?? []))
        }
        for tensor in index.tensors {
            for path in Self.parents(of: tensor.name) {
                guard datasets[path] == nil else {
                    throw CheckpointError(.unsupported, "\(quoted(String(decoding: path, as: UTF8.self))) would have to be a dataset and a group", tensor: tensor.name)
                }
                groups[path, default: []] += []
            }
        }
        for entry in index.sidecar().entries {
            guard let (path, name) = Self.owner(of: entry.key, datasets, groups) else {
                rest.append(entry)
                continue
            }
            let attributes = try Self.attributes(name, entry.text)
            if let position = datasets[path] { plan.datasets[position].attributes += attributes } else {
                for parent in Self.parents(of: String(decoding: path, as: UTF8.self)) { groups[parent, default: []] += [] }
                groups[path, default: []] += attributes
            }
        }
        plan.groups = groups.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { HDF5Plan.Group(path: String(decoding: $0.key, as: UTF8.self), attributes: $0.value) }
    }

    /// The plan with what is left as attributes of the root.
    func withRoot() throws(CheckpointError) -> HDF5Plan {
        var whole = plan
        for entry in rest {
            guard !entry.key.isEmpty, !entry.key.utf8.contains(0) else {
                throw CheckpointError(.unsupported, "HDF5 has no attribute of the name \(quoted(entry.key)); drop it with --drop metadata")
            }
            whole.groups[0].attributes += try Self.attributes(entry.key, entry.text)
        }
        return whole
    }

    /// Why no file of Keras can hold `tensor`; nil when one can. A name's parts are links: none may be empty, `.` or `..`, or have a NUL.
    static func objection(to tensor: TensorInfo) -> String? {
        if tensor.shape.rank > 32 { return "it has \(tensor.shape.rank) axes, HDF5 has 32 at most" }
        if tensor.name.utf8.count > 16384 { return "a name of \(tensor.name.utf8.count) bytes" }
        return isPath(tensor.name) ? nil : "\(quoted(tensor.name)) is no path of an HDF5 file"
    }

    private static func isPath(_ name: String) -> Bool {
        !name.utf8.contains(0) && name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8)
        }
    }

    private static func parents(of name: String) -> [[UInt8]] {
        let bytes = Array(name.utf8)
        return bytes.indices.filter { bytes[$0] == UInt8(ascii: "/") }.map { Array(bytes[..<$0]) }
    }

    /// The object and the attribute that a key `<path>@<attribute>` names; nil when it is a key of the root's.
    private static func owner(of key: String, _ datasets: [[UInt8]: Int], _ groups: [[UInt8]: [HDF5Plan.Attribute]]) -> (path: [UInt8], name: String)? {
        let bytes = Array(key.utf8)
        for (position, byte) in bytes.enumerated() where byte == UInt8(ascii: "@") && position > 0 {
            let path = Array(bytes[..<position]), name = String(decoding: bytes[(position + 1)...], as: UTF8.self)
            // `dtype` on a dataset is a part of its type.
            guard !name.isEmpty, !name.utf8.contains(0), !(name == "dtype" && datasets[path] != nil) else { continue }
            if datasets[path] != nil || groups[path] != nil { return (path, name) }
            let text = String(decoding: path, as: UTF8.self)
            if ofGroups.contains(name), isPath(text), parents(of: text).allSatisfy({ datasets[$0] == nil }) { return (path, name) }
        }
        return nil
    }

    /// The attribute, or the pieces of a list that is too long for one.
    private static func attributes(_ name: String, _ text: String) throws(CheckpointError) -> [HDF5Plan.Attribute] {
        guard lists.contains(name), let items = (try? JSONReader.read(text))?.array, items.allSatisfy({ $0.string != nil }) else { return [.init(name, .text(text))] }
        // A list's texts are of one width.
        var pieces: [[String]] = [[]], width = 1
        for item in items.compactMap(\.string) {
            guard item.utf8.count <= listLimit, !item.utf8.contains(0) else {
                throw CheckpointError(.unsupported, "HDF5 has no room for a name of \(grouped(item.utf8.count)) bytes in the list \(name)")
            }
            let wider = max(width, item.utf8.count)
            if !pieces[pieces.count - 1].isEmpty, wider * (pieces[pieces.count - 1].count + 1) > listLimit {
                pieces.append([])
                width = max(item.utf8.count, 1)
            } else {
                width = wider
            }
            pieces[pieces.count - 1].append(item)
        }
        if pieces.count == 1 { return [.init(name, .texts(pieces[0]))] }
        return pieces.enumerated().map { .init("\(name)\($0)", .texts($1)) }
    }
}

extension CheckpointError {
    /// For what was not phrased as `format` before: the codec knows no networks.
    static func notPhrased(_ format: String, _ what: String) -> CheckpointError {
        CheckpointError(.networkNeeded, "\(format) holds networks in Keras' own names, and \(what); convert it with its network known (--network)")
    }
}
