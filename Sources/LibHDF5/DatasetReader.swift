import CHDF5
import Checkpoints
import HDF5Container
import Tensors

/// Describes one dataset, in the order in which libhdf5 can be asked without harm: creation properties and layout first, so that external
/// storage and virtual datasets are refused before anything of them is touched; then type, space, and at last where the bytes lie.
struct DatasetReader {
    let range: OpenRange
    var attributes: AttributeReader
    /// The chunks in the grids of the datasets so far.
    private var chunks = 0
    /// What chunk reads are told to fill, and never do.
    private var scratch = [UInt8]()

    init(range: OpenRange, attributes: AttributeReader) {
        self.range = range
        self.attributes = attributes
    }

    mutating func read(_ group: hid_t, _ name: [CChar], path: String, object: mlp_object_t) throws(CheckpointError) -> HDF5Dataset {
        func failure() -> CheckpointError { Library.failure(.malformed, "the dataset cannot be read", path: path) }
        func with(_ content: HDF5Dataset.Content, _ attributes: [HDF5Attribute] = []) -> HDF5Dataset {
            HDF5Dataset(path: path, object: object.address, content: content, attributes: attributes)
        }
        let dataset: Handle
        do throws(CheckpointError) {
            dataset = try unsafe Handle(H5Dopen2(group, name, mlp_p_default()), H5Dclose, orElse: failure)
        } catch {
            // A type that only newer libraries know is no damage.
            guard error.code == .unsupported else { throw error }
            return with(.unsupported(error.message))
        }
        let properties = try Handle(H5Dget_create_plist(dataset.id), H5Pclose, orElse: failure)
        let layout = H5Pget_layout(properties.id)
        if layout == H5D_VIRTUAL {
            return with(.refused("a virtual dataset: its bytes lie in other datasets and files, which are never fetched; make it real with h5repack -l CONTI"))
        }
        guard [H5D_CONTIGUOUS, H5D_COMPACT, H5D_CHUNKED].contains(layout) else { return with(.unsupported("a layout of kind \(layout.rawValue)")) }
        if layout == H5D_CONTIGUOUS {
            let external = H5Pget_external_count(properties.id)
            guard external >= 0 else { throw failure() }
            if external > 0 {
                return with(.refused("external storage: its bytes lie in another file, which is never opened; take them in with h5repack"))
            }
        }
        let filters = try self.filters(properties, orElse: failure)
        let typeHandle = try Handle(H5Dget_type(dataset.id), H5Tclose, orElse: failure)
        let type = TypeReader.read(typeHandle.id)
        let needsName = switch type {
        case .opaque, .float: true
        default: false
        }
        let found = try attributes.read(dataset.id, count: object.attributes, path: path, extra: needsName ? "dtype" : nil)
        do throws(HDF5TypeRefusal) {
            _ = try type.element(named: found.first { $0.name == "dtype" }?.text)
        } catch {
            return with(.unsupported(error.reason), found)
        }
        let space = try Handle(H5Dget_space(dataset.id), H5Sclose, orElse: failure)
        guard let shape = try SpaceReader.sizes(space.id, orElse: failure) else {
            return with(.unsupported("a null dataspace: it has no elements, not even none"), found)
        }
        guard let extent = try? Shape(shape), let size = type.byteCount else {
            throw CheckpointError(.malformed, "shape \(shape) has more elements than 2^63", tensor: path)
        }
        let (byteCount, overflow) = extent.elementCount.multipliedReportingOverflow(by: size)
        guard !overflow else { throw CheckpointError(.malformed, "shape \(shape) of \(size)-byte elements has more bytes than 2^63", tensor: path) }

        var array = HDF5Array(type: type, shape: shape, layout: .unallocated, fill: try fill(properties, typeHandle, size, orElse: failure))
        let stored = H5Dget_storage_size(dataset.id)
        if layout == H5D_CHUNKED {
            array.layout = .chunked(try chunking(dataset, properties, array, filters, stored: stored, path: path, orElse: failure))
        } else if layout == H5D_COMPACT, byteCount > 0 {
            // HDF5 keeps compact data in a header message: at most 64 KiB.
            guard byteCount <= 1 << 16 else {
                throw CheckpointError(.malformed, "shape \(shape) needs \(grouped(byteCount)) bytes, compact storage has at most 65,536", tensor: path)
            }
            var bytes = [UInt8](repeating: 0, count: byteCount)
            guard unsafe H5Dread(dataset.id, typeHandle.id, mlp_s_all(), mlp_s_all(), mlp_p_default(), &bytes) >= 0 else { throw failure() }
            array.layout = .compact(bytes)
        } else if layout == H5D_CONTIGUOUS, byteCount > 0, stored > 0 {
            // Asked only where something is stored: behind a user block the library's "nowhere" wraps to a number.
            let address = H5Dget_offset(dataset.id)
            if address != mlp_address_undefined() {
                array.layout = .contiguous(address: Int(clamping: address), count: Int(clamping: stored))
            }
        }
        H5Eclear2(mlp_e_default())
        return with(.array(array), found)
    }

