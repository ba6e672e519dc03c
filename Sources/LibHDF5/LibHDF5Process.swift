import CHDF5

/// What a process that exists for libhdf5 alone does for its own safety.
public enum LibHDF5Process {
    /// No new privileges and no core image, where the system knows such things.
    public static func harden() { mlp_harden() }
}
