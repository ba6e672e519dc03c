import Architecture
public import ByteIO
public import Checkpoints
public import Dialects
import Parity
import Tensors

/// The one way from file A to file B: plan, write beside the target, verify, commit.
public struct Converter {
    public var options: ConversionOptions
    public var writing: WriteOptions
    public var limits: Limits
    /// The source's name, for errors that are its own or of what was asked of it.
    public var sourceName: String?

    public init(options: ConversionOptions = ConversionOptions(), writing: WriteOptions = WriteOptions(), limits: Limits = .default, sourceName: String? = nil) {
        self.sourceName = sourceName
        self.options = options
        self.writing = writing
        self.limits = limits
    }

    public struct Outcome: Sendable {
        public var ledger: Ledger
        /// Whether what was written was re-read and found equal; nil when that was not asked for.
        public var verified: Bool?
    }

    /// Writes `source` to `path` in the format of `target`. The file appears complete or not at all.
    ///
    /// Throws `exists`, `lossRefused`, `verifyFailed`, and what reading and writing throw; then the old file is as it was.
    public func convert(_ source: any Checkpoint, _ recognition: Recognition, to path: String, as target: any WritableCheckpointCodec) throws(CheckpointError) -> Outcome {
        let plan = try plan(source, recognition, target)
        if options.isDryRun { return Outcome(ledger: try plan.rehearsedLedger(options), verified: nil) }
        do throws(CheckpointError) {
            let file = try rising { () throws(IOError) in try AtomicFile(replacing: path, mayReplace: options.replaces) }
            try target.write(plan.mapped, to: file.output, options: writing)
            let ledger = try plan.settledLedger(options)
            try rising { () throws(IOError) in try file.output.flush() }
            if options.verifies, let written = file.output.path { try verify(plan, recognition, source, written, target) }
            do throws(IOError) { try file.commit() } catch { throw CheckpointError(error) }
            return Outcome(ledger: ledger, verified: options.verifies ? true : nil)
        } catch {
            if error.code == .exists {
                throw CheckpointError(.exists, "the file exists; replace it with --force").at(file: path, format: target.name)
            }
            throw error
        }
    }

    /// As above, to a pipe.
    public func convert(_ source: any Checkpoint, _ recognition: Recognition, to output: OutputFile, as target: any WritableCheckpointCodec) throws(CheckpointError) -> Outcome {
        let plan = try plan(source, recognition, target)
        if options.isDryRun { return Outcome(ledger: try plan.rehearsedLedger(options), verified: nil) }
        guard target.needsSeekableOutput || options.verifies || plan.ledger.tensors.contains(where: { $0.actions.contains(.cast) }) else {
            try target.write(plan.mapped, to: output, options: writing)
            try rising { () throws(IOError) in try output.flush() }
            return Outcome(ledger: plan.ledger, verified: nil)
        }
        // What has to seek, be verified, or may yet be refused goes to a file first.
        var failure: CheckpointError?
        let spooled = try rising { () throws(IOError) in
            try SpoolFile.holding { (file) throws(IOError) in
                do throws(CheckpointError) { try target.write(plan.mapped, to: file, options: writing) } catch { failure = error }
            }
        }
        if let failure { throw failure }
        let ledger = try plan.settledLedger(options)
        if options.verifies { try verify(plan, recognition, source, CheckpointInput(spooled, name: "standard output"), target) }
        try rising { () throws(IOError) in
            try output.append(contentsOf: spooled)
            try output.flush()
        }
        return Outcome(ledger: ledger, verified: options.verifies ? true : nil)
    }

    private func plan(_ source: any Checkpoint, _ recognition: Recognition, _ target: any WritableCheckpointCodec) throws(CheckpointError) -> ConversionPlan {
        let plan: ConversionPlan
        do throws(CheckpointError) { plan = try ConversionPlan(source, recognition, to: target, options: options) } catch { throw error.at(file: sourceName) }
        try target.check(plan.mapped.index, options: writing)
        return plan
    }

