public import Tensors

/// A dataset's element type as the file declares it: facts, not judgement. `element` says what we make of them.
public indirect enum HDF5Type: Sendable, Equatable {
    case integer(Integer)
    case float(Float)
    /// A bit field of `Integer.size` bytes; PyTables stores booleans so, h5py reads it as unsigned.
    case bitfield(Integer)
    case opaque(size: Int, tag: String)
    /// A named integer: at most `maximumMembers` names are kept.
    case enumeration(base: Integer, names: [Name])
    case compound(size: Int, members: [Member])
    case array(HDF5Type, sizes: [Int])
    /// Strings, references, variable-length lists, times …, in words.
    case other(String)

    public enum ByteOrder: UInt8, Sendable { case little, big, other }

    public struct Integer: Sendable, Equatable {
        public var size: Int, signed: Bool, order: ByteOrder, precision: Int, bitOffset: Int
        public init(size: Int, signed: Bool, order: ByteOrder, precision: Int, bitOffset: Int) {
            self.size = size
            self.signed = signed
            self.order = order
            self.precision = precision
            self.bitOffset = bitOffset
        }
    }

    public struct Float: Sendable, Equatable {
        public var size: Int, order: ByteOrder, precision: Int, bitOffset: Int
        public var signPosition: Int, exponentPosition: Int, exponentSize: Int, mantissaPosition: Int, mantissaSize: Int
        public var bias: Int
        /// Whether the mantissa's leading 1 is implied, as in IEEE 754.
        public var isImplied: Bool
        public init(size: Int, order: ByteOrder, precision: Int, bitOffset: Int, signPosition: Int, exponentPosition: Int,
                    exponentSize: Int, mantissaPosition: Int, mantissaSize: Int, bias: Int, isImplied: Bool) {
            self.size = size
            self.order = order
            self.precision = precision
            self.bitOffset = bitOffset
            self.signPosition = signPosition
            self.exponentPosition = exponentPosition
            self.exponentSize = exponentSize
            self.mantissaPosition = mantissaPosition
            self.mantissaSize = mantissaSize
            self.bias = bias
            self.isImplied = isImplied
        }
    }

    public struct Name: Sendable, Equatable {
        public var name: String, value: Int64
        public init(_ name: String, _ value: Int64) {
            self.name = name
            self.value = value
        }
    }

    public struct Member: Sendable, Equatable {
        public var name: String, offset: Int, type: HDF5Type
        public init(name: String, offset: Int, type: HDF5Type) {
            self.name = name
            self.offset = offset
            self.type = type
        }
    }

    /// How many names or fields are kept of an enumeration or a compound; one with more is `other`.
    public static let maximumMembers = 8
}

/// What we make of a declared type: our own type, how its bytes lie, and axes that the type itself adds.
public struct HDF5Element: Sendable, Equatable {
    public var dtype: DType
    public var isBigEndian: Bool
    /// The axes of an array type, which follow those of the dataspace.
    public var innerSizes: [Int] = []
}

/// Why a type is no tensor's.
public struct HDF5TypeRefusal: Error, Sendable, Equatable {
    public let reason: String
}

extension HDF5Type {
    /// The bytes of one element of the file, an array type's axes included; nil when that is not known or overflows.
    public var byteCount: Int? {
        switch self {
        case .integer(let type), .bitfield(let type): return type.size
        case .float(let type): return type.size
        case .opaque(let size, _), .compound(let size, _): return size
        case .enumeration(let base, _): return base.size
        case .array(let element, let sizes):
            guard var count = element.byteCount else { return nil }
            for size in sizes {
                let (product, overflow) = count.multipliedReportingOverflow(by: size)
                guard !overflow else { return nil }
                count = product
            }
            return count
        case .other: return nil
        }
    }

