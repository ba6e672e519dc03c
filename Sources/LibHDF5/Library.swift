import CHDF5
import Checkpoints
import Synchronization

/// All of libhdf5, behind one lock: every call, closing handles included, is made inside `locked`.
enum Library {
    private static let state = Mutex<Int64?>(nil)

    /// Runs `body` with the lock held, the library open, its error printing off, and the number of our file driver.
    static func locked<R: Sendable>(_ body: (_ driver: hid_t) throws(CheckpointError) -> R) throws(CheckpointError) -> R {
        try state.withLock { (driver) throws(CheckpointError) in
            if driver == nil { driver = try open() }
            // The error stack, and whether it prints, belong to the thread.
            mlp_silence()
            H5Eclear2(mlp_e_default())
            return try body(hid_t(driver ?? -1))
        }
    }

    /// Runs `body` with the lock held, for closing what was given up.
    static func release(_ body: () -> Void) { state.withLock { _ in body() } }

    private static func open() throws(CheckpointError) -> Int64 {
        // The first call of all: else a process that exits with a dataset open may crash in the library's exit handler.
        _ = H5dont_atexit()
        guard H5open() >= 0 else { throw CheckpointError(.unsupported, "the HDF5 library does not start") }
        mlp_silence()
        // No filter plugin is ever loaded: a file could name one.
        _ = H5PLset_loading_state(0)
        let driver = mlp_register_driver()
        guard driver >= 0 else { throw failure(.unsupported, "the HDF5 library takes no file driver") }
        return Int64(driver)
    }

    /// The version of the library that is linked: `1.10.8`.
    static var version: String {
        var major: UInt32 = 0, minor: UInt32 = 0, release: UInt32 = 0
        _ = unsafe H5get_libversion(&major, &minor, &release)
        return "\(major).\(minor).\(release)"
    }

    /// What the library said last, innermost first; its error stack is empty afterwards.
    static func lastError() -> String {
        var error = mlp_error_t()
        unsafe mlp_take_error(&error)
        let text = unsafe withUnsafeBytes(of: error.text) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return text.isEmpty ? "no reason given" : text
    }

    /// `what`, with the library's reason.
    static func failure(_ code: CheckpointError.Code, _ what: String, path: String? = nil) -> CheckpointError {
        let reason = lastError(), path = path?.isEmpty == true ? nil : path
        // What libhdf5 says of what a later one wrote in its newest format.
        if ["datatype", "layout", "dataspace", "filter", "fill value"].contains(where: { reason.contains("bad version number for \($0)") }) {
            return CheckpointError(.unsupported, "\(what): \(reason): it was written for a newer HDF5 library than this one, \(version); rewrite it with libver='earliest', or h5repack", tensor: path)
        }
        return CheckpointError(code, "\(what): the HDF5 library says: \(reason)", tensor: path)
    }
}

/// An identifier of libhdf5 that is closed when the last reference goes. Only used, and let go, inside `Library.locked`.
final class Handle {
    let id: hid_t
    private let close: (hid_t) -> herr_t

    /// Takes `id` over; throws `failure()` when it is none.
    init(_ id: hid_t, _ close: @escaping (hid_t) -> herr_t, orElse failure: () -> CheckpointError) throws(CheckpointError) {
        guard id >= 0 else { throw failure() }
        self.id = id
        self.close = close
    }

    /// Closes it now, and tells whether that went well: what a file still has to write may not go well.
    func shut() -> Bool {
        guard isOpen else { return true }
        isOpen = false
        return close(id) >= 0
    }

    private var isOpen = true

    deinit { _ = shut() }
}
