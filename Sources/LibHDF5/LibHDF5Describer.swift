public import ByteIO
public import Checkpoints
public import HDF5Container
import CHDF5

/// Describes HDF5 files with libhdf5 in this process, one at a time.
///
/// libhdf5 is large and old C: a corrupt file can crash it, and with it this process. Use it for files you trust; for others there is
/// `HDF5HelperClient`, whose library runs in a process of its own.
public struct LibHDF5Describer: HDF5Describer {
    public init() {}

    public func describe(_ range: FileRange, attributes: HDF5AttributeChoice, limits: Limits) throws(CheckpointError) -> HDF5Description {
        try Self.describe(descriptor: range.file.descriptor, offset: range.offset, count: range.count, attributes: attributes, limits: limits)
    }

    /// As the protocol's, for a descriptor that the caller keeps open. `visiting` is called with each object's path before it is touched,
    /// and once with "" when the file is open.
    public static func describe(
        descriptor: Int32, offset: Int, count: Int, attributes: HDF5AttributeChoice, limits: Limits, visiting: (String) -> Void = { _ in }
    ) throws(CheckpointError) -> HDF5Description {
        try Library.locked { (driver) throws(CheckpointError) in
            let range = try OpenRange(driver: driver, descriptor: descriptor, offset: offset, count: count)
            visiting("")
            var walk = Walk(range, attributes: attributes, limits: limits)
            return try walk.run(visiting)
        }
    }

    /// The version of the library that is linked: `1.10.8`.
    public static var libraryVersion: String { Library.version }
}

/// An HDF5 file opened on a range of a descriptor through our own driver, which reaches nothing else (Specs/HDF5.md, HDF5-4).
@safe final class OpenRange {
    private var file: Handle?
    /// The bytes of the range.
    let count: Int
    private let range: UnsafeMutablePointer<mlp_range_t>

    init(driver: hid_t, descriptor: Int32, offset: Int, count: Int) throws(CheckpointError) {
        let range = UnsafeMutablePointer<mlp_range_t>.allocate(capacity: 1)
        unsafe range.initialize(to: mlp_range_t())
        unsafe range.pointee.descriptor = descriptor
        unsafe range.pointee.offset = UInt64(offset)
        unsafe range.pointee.count = UInt64(count)
        do throws(CheckpointError) {
            let access = try Handle(H5Pcreate(mlp_p_file_access()), H5Pclose) { Library.failure(.unsupported, "no access properties") }
            guard unsafe mlp_set_driver(access.id, driver, range) >= 0, H5Pset_fclose_degree(access.id, H5F_CLOSE_STRONG) >= 0 else {
                throw Library.failure(.unsupported, "the file driver is refused")
            }
            file = try unsafe Handle(H5Fopen("range", mlp_acc_rdonly(), access.id), H5Fclose) {
                Library.failure(.malformed, "this is no readable HDF5 file")
            }
        } catch {
            unsafe range.deallocate()
            throw error
        }
        self.count = count
        unsafe self.range = range
    }

    /// Runs `body`, in which raw data is not read but only noted: where it lies, and how much. Nil unless it was one read.
    func recording(_ body: () -> Bool) -> (address: Int, count: Int)? {
        unsafe range.pointee.recording = 1
        unsafe range.pointee.recorded_reads = 0
        let worked = body()
        unsafe range.pointee.recording = 0
        guard worked, unsafe range.pointee.recorded_reads == 1,
            let address = unsafe Int(exactly: range.pointee.recorded_address),
            let count = unsafe Int(exactly: range.pointee.recorded_count) else { return nil }
        return (address, count)
    }

    /// The open file's identifier.
    var id: hid_t { file?.id ?? -1 }

    deinit {
        // The file first: closing it may still read. With H5F_CLOSE_STRONG it takes everything open in it along.
        file = nil
        unsafe range.deallocate()
    }
}
