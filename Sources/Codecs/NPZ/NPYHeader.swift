import Checkpoints
import Tensors

/// The header of a `.npy` array: what its elements are, in which order they lie, and where they start. Bytes to value and back; no I/O.
struct NPYHeader: Equatable {
    let element: NPYElement
    /// The dtype code as it stands, `<f4`; nil for a list of fields.
    let code: String?
    /// Whether the first axis runs fastest.
    let fortranOrder: Bool
    let sizes: [Int]
    /// The bytes before the data: magic, version, length and text.
    let count: Int

    static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// Enough bytes to know how long the header is.
    static let prefixCount = 12
    /// The longest header we read. numpy itself stops at 10,000 characters.
    static let maxCount = 1 << 20

    /// How many bytes the header takes, from its first bytes (at least `prefixCount`, or all there are). Throws when it cannot fit in `available`.
    static func count(from prefix: [UInt8], available: Int) throws(CheckpointError) -> Int {
        guard prefix.starts(with: magic) else {
            let isCut = magic.starts(with: prefix.prefix(magic.count))
            throw CheckpointError(.malformed, isCut ? "the array ends in its first \(prefix.count) bytes: the file is truncated" : "it does not start with the magic of an npy array (\\x93NUMPY)")
        }
        guard prefix.count >= 10 else { throw CheckpointError(.malformed, "the header ends after \(prefix.count) bytes: the file is truncated") }
        let version = (prefix[6], prefix[7])
        let length: Int, start: Int
        switch version {
        case (1, 0):
            length = Int(prefix[8]) | Int(prefix[9]) << 8
            start = 10
        case (2, 0), (3, 0):
            guard prefix.count >= 12 else { throw CheckpointError(.malformed, "the header ends after \(prefix.count) bytes: the file is truncated") }
            length = (8..<12).reversed().reduce(0) { $0 << 8 | Int(prefix[$1]) }
            start = 12
        default:
            throw CheckpointError(.malformed, "the npy version is \(version.0).\(version.1); 1.0, 2.0 and 3.0 are defined", offset: 6)
        }
        guard length <= available - start else {
            throw CheckpointError(.malformed, "the header says it has \(grouped(length)) bytes, \(grouped(available - start)) are left: the file is truncated or damaged", offset: 8)
        }
        guard length <= maxCount else {
            throw CheckpointError(.limit, "the header has \(grouped(length)) bytes, over the limit of \(grouped(maxCount))", offset: 8)
        }
        return start + length
    }

    /// Reads a whole header.
    init(_ bytes: [UInt8]) throws(CheckpointError) {
        let start = bytes.count > 6 && bytes[6] == 1 ? 10 : 12
        guard bytes.count > start, let last = bytes.last else { throw CheckpointError(.malformed, "the header is empty, its length says: the file is damaged", offset: 8) }
        // NPZ-6
        guard last == UInt8(ascii: "\n"), !bytes[start...].contains(UInt8(ascii: "\r")) else {
            throw CheckpointError(.malformed, "the header does not end in a newline: line ends were translated, or its length is damaged; transfer the file as binary", offset: bytes.count - 1)
        }
        let text = Array(bytes[start...])
        if bytes[6] == 3, String(validating: text, as: UTF8.self) == nil {
            throw CheckpointError(.malformed, "the header of version 3.0 is not valid UTF-8", offset: start)
        }
        let literal: PythonLiteral
        do throws(PythonLiteralReader.Failure) { literal = try PythonLiteralReader.read(text) } catch {
            throw CheckpointError(.malformed, "the header is no dictionary of literals: \(error.reason)", offset: start + error.offset)
        }
        func fault(_ reason: String) -> CheckpointError { CheckpointError(.malformed, reason, offset: start) }
        guard case .dict(let pairs) = literal else { throw fault("the header is no dictionary") }
        // NPZ-7
        var values: [String: PythonLiteral] = [:]
        for pair in pairs {
            guard ["descr", "fortran_order", "shape"].contains(pair.key) else { throw fault("the header has the key \(quoted(pair.key)); descr, fortran_order and shape are defined") }
            values[pair.key] = pair.value
        }
        guard let descr = values["descr"], let order = values["fortran_order"], let shape = values["shape"] else {
            let missing = ["descr", "fortran_order", "shape"].filter { values[$0] == nil }.joined(separator: ", ")
            throw fault("the header lacks \(missing)")
        }
        guard case .bool(let fortranOrder) = order else { throw fault("the header's fortran_order is neither True nor False") }
        guard case .tuple(let axes) = shape else { throw fault("the header's shape is no tuple") }
        var sizes: [Int] = []
        for axis in axes {
            guard case .integer(let digits) = axis else { throw fault("the header's shape has an axis that is no integer") }
            guard let size = Int(digits), size >= 0 else {
                throw fault("the header's shape has an axis of \(digits.count > 24 ? "\(digits.count) digits" : digits); an axis has from 0 to 2^63 - 1 elements")
            }
            sizes.append(size)
        }
        if case .string(let text) = descr { code = text } else { code = nil }
        do throws(CheckpointError) { element = try NPYElement(descr) } catch { throw error.at(offset: start) }
        self.fortranOrder = fortranOrder
        self.sizes = sizes
        count = bytes.count
    }

    /// The header that we write for `tensor`: version 1.0, row-major, a multiple of 64 bytes (NPZ-21).
    static func bytes(for tensor: TensorInfo) -> [UInt8] {
        let sizes = tensor.shape.sizes
        let shape = sizes.count == 1 ? "(\(sizes[0]),)" : "(" + sizes.map(String.init).joined(separator: ", ") + ")"
        let text = "{'descr': '\(NPYElement.code(of: tensor.dtype))', 'fortran_order': False, 'shape': \(shape), }"
        let start = magic.count + 4
        let length = (start + text.utf8.count + 1 + 63) / 64 * 64 - start
        // At most 64 axes of at most 19 digits: the length fits version 1.0's two bytes.
        return magic + [1, 0, UInt8(truncatingIfNeeded: length), UInt8(truncatingIfNeeded: length >> 8)]
            + Array(text.utf8) + [UInt8](repeating: 0x20, count: length - text.utf8.count - 1) + [UInt8(ascii: "\n")]
    }

    /// numpy has no arrays of more axes.
    static let maxRank = 64
}
