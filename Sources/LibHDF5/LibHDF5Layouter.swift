public import ByteIO
public import Checkpoints
public import HDF5Container
import CHDF5

/// Lays out HDF5 files with libhdf5 in this process.
public struct LibHDF5Layouter: HDF5Layouter {
    public init() {}

    public func lay(_ plan: HDF5Plan, into output: OutputFile) throws(CheckpointError) -> any HDF5LayoutSession {
        try Self.lay(plan, descriptor: output.descriptor)
    }

    /// As the protocol's, for a descriptor open for reading and writing, which the caller keeps open until the session has finished.
    public static func lay(_ plan: HDF5Plan, descriptor: Int32) throws(CheckpointError) -> any HDF5LayoutSession {
        try LayoutSession(plan, descriptor: descriptor)
    }
}

/// A file that libhdf5 has laid out through our driver, and holds open for chunks.
@safe final class LayoutSession: HDF5LayoutSession {
    private let plan: HDF5Plan
    private let range: UnsafeMutablePointer<mlp_range_t>
    private var file: Handle?
    /// The dataset that chunks are stored to, kept open from one to the next.
    private var open: (dataset: Int, handle: Handle)?
    private(set) var addresses: [Int?] = []

    init(_ plan: HDF5Plan, descriptor: Int32) throws(CheckpointError) {
        self.plan = plan
        unsafe range = UnsafeMutablePointer<mlp_range_t>.allocate(capacity: 1)
        unsafe range.initialize(to: mlp_range_t())
        unsafe range.pointee.descriptor = descriptor
        unsafe range.pointee.writable = 1
        // The session is new, nobody else has it: what is done under the lock is done to it alone.
        nonisolated(unsafe) let session = self
        try Library.locked { (driver) throws(CheckpointError) in
            do throws(CheckpointError) { unsafe try session.make(driver) } catch {
                unsafe session.file = nil
                throw error
            }
        }
    }

    private func make(_ driver: hid_t) throws(CheckpointError) {
        func failure() -> CheckpointError { Library.failure(.io, "the file cannot be made") }
        let access = try Handle(H5Pcreate(mlp_p_file_access()), H5Pclose, orElse: failure)
        let creation = try Handle(H5Pcreate(mlp_p_file_create()), H5Pclose, orElse: failure)
        // Whatever has 64 bytes or more begins at a multiple of 64: tensors can be used in place, with SIMD.
        guard unsafe mlp_set_driver(access.id, driver, range) >= 0, H5Pset_fclose_degree(access.id, H5F_CLOSE_STRONG) >= 0,
            mlp_set_earliest(access.id) >= 0, H5Pset_alignment(access.id, 64, 64) >= 0,
            H5Pset_obj_track_times(creation.id, false) >= 0 else { throw failure() }
        let file = try unsafe Handle(H5Fcreate("range", mlp_acc_trunc(), creation.id, access.id), H5Fclose, orElse: failure)
        self.file = file
        var writer = try LayoutWriter(file: file.id)
        for group in plan.groups { try writer.group(group) }
        for dataset in plan.datasets { addresses.append(try writer.dataset(dataset)) }
        guard H5Fflush(file.id, H5F_SCOPE_LOCAL) >= 0 else { throw failure() }
    }

    func store(chunkOf dataset: Int, at offset: [Int], mask: UInt32, bytes: ChunkBuffer, count: Int) throws(CheckpointError) {
        guard plan.datasets.indices.contains(dataset), offset.count == plan.datasets[dataset].shape.count, offset.allSatisfy({ $0 >= 0 }) else {
            throw CheckpointError(.io, "there is no dataset \(dataset) with \(offset.count) axes in the plan")
        }
        nonisolated(unsafe) let session = self
        nonisolated(unsafe) let buffer = bytes
        try Library.locked { (_) throws(CheckpointError) in
            unsafe try session.write(dataset, offset.map { hsize_t($0) }, mask, buffer, count)
        }
    }

    private func write(_ dataset: Int, _ offset: [hsize_t], _ mask: UInt32, _ bytes: ChunkBuffer, _ count: Int) throws(CheckpointError) {
        let path = plan.datasets[dataset].path
        func failure() -> CheckpointError { Library.failure(.io, "a chunk cannot be stored", path: path) }
        guard let file else { throw CheckpointError(.io, "the file is closed already", tensor: path) }
        if open?.dataset != dataset {
            open = nil
            open = (dataset, try unsafe Handle(H5Dopen2(file.id, path, mlp_p_default()), H5Dclose, orElse: failure))
        }
        guard let handle = open?.handle else { throw failure() }
        let status = unsafe bytes.withUnsafeBytes(0..<count) { raw in
            unsafe H5Dwrite_chunk(handle.id, mlp_p_default(), mask, offset, raw.count, raw.baseAddress)
        }
        guard status >= 0 else { throw failure() }
    }

    func finish() throws(CheckpointError) {
        nonisolated(unsafe) let session = self
        try Library.locked { (_) throws(CheckpointError) in
            guard unsafe session.close() else { throw Library.failure(.io, "the file cannot be finished") }
        }
    }

    private func close() -> Bool {
        let chunksClosed = open?.handle.shut() ?? true
        open = nil
        let closed = file?.shut() ?? true
        file = nil
        return chunksClosed && closed
    }

    deinit {
        // Given up before its end: closed all the same.
        if file != nil { Library.release { _ = close() } }
        unsafe range.deallocate()
    }
}