    /// Our type for this one, decided by our own table of sizes, precisions and bit layouts (HDF5-8, HDF5-9).
    /// - Parameter named: the text of the dataset's attribute `dtype`, with which Keras names what HDF5 has no type for.
    public func element(named: String?) throws(HDF5TypeRefusal) -> HDF5Element {
        switch self {
        case .integer(let type): return try Self.integer(type)
        case .bitfield(var type):
            type.signed = false
            return try Self.integer(type)
        case .float(let type): return try Self.float(type, named: named)
        case .opaque(let size, let tag):
            let name = named ?? tag
            if let dtype = DType(rawValue: name), Self.opaqueTypes.contains(dtype), dtype.byteCount == size {
                return HDF5Element(dtype: dtype, isBigEndian: false)
            }
            if size == 2 { return HDF5Element(dtype: .void16, isBigEndian: false) }
            throw HDF5TypeRefusal(reason: "opaque elements of \(size) bytes")
        case .enumeration(let base, let names):
            let values = names.sorted { $0.value < $1.value }
            guard base.size == 1, values.map(\.value) == [0, 1], values.map({ $0.name.uppercased() }) == ["FALSE", "TRUE"] else {
                throw HDF5TypeRefusal(reason: "an enumeration that is no boolean")
            }
            return HDF5Element(dtype: .bool, isBigEndian: false)
        case .compound(let size, let members): return try Self.complex(size, members)
        case .array(let inner, let sizes):
            if case .array = inner { throw HDF5TypeRefusal(reason: "arrays of arrays as elements") }
            var element = try inner.element(named: named)
            element.innerSizes = sizes
            return element
        case .other(let what): throw HDF5TypeRefusal(reason: what)
        }
    }

    /// The types that HDF5 cannot spell and that travel as opaque bytes with a name beside them.
    public static let opaqueTypes: [DType] = [.bfloat16, .float8_e4m3fn, .float8_e5m2]

    private static func isBigEndian(_ order: ByteOrder, size: Int) throws(HDF5TypeRefusal) -> Bool {
        switch order {
        case .little: return false
        case .big: return size > 1
        case .other:
            if size == 1 { return false }
            throw HDF5TypeRefusal(reason: "numbers in a mixed byte order")
        }
    }

    private static func integer(_ type: Integer) throws(HDF5TypeRefusal) -> HDF5Element {
        let dtype: DType
        switch (type.size, type.signed) {
        case (1, false): dtype = .uint8
        case (1, true): dtype = .int8
        case (2, false): dtype = .uint16
        case (2, true): dtype = .int16
        case (4, false): dtype = .uint32
        case (4, true): dtype = .int32
        case (8, false): dtype = .uint64
        case (8, true): dtype = .int64
        default: throw HDF5TypeRefusal(reason: "integers of \(type.size) bytes")
        }
        guard type.precision == type.size * 8, type.bitOffset == 0 else {
            throw HDF5TypeRefusal(reason: "integers of \(type.precision) bits in \(type.size) bytes")
        }
        return HDF5Element(dtype: dtype, isBigEndian: try isBigEndian(type.order, size: type.size))
    }

    private static func float(_ type: Float, named: String?) throws(HDF5TypeRefusal) -> HDF5Element {
        let bits = type.size * 8
        // Sign, exponent and mantissa fill the number from the top down, the leading 1 is implied: every type of our table is so.
        let isPlain = type.precision == bits && type.bitOffset == 0 && type.isImplied && type.signPosition == bits - 1
            && type.mantissaPosition == 0 && type.exponentPosition == type.mantissaSize && type.exponentSize + type.mantissaSize == bits - 1
            && type.bias == (1 << (min(type.exponentSize, 32) - 1)) - 1
        let dtype: DType? = switch (type.size, type.exponentSize) {
        case _ where !isPlain: nil
        case (1, 5): .float8_e5m2
        // IEEE 754 would have infinities here; only a name makes it e4m3fn.
        case (1, 4): named == DType.float8_e4m3fn.rawValue ? .float8_e4m3fn : nil
        case (2, 5): .float16
        case (2, 8): .bfloat16
        case (4, 8): .float32
        case (8, 11): .float64
        default: nil
        }
        guard let dtype else {
            throw HDF5TypeRefusal(reason: "floating-point numbers of \(type.size) bytes with \(type.exponentSize) bits of exponent and \(type.mantissaSize) of mantissa")
        }
        return HDF5Element(dtype: dtype, isBigEndian: try isBigEndian(type.order, size: type.size))
    }

    private static func complex(_ size: Int, _ members: [Member]) throws(HDF5TypeRefusal) -> HDF5Element {
        let names = members.map { $0.name.lowercased() }
        let isNamed = [["r", "i"], ["real", "imag"], ["re", "im"]].contains(names)
        if isNamed, members.count == 2, case .float(let re) = members[0].type, members[1].type == members[0].type,
            members[0].offset == 0, members[1].offset == re.size, size == 2 * re.size {
            let part = try float(re, named: nil)
            if part.dtype == .float32 { return HDF5Element(dtype: .complex64, isBigEndian: part.isBigEndian) }
            if part.dtype == .float64 { return HDF5Element(dtype: .complex128, isBigEndian: part.isBigEndian) }
        }
        throw HDF5TypeRefusal(reason: "compound elements (\(members.map(\.name).joined(separator: ", ")))")
    }
}
