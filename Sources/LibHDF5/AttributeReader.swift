import CHDF5
import Checkpoints
import HDF5Container
import Tensors

/// Reads attributes, one at a time, with a bound on what all of a file's may hold together.
struct AttributeReader {
    let choice: HDF5AttributeChoice
    let limits: Limits
    private var bytes = 0
    private var count = 0

    init(choice: HDF5AttributeChoice, limits: Limits) {
        self.choice = choice
        self.limits = limits
    }

    /// The chosen attributes of an object that has `count`, and `extra` where it is there.
    mutating func read(_ object: hid_t, count number: UInt64, path: String, extra: String? = nil) throws(CheckpointError) -> [HDF5Attribute] {
        guard number > 0 else { return [] }
        var names: [String] = []
        switch choice {
        case .all: names = try allNames(object, path)
        case .named(let wanted): names = wanted
        case .none: break
        }
        if let extra, choice != .all, !names.contains(extra) { names.append(extra) }
        var attributes: [HDF5Attribute] = []
        for name in names {
            if choice != .all {
                guard unsafe H5Aexists(object, name) > 0 else { continue }
            }
            count += 1
            guard count <= limits.tensors else { throw CheckpointError(.limit, "the file has more than \(grouped(limits.tensors)) attributes") }
            attributes.append(try read(object, name, path))
        }
        return attributes
    }

