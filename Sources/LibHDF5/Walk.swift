import CHDF5
import Checkpoints
import HDF5Container

/// Walks an open file's links, group by group, without recursion (HDF5-7).
///
/// Only hard links are followed, by the library; soft links are resolved here, over what was found; external and user-defined links
/// are listed and never followed. Each group is entered once, known by its address: cycles end, diamonds do not multiply.
struct Walk {
    let range: OpenRange
    let choice: HDF5AttributeChoice
    let limits: Limits

    private var description = HDF5Description()
    private var nodes: [Node] = []
    /// What stands at a path, by the path's bytes.
    private var tree: [[UInt8]: Place] = [[]: .group]
    private var groups: [UInt64: String] = [:]
    private var datasets: [UInt64: Int] = [:]
    private var objects = 0
    private var reader: DatasetReader

    /// Something in link order that is, or may turn out to be, a dataset.
    private enum Node {
        case dataset(HDF5Dataset)
        case soft(path: String, target: String)
    }

    private enum Place {
        case group, other
        case dataset(Int)
        case soft(String)
    }

    private struct Link {
        var name: String
        /// The name's bytes as C has them; the text above is only for people where they are no UTF-8.
        var raw: [CChar]
        var isText: Bool
        var kind: Int32
        var address: UInt64
        var valueSize: Int
    }

    private final class Frame {
        let group: Handle
        let path: String
        let links: [Link]
        var next = 0
        init(_ group: Handle, _ path: String, _ links: [Link]) {
            self.group = group
            self.path = path
            self.links = links
        }
    }

    init(_ range: OpenRange, attributes: HDF5AttributeChoice, limits: Limits) {
        self.range = range
        choice = attributes
        self.limits = limits
        reader = DatasetReader(range: range, attributes: AttributeReader(choice: attributes, limits: limits))
    }

    mutating func run(_ visiting: (String) -> Void) throws(CheckpointError) -> HDF5Description {
        var object = mlp_object_t()
        guard unsafe mlp_object_info(range.id, "/", &object) >= 0, object.type == 0 else {
            throw Library.failure(.malformed, "the root group cannot be read")
        }
        var stack = [try enter(range.id, Array("/".utf8CString), "", object)]
        while let frame = stack.last {
            guard frame.next < frame.links.count else {
                stack.removeLast()
                continue
            }
            let link = frame.links[frame.next]
            frame.next += 1
            let path = frame.path.isEmpty ? link.name : "\(frame.path)/\(link.name)"
            visiting(path)
            if let group = try follow(link, path, in: frame, depth: stack.count) { stack.append(group) }
        }
        finish()
        return description
    }

    /// Takes in what `link` leads to; a frame when that is a group not seen before.
    private mutating func follow(_ link: Link, _ path: String, in frame: Frame, depth: Int) throws(CheckpointError) -> Frame? {
        objects += 1
        guard objects <= limits.tensors else {
            throw CheckpointError(.limit, "the file has more than \(grouped(limits.tensors)) groups, datasets and links")
        }
        guard link.isText else {
            list(path, "its name is not UTF-8")
            return nil
        }
        guard path.utf8.count <= limits.nameBytes else {
            throw CheckpointError(.limit, "a path of \(path.utf8.count) bytes is over the limit of \(limits.nameBytes)", tensor: path)
        }
        switch link.kind {
        case 0: break
        case 1:
            let target = try softTarget(link, path, frame.group)
            tree[Array(path.utf8)] = .soft(target)
            nodes.append(.soft(path: path, target: target))
            return nil
        case 64:
            list(path, "an external link: it leads to another file, which is never opened")
            return nil
        default:
            list(path, "a user-defined link of kind \(link.kind)")
            return nil
        }
        if let known = groups[link.address] {
            list(path, "another link to the group \(quoted("/" + known)), whose contents are listed there")
            return nil
        }
        if let known = datasets[link.address], case .dataset(var dataset) = nodes[known] {
            dataset.path = path
            add(dataset)
            return nil
        }
        var object = mlp_object_t()
        guard unsafe mlp_object_info(frame.group.id, link.raw, &object) >= 0 else {
            throw Library.failure(.malformed, "the object at \(quoted(path)) cannot be read", path: path)
        }
        switch object.type {
        case 0:
            guard depth < limits.depth else {
                throw CheckpointError(.limit, "groups are nested deeper than \(limits.depth)", tensor: path)
            }
            return try enter(frame.group.id, link.raw, path, object, link.address)
        case 1:
            datasets[link.address] = nodes.count
            add(try reader.read(frame.group.id, link.raw, path: path, object: object))
        case 2: list(path, "a named type")
        default: list(path, "an object of kind \(object.type)")
        }
        return nil
    }

    private mutating func add(_ dataset: HDF5Dataset) {
        tree[Array(dataset.path.utf8)] = .dataset(nodes.count)
        nodes.append(.dataset(dataset))
    }

    private mutating func list(_ path: String, _ reason: String) {
        tree[Array(path.utf8)] = .other
        description.others.append(.init(path: path, reason: reason))
    }

