/// What is known of a tensor before its bytes are read.
public struct TensorInfo: Sendable, Hashable {
    /// The file's own name for it; any UTF-8, and "" for a lone unnamed tensor.
    public let name: String
    public let dtype: DType
    public let shape: Shape
    /// The size of its packed bytes. It cannot overflow: such a tensor cannot be made.
    public let byteCount: Int

    public init(name: String, dtype: DType, shape: Shape) throws(TensorError) {
        let (bytes, overflow) = shape.elementCount.multipliedReportingOverflow(by: dtype.byteCount)
        guard !overflow else { throw TensorError("shape \(shape) of \(dtype.rawValue) has more bytes than 2^63") }
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.byteCount = bytes
    }

    public init(name: String, dtype: DType, sizes: [Int]) throws(TensorError) {
        try self.init(name: name, dtype: dtype, shape: Shape(sizes))
    }

    /// The same tensor under another name.
    public func named(_ name: String) -> TensorInfo { TensorInfo(name, dtype, shape, byteCount) }

    /// The same bytes read as another type of the same size; nil when the sizes differ.
    public func read(as dtype: DType) -> TensorInfo? {
        dtype.byteCount == self.dtype.byteCount ? TensorInfo(name, dtype, shape, byteCount) : nil
    }

    private init(_ name: String, _ dtype: DType, _ shape: Shape, _ byteCount: Int) {
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.byteCount = byteCount
    }
}