    private func filters(_ properties: Handle, orElse failure: () -> CheckpointError) throws(CheckpointError) -> [HDF5Filter] {
        let count = H5Pget_nfilters(properties.id)
        guard count >= 0, count <= 32 else { throw failure() }
        var filters: [HDF5Filter] = []
        for index in 0..<UInt32(count) {
            var flags: UInt32 = 0, number = 8
            var values = [UInt32](repeating: 0, count: 8)
            // Without a name and without asking whether the filter is there: that would look for plugins.
            let id = unsafe H5Pget_filter2(properties.id, index, &flags, &number, &values, 0, nil, nil)
            guard id >= 0 else { throw failure() }
            filters.append(HDF5Filter(id: Int(id), values: Array(values.prefix(min(number, 8)))))
        }
        return filters
    }

    /// One element of the fill value that the file names; empty when it names none, which reads as zeros.
    private func fill(_ properties: Handle, _ type: Handle, _ size: Int, orElse failure: () -> CheckpointError) throws(CheckpointError) -> [UInt8] {
        var status = H5D_FILL_VALUE_UNDEFINED
        guard unsafe H5Pfill_value_defined(properties.id, &status) >= 0 else { throw failure() }
        guard status == H5D_FILL_VALUE_USER_DEFINED, size <= 1 << 16 else { return [] }
        var bytes = [UInt8](repeating: 0, count: size)
        guard unsafe H5Pget_fill_value(properties.id, type.id, &bytes) >= 0 else { throw failure() }
        return bytes.contains { $0 != 0 } ? bytes : []
    }

    private mutating func chunking(
        _ dataset: Handle, _ properties: Handle, _ array: HDF5Array, _ filters: [HDF5Filter], stored: UInt64, path: String, orElse failure: () -> CheckpointError
    ) throws(CheckpointError) -> HDF5Chunking {
        let rank = array.shape.count
        var sizes = [hsize_t](repeating: 0, count: max(rank, 1))
        var options: UInt32 = 0
        guard rank > 0, unsafe H5Pget_chunk(properties.id, Int32(rank), &sizes) == rank, unsafe H5Pget_chunk_opts(properties.id, &options) >= 0 else {
            throw failure()
        }
        let shape = sizes.map { Int(clamping: $0) }
        var chunking = HDF5Chunking(shape: shape, filters: filters, chunks: [], leavesPartialChunksUnfiltered: options & UInt32(H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) != 0)
        let grid: HDF5Grid
        do throws(CheckpointError) {
            grid = try HDF5Grid(shape: array.shape, chunk: shape, elementBytes: array.type.byteCount ?? 1)
        } catch { throw error.at(tensor: path) }
        // Too many to ask for one by one: whoever reads the description refuses this grid with a better message.
        let (sum, overflow) = chunks.addingReportingOverflow(grid.count)
        guard stored > 0, !overflow, sum <= Limits.hdf5Chunks else { return chunking }
        chunks = sum
        var offset = [hsize_t](repeating: 0, count: rank)
        for index in 0..<grid.count {
            if let chunk = try self.chunk(index, dataset, offset, path) { chunking.chunks.append(chunk) }
            var axis = rank - 1
            while axis >= 0 {
                offset[axis] += sizes[axis]
                if Int(clamping: offset[axis]) < array.shape[axis] { break }
                offset[axis] = 0
                axis -= 1
            }
        }
        return chunking
    }

    /// Where one chunk lies; nil when it was never written.
    ///
    /// The library's own chunk query walks the whole index for every chunk (1.10), and whether its addresses count the user block differs
    /// from version to version. So the chunk is read through our driver, which notes the place and fetches nothing (HDF5-5).
    private mutating func chunk(_ index: Int, _ dataset: Handle, _ offset: [hsize_t], _ path: String) throws(CheckpointError) -> HDF5Chunk? {
        var size: hsize_t = 0
        guard unsafe H5Dget_chunk_storage_size(dataset.id, offset, &size) >= 0 else {
            let reason = Library.lastError()
            // How the library says that a chunk was never written.
            if reason == "chunk storage is not allocated" { return nil }
            throw CheckpointError(.malformed, "its index of chunks cannot be read: the HDF5 library says: \(reason)", tensor: path)
        }
        guard size > 0 else { return nil }
        guard size <= range.count else {
            throw CheckpointError(.malformed, "chunk \(index) claims \(size) bytes, the file has \(range.count)", tensor: path)
        }
        let count = Int(size)
        if scratch.count < count { scratch = [UInt8](repeating: 0, count: count) }
        var mask: UInt32 = 0
        guard let place = range.recording({ unsafe mlp_read_chunk(dataset.id, offset, &mask, &scratch, count) >= 0 }), place.count == count else {
            throw Library.failure(.malformed, "chunk \(index) cannot be found", path: path)
        }
        return HDF5Chunk(index: index, address: place.address, count: count, mask: mask)
    }
}
