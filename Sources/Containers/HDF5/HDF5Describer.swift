public import ByteIO
public import Checkpoints

/// Tells what an HDF5 file is, from its metadata alone: it reads no tensor's bytes and opens no other file.
///
/// Two exist: `HDF5HelperClient` asks a helper process, which may die of a hostile file without harm; `LibHDF5Describer` runs
/// libhdf5 in this process, for files one trusts.
public protocol HDF5Describer: Sendable {
    /// Describes the HDF5 file that is `range` of an open file. Throws `malformed`, `unsupported`, `limit` or `io`.
    func describe(_ range: FileRange, attributes: HDF5AttributeChoice, limits: Limits) throws(CheckpointError) -> HDF5Description
}

/// Which attributes a description carries. Each one read is more of libhdf5 laid open to the file.
public enum HDF5AttributeChoice: Sendable, Hashable {
    case all
    case named([String])
    case none

    public func includes(_ name: String) -> Bool {
        switch self {
        case .all: true
        case .named(let names): names.contains(name)
        case .none: false
        }
    }
}

extension Limits {
    /// Chunks that the grids of all of a file's datasets may have together: each is asked for by itself.
    public static let hdf5Chunks = 4 << 20
    /// Bytes of one chunk, decoded, where the tensor itself is no larger.
    public static let hdf5ChunkBytes = 256 << 20
}
