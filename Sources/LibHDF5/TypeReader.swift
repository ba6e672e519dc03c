import CHDF5
import Checkpoints
import HDF5Container

/// A type of the library as our facts about it. Nesting is followed two levels deep: an array of compounds of numbers is the most we read.
enum TypeReader {
    static func read(_ type: hid_t, depth: Int = 0) -> HDF5Type {
        let size = H5Tget_size(type)
        // A type of more than 4 GiB is no element of ours.
        guard size > 0, size < 1 << 32, depth <= 2 else { return .other("elements of \(size) bytes") }
        let kind = H5Tget_class(type)
        switch kind {
        case H5T_INTEGER: return .integer(integer(type))
        case H5T_BITFIELD: return .bitfield(integer(type))
        case H5T_FLOAT: return .float(float(type))
        case H5T_OPAQUE: return .opaque(size: size, tag: tag(type))
        case H5T_ENUM: return enumeration(type)
        case H5T_COMPOUND: return compound(type, size, depth)
        case H5T_ARRAY: return array(type, depth)
        case H5T_STRING: return .other(H5Tis_variable_str(type) > 0 ? "strings of variable length" : "strings of \(size) bytes")
        case H5T_VLEN: return .other("lists of variable length")
        case H5T_REFERENCE: return .other("references")
        case H5T_TIME: return .other("times")
        default: break
        }
        // HDF5 2.0 has a class for complex numbers, which this header may not name.
        if kind.rawValue == 11, let base = sub(H5Tget_super(type)) {
            let part = read(base.id, depth: depth + 1)
            if let bytes = part.byteCount, bytes * 2 == size {
                return .compound(size: size, members: [.init(name: "r", offset: 0, type: part), .init(name: "i", offset: bytes, type: part)])
            }
        }
        return .other("elements of class \(kind.rawValue)")
    }

    private static func sub(_ id: hid_t) -> Handle? { try? Handle(id, H5Tclose) { Library.failure(.malformed, "a type cannot be read") } }

    private static func order(_ type: hid_t) -> HDF5Type.ByteOrder {
        switch H5Tget_order(type) {
        case H5T_ORDER_LE: .little
        case H5T_ORDER_BE: .big
        default: .other
        }
    }

    private static func integer(_ type: hid_t) -> HDF5Type.Integer {
        HDF5Type.Integer(size: H5Tget_size(type), signed: H5Tget_class(type) == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_2,
                         order: order(type), precision: H5Tget_precision(type), bitOffset: Int(H5Tget_offset(type)))
    }

    private static func float(_ type: hid_t) -> HDF5Type.Float {
        var sign = 0, exponent = 0, exponentSize = 0, mantissa = 0, mantissaSize = 0
        _ = unsafe H5Tget_fields(type, &sign, &exponent, &exponentSize, &mantissa, &mantissaSize)
        return HDF5Type.Float(
            size: H5Tget_size(type), order: order(type), precision: H5Tget_precision(type), bitOffset: Int(H5Tget_offset(type)),
            signPosition: sign, exponentPosition: exponent, exponentSize: exponentSize, mantissaPosition: mantissa, mantissaSize: mantissaSize,
            bias: min(Int(clamping: H5Tget_ebias(type)), 1 << 40), isImplied: H5Tget_norm(type) == H5T_NORM_IMPLIED)
    }

    private static func tag(_ type: hid_t) -> String {
        guard let text = unsafe H5Tget_tag(type) else { return "" }
        defer { _ = unsafe H5free_memory(text) }
        return unsafe String(decoding: UnsafeBufferPointer(start: text, count: strnlen(text, 256)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func name(_ text: UnsafeMutablePointer<CChar>?) -> String {
        guard let text = unsafe text else { return "" }
        defer { _ = unsafe H5free_memory(text) }
        return unsafe String(decoding: UnsafeBufferPointer(start: text, count: strnlen(text, 256)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func enumeration(_ type: hid_t) -> HDF5Type {
        let count = H5Tget_nmembers(type)
        guard count >= 0, count <= HDF5Type.maximumMembers, let base = sub(H5Tget_super(type)), H5Tget_class(base.id) == H5T_INTEGER else {
            return .other("an enumeration of \(count) names")
        }
        let facts = integer(base.id)
        guard facts.size <= 8, H5Tget_size(type) == facts.size else { return .other("an enumeration of \(facts.size)-byte integers") }
        var names: [HDF5Type.Name] = []
        for index in 0..<UInt32(count) {
            var raw = [UInt8](repeating: 0, count: 8)
            guard unsafe H5Tget_member_value(type, index, &raw) >= 0 else { return .other("an enumeration that cannot be read") }
            var value: Int64 = 0
            let bytes = raw[..<facts.size]
            for byte in facts.order == .big ? Array(bytes) : bytes.reversed() { value = value << 8 | Int64(byte) }
            names.append(.init(unsafe name(H5Tget_member_name(type, index)), value))
        }
        return .enumeration(base: facts, names: names)
    }

    private static func compound(_ type: hid_t, _ size: Int, _ depth: Int) -> HDF5Type {
        let count = H5Tget_nmembers(type)
        guard count > 0, count <= HDF5Type.maximumMembers else { return .other("compound elements of \(count) fields") }
        var members: [HDF5Type.Member] = []
        for index in 0..<UInt32(count) {
            guard let part = sub(H5Tget_member_type(type, index)) else { return .other("compound elements that cannot be read") }
            members.append(.init(name: unsafe name(H5Tget_member_name(type, index)), offset: H5Tget_member_offset(type, index),
                                 type: read(part.id, depth: depth + 1)))
        }
        return .compound(size: size, members: members)
    }

    private static func array(_ type: hid_t, _ depth: Int) -> HDF5Type {
        let rank = H5Tget_array_ndims(type)
        guard rank > 0, rank <= 32, let base = sub(H5Tget_super(type)) else { return .other("arrays as elements") }
        var sizes = [hsize_t](repeating: 0, count: Int(rank))
        guard unsafe H5Tget_array_dims2(type, &sizes) >= 0, sizes.allSatisfy({ $0 > 0 && $0 < 1 << 32 }) else { return .other("arrays as elements") }
        return .array(read(base.id, depth: depth + 1), sizes: sizes.map { Int($0) })
    }
}
