public import ByteIO
public import Checkpoints
public import Tensors

/// An HDF5 file to be made: what a layouter lays out, before any tensor's bytes are there.
public struct HDF5Plan: Sendable, Equatable {
    /// Groups in the order of their making; path "" is the root. What a path needs on the way is made with it.
    public var groups: [Group]
    public var datasets: [Dataset]

    public init(groups: [Group] = [], datasets: [Dataset] = []) {
        self.groups = groups
        self.datasets = datasets
    }

    public struct Group: Sendable, Equatable {
        public var path: String
        public var attributes: [Attribute]
        public init(path: String, attributes: [Attribute] = []) {
            self.path = path
            self.attributes = attributes
        }
    }

    public struct Dataset: Sendable, Equatable {
        /// Parts joined by `/`, no leading `/`, no empty part, no `.`.
        public var path: String
        /// Stored little-endian; bool as h5py's enumeration, complex as a compound {r, i}, bfloat16, float8 and void16 as opaque bytes.
        public var dtype: DType
        public var shape: [Int]
        public var storage: Storage
        public var attributes: [Attribute]
        public init(path: String, dtype: DType, shape: [Int], storage: Storage = .contiguous, attributes: [Attribute] = []) {
            self.path = path
            self.dtype = dtype
            self.shape = shape
            self.storage = storage
            self.attributes = attributes
        }
    }

    public enum Storage: Sendable, Equatable {
        /// One run of bytes, allocated at once; its address comes back.
        case contiguous
        /// Chunks of this shape, which are handed over finished: through these filters already.
        case chunked(shape: [Int], filters: [HDF5Filter])
    }

    public struct Attribute: Sendable, Equatable {
        public var name: String
        public var value: Value

        public enum Value: Sendable, Equatable {
            /// A scalar of variable length in UTF-8, as h5py writes a `str`; of any size.
            case text(String)
            /// A list of fixed-length, null-padded texts, as h5py writes an array of bytes; at most 64,512 bytes together.
            case texts([String])
            case integer(Int64)
            case integers([Int64])
            case float(Double)
            case floats([Double])
        }

        public init(_ name: String, _ value: Value) {
            self.name = name
            self.value = value
        }
    }

    /// The attribute that names a type which HDF5 cannot spell; nil for the others. Keras looks for it.
    public static func typeAttribute(for dtype: DType) -> Attribute? {
        HDF5Type.opaqueTypes.contains(dtype) ? Attribute("dtype", .text(dtype.rawValue)) : nil
    }
}

/// Lays out new HDF5 files. `HDF5HelperClient` and `LibHDF5Layouter` are the two.
public protocol HDF5Layouter: Sendable {
    /// Makes `output`, which is empty and can seek, an HDF5 file after `plan`, without times, in the format of HDF5 1.8.
    func lay(_ plan: HDF5Plan, into output: OutputFile) throws(CheckpointError) -> any HDF5LayoutSession
}

/// A file laid out and not closed yet.
public protocol HDF5LayoutSession: AnyObject {
    /// For each dataset of the plan, where its contiguous bytes belong; nil for chunked ones and for those of no bytes.
    var addresses: [Int?] { get }
    /// Stores one finished chunk: the first `count` bytes of `bytes`, at `offset` (elements from the dataset's start). Bit i of `mask` says that
    /// filter i was not applied.
    func store(chunkOf dataset: Int, at offset: [Int], mask: UInt32, bytes: ChunkBuffer, count: Int) throws(CheckpointError)
    /// Closes the file. Nothing may be stored afterwards.
    func finish() throws(CheckpointError)
}