    private mutating func enter(_ parent: hid_t, _ name: [CChar], _ path: String, _ object: mlp_object_t, _ address: UInt64? = nil) throws(CheckpointError) -> Frame {
        let group = try unsafe Handle(H5Gopen2(parent, name, mlp_p_default()), H5Gclose) {
            Library.failure(.malformed, "the group \(quoted("/" + path)) cannot be opened", path: path)
        }
        groups[address ?? object.address] = path
        groups[object.address] = path
        tree[Array(path.utf8)] = .group
        description.groups.append(HDF5Group(path: path, attributes: try reader.attributes.read(group.id, count: object.attributes, path: path)))
        return Frame(group, path, try links(of: group, path))
    }

    /// The group's links: in the order of creation where it is tracked, else of names.
    private func links(of group: Handle, _ path: String) throws(CheckpointError) -> [Link] {
        var flags: UInt32 = 0
        let properties = try Handle(H5Gget_create_plist(group.id), H5Pclose) {
            Library.failure(.malformed, "the group \(quoted("/" + path)) cannot be read", path: path)
        }
        guard unsafe H5Pget_link_creation_order(properties.id, &flags) >= 0 else {
            throw Library.failure(.malformed, "the group \(quoted("/" + path)) cannot be read", path: path)
        }
        let list = LinkList(limit: limits.tensors - objects)
        let status = unsafe mlp_iterate_links(group.id, flags & UInt32(H5P_CRT_ORDER_TRACKED) != 0 ? 1 : 0, { (context, name, link) in
            guard let context = unsafe context, let name = unsafe name, let link = unsafe link else { return -1 }
            let list = unsafe Unmanaged<LinkList>.fromOpaque(context).takeUnretainedValue()
            return unsafe list.add(name, link.pointee)
        }, Unmanaged.passUnretained(list).toOpaque())
        guard !list.isFull else {
            throw CheckpointError(.limit, "the group \(quoted("/" + path)) has more links than the file may have objects, \(grouped(limits.tensors))", tensor: path)
        }
        guard status >= 0 else {
            throw Library.failure(.malformed, "the links of the group \(quoted("/" + path)) cannot be read", path: path)
        }
        return list.links
    }

    private final class LinkList {
        var links: [Link] = []
        var isFull = false
        private let limit: Int
        init(limit: Int) { self.limit = limit }

        func add(_ name: UnsafePointer<CChar>, _ link: mlp_link_t) -> Int32 {
            guard links.count < limit else {
                isFull = true
                return -1
            }
            let raw = unsafe Array(UnsafeBufferPointer(start: name, count: strlen(name) + 1))
            let text = unsafe String(validatingCString: name)
            links.append(Link(name: unsafe text ?? String(cString: name), raw: raw, isText: text != nil, kind: link.type,
                              address: link.address, valueSize: Int(clamping: link.value_size)))
            return 0
        }
    }

    private func softTarget(_ link: Link, _ path: String, _ group: Handle) throws(CheckpointError) -> String {
        guard link.valueSize <= 1 << 16 else {
            throw CheckpointError(.limit, "a soft link's target has \(grouped(link.valueSize)) bytes", tensor: path)
        }
        var target = [CChar](repeating: 0, count: link.valueSize + 1)
        guard unsafe H5Lget_val(group.id, link.raw, &target, target.count, mlp_p_default()) >= 0 else {
            throw Library.failure(.malformed, "a soft link cannot be read", path: path)
        }
        return String(decoding: target.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Puts the datasets in order, soft links resolved to second names of what they lead to.
    private mutating func finish() {
        for node in nodes {
            switch node {
            case .dataset(let dataset): description.datasets.append(dataset)
            case .soft(let path, let target):
                switch resolve(target, from: path) {
                case .dataset(let index):
                    guard case .dataset(var dataset) = nodes[index] else { continue }
                    dataset.path = path
                    description.datasets.append(dataset)
                case .group: description.others.append(.init(path: path, reason: "a soft link to the group \(quoted(target)), whose contents are listed there"))
                default: description.others.append(.init(path: path, reason: "a soft link to \(quoted(target)), where nothing is that can be read"))
                }
            }
        }
    }

    /// What a soft link's target is: its path walked through the tree, other soft links on the way included, 16 at most as in HDF5.
    private func resolve(_ target: String, from link: String) -> Place {
        var at = target.hasPrefix("/") ? [] : parts(link).dropLast()
        var rest = parts(target)
        var hops = 0, steps = 0
        while let next = rest.first {
            rest.removeFirst()
            steps += 1
            guard steps <= 4096 else { return .other }
            at.append(next)
            switch tree[Array(at.joined(separator: [UInt8(ascii: "/")]))] {
            case .group: continue
            case .dataset(let index): return rest.isEmpty ? .dataset(index) : .other
            case .soft(let further):
                hops += 1
                guard hops <= 16 else { return .other }
                at.removeLast()
                if further.hasPrefix("/") { at = [] }
                rest = parts(further) + rest
            default: return .other
            }
        }
        return .group
    }

    private func parts(_ path: String) -> [[UInt8]] {
        path.utf8.split(separator: UInt8(ascii: "/")).map { Array($0) }.filter { $0 != [UInt8(ascii: ".")] }
    }
}