    private func verify(_ plan: ConversionPlan, _ recognition: Recognition, _ source: any Checkpoint, _ path: String, _ target: any WritableCheckpointCodec) throws(CheckpointError) {
        try verify(plan, recognition, source, CheckpointInput(path: path), target)
    }

    /// Re-reads what was written and compares every byte of every tensor, the metadata, and, where a network is known, its passes.
    private func verify(_ plan: ConversionPlan, _ recognition: Recognition, _ source: any Checkpoint, _ input: CheckpointInput, _ target: any WritableCheckpointCodec) throws(CheckpointError) {
        func failed(_ reason: String, tensor: String? = nil) -> CheckpointError {
            CheckpointError(.verifyFailed, "the written file is not what was meant: \(reason); nothing was replaced. This is a fault of mlpconv or of the disk", tensor: tensor)
        }
        let written: any Checkpoint
        do throws(CheckpointError) {
            written = try target.open(input, limits: limits)
            try written.verifyRemainder()
        } catch { throw failed(error.message, tensor: error.place.tensor) }
        let wanted = plan.mapped.index
        guard written.index.tensors.count == wanted.tensors.count else {
            throw failed("\(written.index.tensors.count) tensors instead of \(wanted.tensors.count)")
        }
        let (a, b) = (try ChunkBuffer(checkedCount: 1 << 20), try ChunkBuffer(checkedCount: 1 << 20))
        for (position, tensor) in wanted.tensors.enumerated() {
            guard let other = written.index.position(of: tensor.name) else { throw failed("it is missing", tensor: tensor.name) }
            guard written.index.tensors[other] == tensor else {
                throw failed("\(written.index.tensors[other].dtype.rawValue) \(written.index.tensors[other].shape) instead of \(tensor.dtype.rawValue) \(tensor.shape)", tensor: tensor.name)
            }
            let (from, to) = (try plan.mapped.bytes(ofTensorAt: position), try written.bytes(ofTensorAt: other))
            var offset = 0
            repeat {
                let size = min(a.count, tensor.byteCount - offset)
                try from.read(at: offset, count: size, into: a, at: 0)
                do throws(CheckpointError) { try to.read(at: offset, count: size, into: b, at: 0) } catch { throw failed(error.message, tensor: tensor.name) }
                guard a.array(0..<size) == b.array(0..<size) else { throw failed("its bytes differ", tensor: tensor.name) }
                offset += size
            } while offset < tensor.byteCount
        }
        for entry in wanted.metadata.entries where written.index.metadata[entry.key] != entry.text {
            throw failed("the metadata \(quoted(entry.key)) differs")
        }
        try verifyPasses(plan, recognition, source, written, target, failed)
    }

    /// Equal weights, brought into canonical orientation, give equal bits: one batch forward and back on both sides.
    private func verifyPasses(
        _ plan: ConversionPlan, _ recognition: Recognition, _ source: any Checkpoint, _ written: any Checkpoint, _ target: any WritableCheckpointCodec,
        _ failed: (String, String?) -> CheckpointError
    ) throws(CheckpointError) {
        guard let network = recognition.network, target.keepsMetadata, plan.mapped.index.metadata[MetadataKey.network] != nil else { return }
        let again = try Recognition(of: written, format: target.name)
        guard again.network?.layers == network.layers else {
            throw failed("its network is read as \(again.network?.shortText ?? "none: \(again.networkReason ?? "")") instead of \(network.shortText)", nil)
        }
        // A cast was consented to, and moves the values.
        guard !plan.ledger.tensors.contains(where: { $0.actions.contains(.cast) }) else { return }
        let models = [
            try ParityModel(file: "the source", format: "", checkpoint: source, recognition: recognition),
            try ParityModel(file: "the copy", format: target.name, checkpoint: written, recognition: again),
        ]
        let report = try NetworkParity().report(models)
        guard report.comparisons.allSatisfy(\.bitwise) else {
            throw failed("a forward and backward pass gives other numbers, first in \(report.comparisons.compactMap(\.firstDivergence).first ?? "the loss")", nil)
        }
    }
}
