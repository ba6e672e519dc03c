import ByteIO
import Checkpoints
import Tensors

/// A TensorProto: what it says, proved against its data, the data left where it lies.
struct ONNXTensor {
    enum Storage {
        case extent(TensorExtent)
        /// Numbers in a typed field: the message, and the field's number.
        case typed(message: Range<Int>, field: Int)
        case unsupported(String)
    }

    var name: String
    /// Nil where the type is not read here.
    var info: TensorInfo?
    var storage: Storage

    /// Reads the message at `range`.
    /// - Parameter given: the name, where it is not the message's own (a Constant node's output).
    init(_ range: Range<Int>, named given: String? = nil, _ window: WireWindow, folder: ONNXFolder, limits: Limits, total: inout Int) throws(CheckpointError) {
        var record = Record()
        do throws(CheckpointError) { try record.read(range, window, limits) } catch { throw error.at(tensor: given ?? record.name, offset: range.lowerBound) }
        name = given ?? record.name ?? ""
        do throws(CheckpointError) {
            (info, storage) = try record.settled(named: name, range, window, folder, limits, &total)
        } catch { throw error.at(tensor: name, offset: range.lowerBound) }
    }

    private struct Record {
        var name: String?
        var type: Int64 = 0
        var dims: [Int] = []
        var raw: Range<Int>?
        /// The typed fields that are there, with the number of elements of each.
        var typed: [Int: Int] = [:]
        /// Where a packed field of floats lies, when it lies in one piece.
        var packed: Range<Int>?
        var isExternal = false
        var external: [(key: String, text: String)] = []
        var hasSegment = false

        mutating func read(_ range: Range<Int>, _ window: WireWindow, _ limits: Limits) throws(CheckpointError) {
            var reader = WireReader(window, range)
            while let field = try reader.next() {
                switch field.number {
                case 1:
                    try field.integers(window) { (size) throws(CheckpointError) in
                        guard size >= 0 else { throw CheckpointError(.malformed, "an axis of size \(size): sizes are 0 or more") }
                        guard dims.count < limits.rank else { throw CheckpointError(.limit, "more than \(limits.rank) axes") }
                        dims.append(Int(size))
                    }
                case 2: type = try field.integer()
                case 3: hasSegment = true
                case 4, 10: try count(field, number: field.number, size: field.number == 4 ? 4 : 8)
                case 5, 7, 11:
                    var count = 0
                    try field.integers(window) { _ in count += 1 }
                    typed[field.number, default: 0] += count
                case 6: typed[6, default: 0] += 1
                case 8: name = try window.text(try field.range(), limit: limits.nameBytes)
                case 9:
                    guard raw == nil else { throw CheckpointError(.malformed, "raw_data stands twice") }
                    raw = try field.range()
                case 13:
                    guard external.count < 64 else { throw CheckpointError(.limit, "more than 64 entries say where its data lies") }
                    external.append(try ONNXEntry.read(try field.range(), window, limits))
                case 14: isExternal = try field.integer() == 1
                default: break
                }
            }
        }

        private mutating func count(_ field: WireField, number: Int, size: Int) throws(CheckpointError) {
            let isFirst = typed[number] == nil
            switch field.value {
            case .fixed32 where size == 4, .fixed64 where size == 8:
                typed[number, default: 0] += 1
                packed = nil
            case .bytes(let range):
                guard range.count % size == 0 else { throw CheckpointError(.malformed, "\(range.count) bytes are no whole numbers of \(size)", offset: field.offset) }
                typed[number, default: 0] += range.count / size
                packed = isFirst ? range : nil
            default: throw CheckpointError(.malformed, "field \(number) holds something else than numbers of \(size) bytes", offset: field.offset)
            }
        }

