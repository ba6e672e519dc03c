/// What one file may ask for. Cumulative where that makes sense; every default can be raised by an option or in code.
public struct Limits: Sendable, Hashable {
    /// Bytes of all tensors of a file, decoded.
    public var totalBytes = 64 << 30
    /// Bytes of one tensor, decoded.
    public var tensorBytes = 16 << 30
    /// Bytes of a header, an index or a metadata text.
    public var headerBytes = 100_000_000
    /// Tensors, members, groups or datasets of a file.
    public var tensors = 1_000_000
    /// UTF-8 bytes of a name.
    public var nameBytes = 4096
    /// Axes of a tensor.
    public var rank = 64
    /// Nesting of JSON, groups and lists.
    public var depth = 128
    /// Above `ratioFloor` decoded bytes, at most this many times the stored size.
    public var ratio = 1000
    public var ratioFloor = 4 << 30

    public init() {}
    public static let `default` = Limits()
}

extension Limits {
    /// Throws when one tensor, or with it the running `total`, is over the limits; adds it to `total`.
    public func admit(_ tensor: String, bytes: Int, stored: Int? = nil, total: inout Int) throws(CheckpointError) {
        guard bytes <= tensorBytes else {
            throw CheckpointError(.limit, "it is \(grouped(bytes)) bytes, over the limit of \(grouped(tensorBytes)) for one tensor; raise it with --max-tensor-bytes", tensor: tensor)
        }
        let (sum, overflow) = total.addingReportingOverflow(bytes)
        guard !overflow, sum <= totalBytes else {
            throw CheckpointError(.limit, "with it the file's tensors are over the limit of \(grouped(totalBytes)) bytes; raise it with --max-bytes", tensor: tensor)
        }
        if let stored, bytes > ratioFloor, bytes / ratio > stored {
            throw CheckpointError(.limit, "\(grouped(stored)) stored bytes claim to be \(grouped(bytes)), more than \(ratio) times as many", tensor: tensor)
        }
        total = sum
    }
}
