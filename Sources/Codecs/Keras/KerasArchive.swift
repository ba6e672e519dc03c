import ByteIO
import Checkpoints
import StrictJSON
import Zip

/// A `.keras` archive: its texts, read and checked, and the HDF5 file in it.
struct KerasArchive {
    static let configName = "config.json", metadataName = "metadata.json", weightsName = "model.weights.h5"
    static let names = [configName, metadataName, weightsName]
    /// Weights in forms that are not read here: pickled dictionaries, and shards.
    static let otherWeights = ["model.weights.npz", "model.weights.json"]

    let metadata: Metadata
    let policies: KerasPolicies
    /// The members that are neither the texts nor the weights (KERAS-55).
    let unsupported: [CheckpointIndex.Unsupported]
    /// The HDF5 file: in place where it is stored, else a copy (KERAS-53).
    let weights: any ByteSource
    private let directory: ZipDirectory
    /// What to add to an offset in the HDF5 file to have one in the archive; nil for a copy.
    private let shift: Int?

    init(_ directory: ZipDirectory, limits: Limits) throws(CheckpointError) {
        try Self.admit(directory, limits: limits)
        guard let entry = directory.entry(named: Self.weightsName) else {
            if let other = Self.otherWeights.first(where: { directory.entry(named: $0) != nil }) {
                throw CheckpointError(.unsupported, "its weights are in the member \(other), a form that is not read here; load it with Keras and save it again, which writes \(Self.weightsName)")
            }
            throw CheckpointError(.malformed, "the archive has no member \(Self.weightsName): its weights are lost")
        }
        guard let config = directory.entry(named: Self.configName) else {
            throw CheckpointError(.malformed, "the archive has no member \(Self.configName); take \(Self.weightsName) out of it to read the weights alone")
        }
        let remedy = "take \(Self.weightsName) out of the archive to read the weights alone"
        let text = try Self.text(config, in: directory, limits: limits, remedy: remedy)
        policies = KerasPolicies(try JSONConfig(text, from: Self.configName, limits: limits, remedy: remedy))
        var metadata = Metadata()
        if let entry = directory.entry(named: Self.metadataName) {
            let said = try JSONConfig(Self.text(entry, in: directory, limits: limits, remedy: remedy), from: Self.metadataName, limits: limits, remedy: remedy)
            for member in said.json.members ?? [] { metadata[member.key] = member.value.string ?? member.value.text() }
        }
        if let taken = metadata["model_config"] { metadata["\(Self.metadataName)@model_config"] = taken }
        metadata["model_config"] = text
        self.metadata = metadata
        unsupported = directory.entries.filter { !Self.names.contains($0.name) && !$0.isFolder }.map { entry in
            .init(name: entry.name, reason: "a member of \(grouped(entry.count)) bytes that holds no tensor of the model\(entry.objection.map { ": \($0)" } ?? "")")
        }
        self.directory = directory
        if let stored = directory.source(of: entry) {
            weights = stored
            shift = entry.dataOffset
        } else {
            weights = try Self.unpacked(entry, in: directory)
            shift = nil
        }
    }

    /// The archive's directory, read once for all codecs that ask. Under limits other than the default it is read anew.
    static func directory(of input: CheckpointInput, limits: Limits = .default) throws(CheckpointError) -> ZipDirectory {
        func read() -> Result<ZipDirectory, ZipError> {
            let bounds = ZipDirectory.Limits(entries: limits.tensors, directoryBytes: limits.headerBytes, nameBytes: limits.nameBytes)
            do throws(ZipError) { return .success(try ZipDirectory(input.source, limits: bounds)) } catch { return .failure(error) }
        }
        let result = limits == .default ? try input.shared { () throws(CheckpointError) in read() } : read()
        do throws(ZipError) { return try result.get() } catch { throw CheckpointError(error) }
    }

    /// The name in the local header at the start of the file.
    static func firstName(in head: [UInt8]) -> String? {
        guard head.count > 30 else { return nil }
        let count = Int(head[26]) | Int(head[27]) << 8
        return head.count >= 30 + count ? String(validating: head[30..<30 + count], as: UTF8.self) : nil
    }