        func settled(
            named name: String, _ message: Range<Int>, _ window: WireWindow, _ folder: ONNXFolder, _ limits: Limits, _ total: inout Int
        ) throws(CheckpointError) -> (TensorInfo?, Storage) {
            guard type > 0, type < ONNXDataType.names.count else {
                throw CheckpointError(.malformed, "the data type \(type) is \(type == 0 ? "UNDEFINED" : "not defined by ONNX")")
            }
            if hasSegment { throw CheckpointError(.malformed, "it is only a segment of a tensor, which no ONNX reader takes") }
            let shape: Shape
            do { shape = try Shape(dims) } catch { throw CheckpointError(.malformed, error.description) }
            guard let dtype = ONNXDataType.dtypes[Int(type)] else {
                let what = ONNXDataType.names[Int(type)]
                return (nil, .unsupported("data type \(what) is not read here"))
            }
            let info: TensorInfo
            do { info = try TensorInfo(name: name, dtype: dtype, shape: shape) } catch { throw CheckpointError(.malformed, error.description) }
            let filled = typed.filter { $0.value > 0 }
            if isExternal {
                guard raw == nil, filled.isEmpty else { throw CheckpointError(.malformed, "its data is said to be external, and there is data in it too") }
                try limits.admit(name, bytes: info.byteCount, total: &total)
                return (info, .extent(try folder.extent(external, count: info.byteCount)))
            }
            guard external.isEmpty else { throw CheckpointError(.malformed, "it names an external file, and its data_location is not EXTERNAL") }
            if let raw {
                guard filled.isEmpty else { throw CheckpointError(.malformed, "it has raw_data and typed data; which counts cannot be known") }
                guard raw.count == info.byteCount else { throw wrongCount(info, "\(grouped(raw.count)) bytes of raw_data") }
                try limits.admit(name, bytes: info.byteCount, total: &total)
                return (info, .extent(TensorExtent(source: window.source, offset: raw.lowerBound, count: raw.count)))
            }
            let field = ONNXDataType.field(dtype)
            if let other = filled.keys.first(where: { $0 != field }) {
                throw CheckpointError(.malformed, "values of \(dtype.rawValue) belong in field \(field) of its message; they are in field \(other)")
            }
            let count = filled[field] ?? 0
            let wanted = shape.elementCount.multipliedReportingOverflow(by: dtype.kind == .complex ? 2 : 1)
            guard !wanted.overflow, count == wanted.partialValue else { throw wrongCount(info, "\(grouped(count)) values") }
            try limits.admit(name, bytes: info.byteCount, total: &total)
            if let packed, packed.count == info.byteCount { return (info, .extent(TensorExtent(source: window.source, offset: packed.lowerBound, count: packed.count))) }
            return (info, .typed(message: message, field: field))
        }

        private func wrongCount(_ info: TensorInfo, _ found: String) -> CheckpointError {
            CheckpointError(.malformed, "shape \(info.shape) of \(info.dtype.rawValue) needs \(grouped(info.byteCount)) bytes, the model has \(found); it is damaged or truncated")
        }
    }
}

/// StringStringEntryProto.
enum ONNXEntry {
    static func read(_ range: Range<Int>, _ window: WireWindow, _ limits: Limits) throws(CheckpointError) -> (key: String, text: String) {
        var reader = WireReader(window, range), key = "", text = ""
        while let field = try reader.next() {
            if field.number == 1 { key = try window.text(try field.range(), limit: limits.nameBytes) }
            if field.number == 2 { text = try window.text(try field.range(), limit: limits.headerBytes) }
        }
        return (key, text)
    }
}

/// Decodes the numbers of a typed field into packed little-endian elements. Their count was proved when the file was opened, against a file
/// that holds at least a byte for each.
enum ONNXTypedData {
    static func bytes(_ info: TensorInfo, _ message: Range<Int>, field number: Int, of source: any ByteSource) throws(CheckpointError) -> [UInt8] {
        let window = WireWindow(source, fields: .max, text: .max)
        var reader = WireReader(window, message), bytes: [UInt8] = []
        bytes.reserveCapacity(info.byteCount)
        let room = info.byteCount
        func grow(_ size: Int) throws(CheckpointError) {
            guard bytes.count + size <= room else { throw CheckpointError(.io, "the file changed while it was read", offset: message.lowerBound) }
        }
        while let field = try reader.next() {
            guard field.number == number else { continue }
            switch (number, field.value) {
            case (4, .fixed32(let bits)):
                try grow(4)
                bytes.append(littleEndian: bits)
            case (10, .fixed64(let bits)):
                try grow(8)
                bytes.append(littleEndian: bits)
            case (4, .bytes(let range)), (10, .bytes(let range)):
                try grow(range.count)
                bytes += try window.bytes(range, limit: room)
            default:
                try field.integers(window) { (value) throws(CheckpointError) in
                    try grow(info.dtype.byteCount)
                    try append(value, info.dtype, to: &bytes)
                }
            }
        }
        guard bytes.count == room else { throw CheckpointError(.io, "the file changed while it was read", offset: message.lowerBound) }
        return bytes
    }

    private static func append(_ value: Int64, _ dtype: DType, to bytes: inout [UInt8]) throws(CheckpointError) {
        func fit<T: FixedWidthInteger>(_: T.Type) throws(CheckpointError) {
            guard let fitting = T(exactly: value) else { throw CheckpointError(.malformed, "the value \(value) is beyond \(dtype.rawValue)") }
            bytes.append(littleEndian: fitting)
        }
        switch dtype {
        case .bool:
            guard value == 0 || value == 1 else { throw CheckpointError(.malformed, "the value \(value) is no bool") }
            bytes.append(UInt8(value))
        case .uint8, .float8_e4m3fn, .float8_e5m2: try fit(UInt8.self)
        case .int8: try fit(Int8.self)
        case .uint16, .float16, .bfloat16: try fit(UInt16.self)
        case .int16: try fit(Int16.self)
        case .int32: try fit(Int32.self)
        case .uint32: try fit(UInt32.self)
        case .uint64: bytes.append(littleEndian: UInt64(bitPattern: value))
        default: bytes.append(littleEndian: value)
        }
    }
}
