import CHDF5
import Checkpoints
import HDF5Container
import Tensors

/// Makes the groups, datasets and attributes of a plan in an open file: without times, names in UTF-8. Used inside `Library.locked`.
struct LayoutWriter {
    private let file: hid_t
    private let groupProperties: Handle
    private let linkProperties: Handle
    private let attributeProperties: Handle
    private var made: Set<[UInt8]> = [[]]

    init(file: hid_t) throws(CheckpointError) {
        func failure() -> CheckpointError { Library.failure(.io, "the file cannot be laid out") }
        self.file = file
        groupProperties = try Handle(H5Pcreate(mlp_p_group_create()), H5Pclose, orElse: failure)
        linkProperties = try Handle(H5Pcreate(mlp_p_link_create()), H5Pclose, orElse: failure)
        attributeProperties = try Handle(H5Pcreate(mlp_p_attribute_create()), H5Pclose, orElse: failure)
        guard H5Pset_obj_track_times(groupProperties.id, false) >= 0,
            H5Pset_char_encoding(linkProperties.id, H5T_CSET_UTF8) >= 0,
            H5Pset_char_encoding(attributeProperties.id, H5T_CSET_UTF8) >= 0 else { throw failure() }
    }

    mutating func group(_ group: HDF5Plan.Group) throws(CheckpointError) {
        try make(groupsOf: group.path + "/")
        guard !group.attributes.isEmpty else { return }
        let handle = try unsafe Handle(H5Gopen2(file, group.path.isEmpty ? "/" : group.path, mlp_p_default()), H5Gclose) {
            Library.failure(.io, "a group cannot be made", path: group.path)
        }
        for attribute in group.attributes { try write(attribute, to: handle.id, group.path) }
    }

    /// Makes the dataset; where its contiguous bytes belong, if it has any.
    mutating func dataset(_ dataset: HDF5Plan.Dataset) throws(CheckpointError) -> Int? {
        func failure() -> CheckpointError { Library.failure(.io, "the dataset cannot be made", path: dataset.path) }
        try make(groupsOf: dataset.path)
        let type = try type(dataset.dtype, orElse: failure)
        let space = try space(dataset.shape, orElse: failure)
        let properties = try Handle(H5Pcreate(mlp_p_dataset_create()), H5Pclose, orElse: failure)
        // Every byte is written by us: the library fills nothing.
        guard H5Pset_obj_track_times(properties.id, false) >= 0, H5Pset_fill_time(properties.id, H5D_FILL_TIME_NEVER) >= 0 else { throw failure() }
        switch dataset.storage {
        case .contiguous:
            guard H5Pset_layout(properties.id, H5D_CONTIGUOUS) >= 0, H5Pset_alloc_time(properties.id, H5D_ALLOC_TIME_EARLY) >= 0 else { throw failure() }
        case .chunked(let chunk, let filters):
            guard chunk.count == dataset.shape.count, !chunk.isEmpty, chunk.allSatisfy({ $0 > 0 }) else {
                throw CheckpointError(.io, "chunks of shape \(chunk) do not tile shape \(dataset.shape)", tensor: dataset.path)
            }
            let sizes = chunk.map { hsize_t($0) }
            guard unsafe H5Pset_chunk(properties.id, Int32(sizes.count), sizes) >= 0 else { throw failure() }
            for filter in filters {
                let status = switch filter.id {
                case HDF5Filter.deflate: H5Pset_deflate(properties.id, filter.values.first ?? 6)
                case HDF5Filter.shuffle: H5Pset_shuffle(properties.id)
                case HDF5Filter.fletcher32: H5Pset_fletcher32(properties.id)
                default: herr_t(-1)
                }
                guard status >= 0 else { throw failure() }
            }
        }
        let handle = try unsafe Handle(
            H5Dcreate2(file, dataset.path, type.id, space.id, linkProperties.id, properties.id, mlp_p_default()), H5Dclose, orElse: failure)
        for attribute in dataset.attributes { try write(attribute, to: handle.id, dataset.path) }
        guard case .contiguous = dataset.storage, !dataset.shape.contains(0) else { return nil }
        let address = H5Dget_offset(handle.id)
        guard address != mlp_address_undefined(), let place = Int(exactly: address) else { throw failure() }
        return place
    }

    /// Makes the groups that lead to `path`, one by one: those that the library makes itself have times.
    private mutating func make(groupsOf path: String) throws(CheckpointError) {
        let bytes = Array(path.utf8)
        for (position, byte) in bytes.enumerated() where byte == UInt8(ascii: "/") {
            let part = Array(bytes[..<position])
            guard made.insert(part).inserted else { continue }
            let name = String(decoding: part, as: UTF8.self)
            _ = try unsafe Handle(H5Gcreate2(file, name, linkProperties.id, groupProperties.id, mlp_p_default()), H5Gclose) {
                Library.failure(.io, "the group \(quoted("/" + name)) cannot be made", path: path)
            }
        }
    }

    private func space(_ shape: [Int], orElse failure: () -> CheckpointError) throws(CheckpointError) -> Handle {
        if shape.isEmpty { return try Handle(H5Screate(H5S_SCALAR), H5Sclose, orElse: failure) }
        guard shape.allSatisfy({ $0 >= 0 }) else { throw failure() }
        let sizes = shape.map { hsize_t($0) }
        return try unsafe Handle(H5Screate_simple(Int32(sizes.count), sizes, nil), H5Sclose, orElse: failure)
    }