    /// In the order of their names.
    private func allNames(_ object: hid_t, _ path: String) throws(CheckpointError) -> [String] {
        let list = NameList(limit: limits.tensors - count)
        let status = unsafe H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nil, { (_, name, _, context) in
            guard let context = unsafe context, let name = unsafe name else { return -1 }
            return unsafe Unmanaged<NameList>.fromOpaque(context).takeUnretainedValue().add(name)
        }, Unmanaged.passUnretained(list).toOpaque())
        guard !list.isFull else {
            throw CheckpointError(.limit, "the file has more than \(grouped(limits.tensors)) attributes", tensor: path)
        }
        guard status >= 0 else {
            throw Library.failure(.malformed, "the attributes of \(quoted("/" + path)) cannot be read", path: path)
        }
        return list.names
    }

    private final class NameList {
        var names: [String] = []
        var isFull = false
        private let limit: Int
        init(limit: Int) { self.limit = limit }
        func add(_ name: UnsafePointer<CChar>) -> Int32 {
            guard names.count < limit else {
                isFull = true
                return -1
            }
            // A name that is no UTF-8 cannot be asked for by a text: it is left out.
            if let text = unsafe String(validatingCString: name) { names.append(text) }
            return 0
        }
    }

    private mutating func read(_ object: hid_t, _ name: String, _ path: String) throws(CheckpointError) -> HDF5Attribute {
        func failure() -> CheckpointError {
            Library.failure(.malformed, "the attribute \(quoted(name)) of \(quoted("/" + path)) cannot be read", path: path)
        }
        let attribute = try unsafe Handle(H5Aopen(object, name, mlp_p_default()), H5Aclose, orElse: failure)
        let type = try Handle(H5Aget_type(attribute.id), H5Tclose, orElse: failure)
        let space = try Handle(H5Aget_space(attribute.id), H5Sclose, orElse: failure)
        guard let shape = try SpaceReader.sizes(space.id, orElse: failure) else { return HDF5Attribute(name: name, value: .empty) }
        guard let extent = try? Shape(shape) else {
            throw CheckpointError(.malformed, "the attribute \(quoted(name)) has shape \(shape), which overflows", tensor: path)
        }
        let elements = extent.elementCount, size = H5Tget_size(type.id)
        let (product, overflow) = elements.multipliedReportingOverflow(by: size)
        guard size > 0, !overflow, product <= limits.headerBytes else {
            throw CheckpointError(.limit, "the attribute \(quoted(name)) claims \(grouped(elements)) elements of \(grouped(size)) bytes, over the limit of \(grouped(limits.headerBytes)) bytes", tensor: path)
        }
        try admit(product, name, path)
        guard elements > 0 else { return HDF5Attribute(name: name, shape: shape, value: .text([])) }
        if H5Tget_class(type.id) == H5T_STRING {
            let texts = H5Tis_variable_str(type.id) > 0
                ? try variable(attribute, type, space, elements, name, path, orElse: failure)
                : try fixed(attribute, type, elements, size, orElse: failure)
            return HDF5Attribute(name: name, shape: shape, value: texts)
        }
        let facts = TypeReader.read(type.id)
        let element: HDF5Element
        do throws(HDF5TypeRefusal) { element = try facts.element(named: nil) } catch {
            return HDF5Attribute(name: name, shape: shape, value: .unsupported(error.reason))
        }
        let raw = try bytes(of: attribute, type, product, orElse: failure)
        return HDF5Attribute(name: name, shape: shape + element.innerSizes, value: Self.value(raw, element))
    }

    private mutating func admit(_ size: Int, _ name: String, _ path: String) throws(CheckpointError) {
        bytes += size
        guard bytes <= limits.headerBytes else {
            throw CheckpointError(.limit, "with the attribute \(quoted(name)) the file's attributes are over the limit of \(grouped(limits.headerBytes)) bytes", tensor: path)
        }
    }

    /// The attribute's bytes as the file's own type has them: nothing is converted by the library.
    private func bytes(of attribute: Handle, _ type: Handle, _ size: Int, orElse failure: () -> CheckpointError) throws(CheckpointError) -> [UInt8] {
        var raw = [UInt8](repeating: 0, count: size)
        guard unsafe H5Aread(attribute.id, type.id, &raw) >= 0 else { throw failure() }
        return raw
    }

    private func fixed(_ attribute: Handle, _ type: Handle, _ elements: Int, _ size: Int, orElse failure: () -> CheckpointError) throws(CheckpointError) -> HDF5Attribute.Value {
        let raw = try bytes(of: attribute, type, elements * size, orElse: failure)
        let padding = H5Tget_strpad(type.id)
        var texts: [String] = []
        for index in 0..<elements {
            var text = raw[index * size..<(index + 1) * size]
            switch padding {
            case H5T_STR_NULLTERM: text = text.prefix { $0 != 0 }
            case H5T_STR_SPACEPAD: while text.last == UInt8(ascii: " ") { text.removeLast() }
            default: while text.last == 0 { text.removeLast() }
            }
            guard let decoded = String(validating: text, as: UTF8.self) else { return .unsupported("text that is not UTF-8") }
            texts.append(decoded)
        }
        return .text(texts)
    }

    private mutating func variable(
        _ attribute: Handle, _ type: Handle, _ space: Handle, _ elements: Int, _ name: String, _ path: String, orElse failure: () -> CheckpointError
    ) throws(CheckpointError) -> HDF5Attribute.Value {
        let memory = try Handle(H5Tcopy(mlp_t_c_s1()), H5Tclose, orElse: failure)
        guard H5Tset_size(memory.id, mlp_variable()) >= 0, H5Tset_cset(memory.id, H5Tget_cset(type.id)) >= 0 else { throw failure() }
        var pointers = unsafe [UnsafeMutablePointer<CChar>?](repeating: nil, count: elements)
        guard unsafe H5Aread(attribute.id, memory.id, &pointers) >= 0 else { throw failure() }
        defer { _ = unsafe H5Dvlen_reclaim(memory.id, space.id, mlp_p_default(), &pointers) }
        var texts: [String] = []
        for index in 0..<elements {
            guard let pointer = unsafe pointers[index] else {
                texts.append("")
                continue
            }
            let length = unsafe strlen(pointer)
            try admit(length, name, path)
            let raw = unsafe UnsafeRawBufferPointer(start: pointer, count: length)
            guard let text = unsafe String(validating: raw, as: UTF8.self) else { return .unsupported("text that is not UTF-8") }
            texts.append(text)
        }
        return .text(texts)
    }

    private static func value(_ raw: [UInt8], _ element: HDF5Element) -> HDF5Attribute.Value {
        let unit = element.dtype.swapUnit
        var bytes = raw
        if element.isBigEndian {
            bytes = []
            for start in stride(from: 0, to: raw.count, by: unit) { bytes += raw[start..<start + unit].reversed() }
        }
        func words(_ bytes: [UInt8]) -> [UInt64] {
            stride(from: 0, to: bytes.count, by: 8).map { start in bytes[start..<start + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        }
        switch element.dtype.kind {
        case .bool: return .booleans(bytes.map { $0 != 0 })
        case .signed:
            guard let cast = ElementCast(from: element.dtype, to: .int64) else { break }
            return .integers(words(cast.convert(bytes).bytes).map { Int64(bitPattern: $0) })
        case .unsigned:
            guard let cast = ElementCast(from: element.dtype, to: .uint64) else { break }
            let values = words(cast.convert(bytes).bytes)
            return values.contains { $0 > UInt64(Int64.max) } ? .unsigned(values) : .integers(values.map { Int64(bitPattern: $0) })
        case .float:
            guard let cast = ElementCast(from: element.dtype, to: .float64) else { break }
            return .floats(words(cast.convert(bytes).bytes).map { Double(bitPattern: $0) })
        default: break
        }
        return .unsupported("values of \(element.dtype.rawValue)")
    }
}

/// A dataspace's sizes.
enum SpaceReader {
    /// [] for a scalar; nil for a null dataspace. Never asks for the number of elements, whose product wraps in the library.
    static func sizes(_ space: hid_t, orElse failure: () -> CheckpointError) throws(CheckpointError) -> [Int]? {
        switch H5Sget_simple_extent_type(space) {
        case H5S_NULL: return nil
        case H5S_SCALAR: return []
        case H5S_SIMPLE: break
        default: throw failure()
        }
        let rank = H5Sget_simple_extent_ndims(space)
        guard rank >= 0, rank <= mlp_max_rank() else { throw failure() }
        guard rank > 0 else { return [] }
        var sizes = [hsize_t](repeating: 0, count: Int(rank))
        guard unsafe H5Sget_simple_extent_dims(space, &sizes, nil) == rank else { throw failure() }
        var shape: [Int] = []
        for size in sizes {
            guard let size = Int(exactly: size) else {
                throw CheckpointError(.malformed, "an axis of \(size) elements is beyond 2^63")
            }
            shape.append(size)
        }
        return shape
    }
}
