/// What an HDF5 file is, as values: every group and dataset, where each one's bytes lie, and the attributes that were asked for.
///
/// A describer makes it; `HDF5File` proves it against the file before anything believes it.
public struct HDF5Description: Sendable, Equatable {
    /// The root (path "") first, each group before what is in it, in the file's link order.
    public var groups: [HDF5Group]
    /// In the file's link order, depth first: the order of creation where the group tracks it, else of names.
    public var datasets: [HDF5Dataset]
    /// What is in the file but is neither: links that lead outside or nowhere, named types, second links to a group.
    public var others: [Other]

    public struct Other: Sendable, Equatable {
        /// The path from the root, parts joined by `/`, no leading `/`.
        public var path: String
        public var reason: String
        public init(path: String, reason: String) {
            self.path = path
            self.reason = reason
        }
    }

    public init(groups: [HDF5Group] = [], datasets: [HDF5Dataset] = [], others: [Other] = []) {
        self.groups = groups
        self.datasets = datasets
        self.others = others
    }

    /// The root's attributes.
    public var attributes: [HDF5Attribute] { groups.first?.attributes ?? [] }
}

public struct HDF5Group: Sendable, Equatable {
    /// The path from the root, parts joined by `/`, no leading `/`; "" is the root.
    public var path: String
    public var attributes: [HDF5Attribute]
    public init(path: String, attributes: [HDF5Attribute] = []) {
        self.path = path
        self.attributes = attributes
    }
}

public struct HDF5Dataset: Sendable, Equatable {
    /// The path from the root, parts joined by `/`, no leading `/`.
    public var path: String
    /// The object's address in the file: datasets of one address are one dataset under several names.
    public var object: UInt64
    public var content: Content
    public var attributes: [HDF5Attribute]

    public enum Content: Sendable, Equatable {
        case array(HDF5Array)
        /// A kind of data that is no tensor of ours, or that cannot be decoded here.
        case unsupported(String)
        /// Declared data that is damaged or that must not be fetched (external storage, virtual datasets): an error to read.
        case refused(String)
    }

    public init(path: String, object: UInt64, content: Content, attributes: [HDF5Attribute] = []) {
        self.path = path
        self.object = object
        self.content = content
        self.attributes = attributes
    }

    /// The attribute `name` as one text; nil when it is absent or something else.
    public func text(_ name: String) -> String? { attributes.first { $0.name == name }?.text }
}

/// A dataset with elements and a place.
public struct HDF5Array: Sendable, Equatable {
    public var type: HDF5Type
    /// The sizes of the dataspace's axes, slowest first; without those of an array type.
    public var shape: [Int]
    public var layout: HDF5Layout
    /// One element's bytes, as the file's type has them, for what was never written; empty is zeros.
    public var fill: [UInt8]

    public init(type: HDF5Type, shape: [Int], layout: HDF5Layout, fill: [UInt8] = []) {
        self.type = type
        self.shape = shape
        self.layout = layout
        self.fill = fill
    }
}

/// Where a dataset's bytes lie. Addresses count from the start of the range that is the HDF5 file, a user block included.
public enum HDF5Layout: Sendable, Equatable {
    /// Never written: every element is the fill value.
    case unallocated
    case contiguous(address: Int, count: Int)
    /// The bytes themselves, which lay in the object's header.
    case compact([UInt8])
    case chunked(HDF5Chunking)
}

public struct HDF5Chunking: Sendable, Equatable {
    /// The sizes of a chunk; as many as the dataspace has axes.
    public var shape: [Int]
    /// In the order in which they were applied when the chunk was written.
    public var filters: [HDF5Filter]
    /// The chunks that are stored, ascending by `index`.
    public var chunks: [HDF5Chunk]
    /// Chunks that reach over the dataset's edge are stored without the filters.
    public var leavesPartialChunksUnfiltered: Bool

    public init(shape: [Int], filters: [HDF5Filter], chunks: [HDF5Chunk], leavesPartialChunksUnfiltered: Bool = false) {
        self.shape = shape
        self.filters = filters
        self.chunks = chunks
        self.leavesPartialChunksUnfiltered = leavesPartialChunksUnfiltered
    }
}

public struct HDF5Filter: Sendable, Equatable {
    /// The number registered with The HDF Group: 1 deflate, 2 shuffle, 3 fletcher32, 32000 LZF.
    public var id: Int
    /// The filter's parameters.
    public var values: [UInt32]
    public init(id: Int, values: [UInt32] = []) {
        self.id = id
        self.values = values
    }

    public static let deflate = 1, shuffle = 2, fletcher32 = 3, lzf = 32000
}

public struct HDF5Chunk: Sendable, Equatable {
    /// The chunk's number in the grid of chunks, row-major.
    public var index: Int
    public var address: Int
    /// The stored bytes.
    public var count: Int
    /// Bit i set: filter i was not applied to this chunk.
    public var mask: UInt32
    public init(index: Int, address: Int, count: Int, mask: UInt32) {
        self.index = index
        self.address = address
        self.count = count
        self.mask = mask
    }
}

public struct HDF5Attribute: Sendable, Equatable {
    public var name: String
    /// The sizes of the axes; [] for a scalar.
    public var shape: [Int]
    public var value: Value

    public enum Value: Sendable, Equatable {
        /// Text of any kind: fixed or variable length, ASCII or UTF-8.
        case text([String])
        case integers([Int64])
        /// Unsigned integers of which one is beyond `Int64`.
        case unsigned([UInt64])
        case floats([Double])
        case booleans([Bool])
        /// A null dataspace: an attribute without a value.
        case empty
        /// Anything else, or text that is not UTF-8, with what it is.
        case unsupported(String)
    }

    public init(name: String, shape: [Int] = [], value: Value) {
        self.name = name
        self.shape = shape
        self.value = value
    }

    /// The value where it is one text.
    public var text: String? {
        guard case .text(let texts) = value, texts.count == 1 else { return nil }
        return texts[0]
    }

    /// The values where they are texts, of any shape.
    public var texts: [String]? { if case .text(let texts) = value { texts } else { nil } }
}