    /// HDF5-22. The type that stores `dtype`: what h5py writes for numpy's type of that name.
    private func type(_ dtype: DType, orElse failure: () -> CheckpointError) throws(CheckpointError) -> Handle {
        func made(_ id: hid_t) throws(CheckpointError) -> Handle { try Handle(id, H5Tclose, orElse: failure) }
        switch dtype.kind {
        case .unsigned, .signed: return try made(H5Tcopy(mlp_t_integer(Int32(dtype.byteCount), dtype.kind == .signed ? 1 : 0)))
        case .void: return try made(H5Tcreate(H5T_OPAQUE, dtype.byteCount))
        case .bool:
            let type = try made(H5Tenum_create(mlp_t_integer(1, 1)))
            for (name, value) in [("FALSE", Int8(0)), ("TRUE", Int8(1))] {
                var value = value
                guard unsafe H5Tenum_insert(type.id, name, &value) >= 0 else { throw failure() }
            }
            return type
        case .complex:
            let half = dtype.byteCount / 2, part = half == 4 ? mlp_t_f32le() : mlp_t_f64le()
            let type = try made(H5Tcreate(H5T_COMPOUND, dtype.byteCount))
            guard unsafe H5Tinsert(type.id, "r", 0, part) >= 0, unsafe H5Tinsert(type.id, "i", half, part) >= 0 else { throw failure() }
            return type
        case .float: break
        }
        switch dtype {
        case .float32: return try made(H5Tcopy(mlp_t_f32le()))
        case .float64: return try made(H5Tcopy(mlp_t_f64le()))
        case .float16:
            let type = try made(H5Tcopy(mlp_t_f32le()))
            guard H5Tset_fields(type.id, 15, 10, 5, 0, 10) >= 0, H5Tset_size(type.id, 2) >= 0, H5Tset_ebias(type.id, 15) >= 0 else { throw failure() }
            return type
        default: return try made(H5Tcreate(H5T_OPAQUE, dtype.byteCount))
        }
    }

    private func write(_ attribute: HDF5Plan.Attribute, to object: hid_t, _ path: String) throws(CheckpointError) {
        func failure() -> CheckpointError { Library.failure(.io, "the attribute \(quoted(attribute.name)) cannot be written", path: path) }
        func create(_ type: hid_t, _ shape: [Int]) throws(CheckpointError) -> Handle {
            let space = try space(shape, orElse: failure)
            return try unsafe Handle(H5Acreate2(object, attribute.name, type, space.id, attributeProperties.id, mlp_p_default()), H5Aclose, orElse: failure)
        }
        func numbers<T>(_ values: [T], _ shape: [Int], stored: hid_t, memory: hid_t) throws(CheckpointError) {
            let handle = try create(stored, shape)
            guard !values.isEmpty else { return }
            guard unsafe values.withUnsafeBytes({ unsafe H5Awrite(handle.id, memory, $0.baseAddress) }) >= 0 else { throw failure() }
        }
        switch attribute.value {
        case .integer(let value): try numbers([value], [], stored: mlp_t_integer(8, 1), memory: mlp_t_native_int64())
        case .integers(let values): try numbers(values, [values.count], stored: mlp_t_integer(8, 1), memory: mlp_t_native_int64())
        case .float(let value): try numbers([value], [], stored: mlp_t_f64le(), memory: mlp_t_native_double())
        case .floats(let values): try numbers(values, [values.count], stored: mlp_t_f64le(), memory: mlp_t_native_double())
        case .texts(let texts):
            let type = try string(texts, orElse: failure)
            var bytes: [UInt8] = []
            let width = H5Tget_size(type.id)
            for text in texts { bytes += Array(text.utf8) + [UInt8](repeating: 0, count: width - text.utf8.count) }
            try numbers(bytes, [texts.count], stored: type.id, memory: type.id)
        case .text(let text) where text.utf8.contains(0):
            // A text of variable length ends at its first NUL in HDF5; one of fixed length does not.
            guard text.utf8.last != 0 else { throw CheckpointError(.unsupported, "HDF5 cannot hold the text of the attribute \(quoted(attribute.name)), which ends in NUL", tensor: path) }
            let type = try string([text], orElse: failure)
            try numbers(Array(text.utf8), [], stored: type.id, memory: type.id)
        case .text(let text):
            let type = try Handle(H5Tcopy(mlp_t_c_s1()), H5Tclose, orElse: failure)
            guard H5Tset_size(type.id, mlp_variable()) >= 0, H5Tset_cset(type.id, H5T_CSET_UTF8) >= 0 else { throw failure() }
            let handle = try create(type.id, [])
            let status = unsafe text.withCString { pointer in
                var pointer = unsafe Optional(pointer)
                return unsafe H5Awrite(handle.id, type.id, &pointer)
            }
            guard status >= 0 else { throw failure() }
        }
    }

    /// A null-padded type as wide as the longest text, and one byte at least.
    private func string(_ texts: [String], orElse failure: () -> CheckpointError) throws(CheckpointError) -> Handle {
        let type = try Handle(H5Tcopy(mlp_t_c_s1()), H5Tclose, orElse: failure)
        let width = max(texts.map(\.utf8.count).max() ?? 0, 1)
        let isASCII = texts.allSatisfy { $0.utf8.allSatisfy { $0 < 0x80 } }
        guard H5Tset_size(type.id, width) >= 0, H5Tset_strpad(type.id, H5T_STR_NULLPAD) >= 0,
            H5Tset_cset(type.id, isASCII ? H5T_CSET_ASCII : H5T_CSET_UTF8) >= 0 else { throw failure() }
        return type
    }
}