    /// Reads every member to its end, for its checksum: the tensors are read in place, which checks none (KERAS-54).
    func verify() throws(CheckpointError) {
        let buffer = try ChunkBuffer(checkedCount: 1 << 20)
        for entry in directory.entries where !entry.isFolder && entry.objection == nil {
            do throws(ZipError) { try directory.verify(entry, through: buffer) } catch { throw CheckpointError(error) }
        }
    }

    /// Runs `body`, which reads the HDF5 file, so that its errors say where that lies (KERAS-57).
    func inWeights<R>(_ body: () throws(CheckpointError) -> R) throws(CheckpointError) -> R {
        do throws(CheckpointError) { return try body() } catch {
            var error = error
            error.message = "in \(Self.weightsName): \(error.message)"
            // An offset that a file claims can be any number.
            let sum = shift.flatMap { error.place.offset?.addingReportingOverflow($0) }
            error.place.offset = sum.flatMap { $0.overflow ? nil : $0.partialValue }
            throw error
        }
    }

    /// KERAS-56: no member, and not all of them together, may be larger than the limits allow, decoded.
    private static func admit(_ directory: ZipDirectory, limits: Limits) throws(CheckpointError) {
        var total = 0
        for entry in directory.entries {
            let (sum, overflow) = total.addingReportingOverflow(entry.count)
            guard !overflow, sum <= limits.totalBytes else {
                throw CheckpointError(.limit, "with \(quoted(entry.name)) the archive's members are over the limit of \(grouped(limits.totalBytes)) bytes; raise it with --max-bytes")
            }
            guard entry.count <= limits.ratioFloor || entry.count / limits.ratio <= entry.compressedCount else {
                throw CheckpointError(.limit, "the member \(quoted(entry.name)) has \(grouped(entry.compressedCount)) stored bytes and claims to be \(grouped(entry.count)), more than \(limits.ratio) times as many")
            }
            total = sum
        }
    }

    private static func text(_ entry: ZipEntry, in directory: ZipDirectory, limits: Limits, remedy: String) throws(CheckpointError) -> String {
        let bytes: [UInt8]
        do throws(ZipError) { bytes = try directory.bytes(of: entry, atMost: limits.headerBytes) } catch { throw CheckpointError(error) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CheckpointError(.malformed, "\(entry.name) is not UTF-8; \(remedy)")
        }
        return text
    }

    /// A deflated member, decoded into a file that has no name: HDF5 is read at any offset.
    private static func unpacked(_ entry: ZipEntry, in directory: ZipDirectory) throws(CheckpointError) -> FileSource {
        var fault: ZipError?
        do throws(IOError) {
            return try SpoolFile.holding { (output) throws(IOError) in
                do throws(ZipError) {
                    let reader = try directory.reader(of: entry)
                    let buffer: ChunkBuffer, step = min(entry.count, 1 << 20)
                    do throws(IOError) { buffer = try ChunkBuffer(count: step) } catch { throw ZipError(error) }
                    var offset = 0
                    repeat {
                        let size = min(step, entry.count - offset)
                        try reader.read(at: offset, count: size, into: buffer, at: 0)
                        do throws(IOError) { try buffer.withBytes(0..<size) { (bytes) throws(IOError) in try output.append(bytes) } } catch { throw ZipError(error) }
                        offset += size
                    } while offset < entry.count
                } catch {
                    fault = error
                    throw error.cause ?? IOError(operation: "decode \(entry.name)", reason: error.message)
                }
            }
        } catch { throw fault.map { CheckpointError($0) } ?? CheckpointError(error) }
    }
}

extension CheckpointError {
    /// A fault of the archive, its member named.
    init(_ error: ZipError) {
        if let cause = error.cause {
            self.init(cause)
            return
        }
        let code: Code = switch error.kind {
        case .io: .io
        case .malformed: .malformed
        case .unsupported: .unsupported
        case .limit: .limit
        }
        self.init(code, (error.member.map { "the member \(quoted($0)): " } ?? "") + error.message, offset: error.offset)
    }
}
