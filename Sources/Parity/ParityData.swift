public import Checkpoints
import Architecture
import ByteIO
import Tensors

/// Arrays of numbers in a checkpoint, by name.
struct NumberArrays {
    let checkpoint: any Checkpoint
    let file: String

    struct Entry {
        var shape: [Int]
        var values: [Double]
        var dtype: DType
    }

    func has(_ name: String) -> Bool { checkpoint.index.position(of: name) != nil }

    /// The array `name` in float64; nil when there is none. Throws `mismatch` for what is no number.
    func callAsFunction(_ name: String) throws(CheckpointError) -> Entry? {
        guard let position = checkpoint.index.position(of: name) else { return nil }
        let info = checkpoint.index.tensors[position]
        do throws(CheckpointError) {
            guard let cast = ElementCast(from: info.dtype, to: .float64) else {
                throw CheckpointError(.mismatch, "it is \(info.dtype.rawValue); real numbers are needed here")
            }
            var values: [Double] = []
            values.reserveCapacity(info.shape.elementCount)
            let buffer = try ChunkBuffer(checkedCount: 1 << 20)
            try checkpoint.forEachChunk(ofTensorAt: position, through: buffer) { bytes in
                let count = bytes.byteCount / info.dtype.byteCount
                var part = [Double](repeating: 0, count: count)
                var report = ElementCast.Report()
                do {
                    var span = part.mutableSpan
                    var raw = unsafe span.mutableBytes
                    cast.convert(bytes, into: &raw, count: count, report: &report)
                }
                values += part
            }
            return Entry(shape: info.shape.sizes, values: values, dtype: info.dtype)
        } catch { throw error.at(file: file, tensor: name) }
    }
}

/// Rows and targets from a file: `x`, and `y.index` or `y.dense` (CLI.md, `--inputs` and REF.npz).
public struct ParityData {
    let arrays: NumberArrays
    let x: [Double]
    let rows: Int
    let width: Int

    /// Throws `mismatch` where there is no `x`, or it has no rows.
    public init(_ checkpoint: any Checkpoint, file: String) throws(CheckpointError) {
        arrays = NumberArrays(checkpoint: checkpoint, file: file)
        guard let x = try arrays("x") else {
            throw CheckpointError(.mismatch, "it has no array \"x\"; rows of input are needed, [rows, columns]").at(file: file)
        }
        guard x.shape.count >= 2, x.shape[0] >= 1, !x.values.isEmpty else {
            throw CheckpointError(.mismatch, "\"x\" has shape \(x.shape); rows of input are needed, [rows, columns]", tensor: "x").at(file: file)
        }
        (self.x, rows, width) = (x.values, x.shape[0], x.values.count / x.shape[0])
    }

    var hasClasses: Bool { arrays.has("y.index") }
    var hasDense: Bool { arrays.has("y.dense") }

    /// The batch for a loss. Classes serve where dense targets are wanted, and one-hot rows where classes are.
    /// Throws `mismatch` where rows, columns or targets do not fit a network of `input` columns and `output` outputs.
    func batch(loss: Loss.Kind, input: Int, output: Int) throws(CheckpointError) -> ParityBatch {
        do throws(CheckpointError) {
            guard width == input else {
                throw CheckpointError(.mismatch, "its rows have \(width) columns, the network's input has \(input)", tensor: "x")
            }
            return ParityBatch(x: x, rows: rows, input: input, targets: loss == .softmaxCE ? try classes(output) : try dense(loss, output))
        } catch { throw error.at(file: arrays.file) }
    }

    private func classes(_ output: Int) throws(CheckpointError) -> ParityBatch.Targets {
        if let labels = try arrays("y.index") { return .classes(try whole(labels.values, output)) }
        if let dense = try arrays("y.dense"), dense.values.count == rows * output {
            let labels = (0..<rows).map { r in (0..<output).filter { dense.values[r * output + $0] == 1 } }
            if labels.allSatisfy({ $0.count == 1 }), dense.values.allSatisfy({ $0 == 0 || $0 == 1 }) { return .classes(labels.map { $0[0] }) }
        }
        throw CheckpointError(.mismatch, "softmax_ce needs a class a row: an array \"y.index\" (\(rows) rows), or one-hot rows in \"y.dense\"; else choose --loss softmax_ce_soft")
    }

    private func dense(_ loss: Loss.Kind, _ output: Int) throws(CheckpointError) -> ParityBatch.Targets {
        if let dense = try arrays("y.dense") {
            guard dense.values.count == rows * output else {
                throw CheckpointError(.mismatch, "its shape is \(dense.shape), the network's output for these rows is [\(rows), \(output)]", tensor: "y.dense")
            }
            return .dense(dense.values)
        }
        guard let labels = try arrays("y.index"), loss != .mse else {
            throw CheckpointError(.mismatch, "\(loss.rawValue) needs targets of shape [\(rows), \(output)] in \"y.dense\"")
        }
        if output == 1 { return .dense(try whole(labels.values, 2).map(Double.init)) }
        let classes = try whole(labels.values, output)
        return .dense(classes.flatMap { label in (0..<output).map { $0 == label ? 1.0 : 0 } })
    }

    private func whole(_ values: [Double], _ output: Int) throws(CheckpointError) -> [Int] {
        guard values.count == rows else {
            throw CheckpointError(.mismatch, "\(values.count) classes for \(rows) rows", tensor: "y.index")
        }
        var labels: [Int] = []
        for (row, value) in values.enumerated() {
            guard let label = Int(exactly: value), (0..<output).contains(label) else {
                throw CheckpointError(.mismatch, "row \(row) has class \(value); the classes are 0 to \(output - 1)", tensor: "y.index")
            }
            labels.append(label)
        }
        return labels
    }
}

/// A REF.npz: a batch, and what a pass on it gave somewhere else (CLI.md).
public struct Reference {
    public let data: ParityData
    public let file: String
    /// The precision of what is compared: `f64.*`, or `f32.*` where there is nothing else.
    public let precision: Precision

    /// Throws `mismatch` where it has no `x` or no quantities.
    public init(_ checkpoint: any Checkpoint, file: String) throws(CheckpointError) {
        data = try ParityData(checkpoint, file: file)
        self.file = file
        let names = checkpoint.index.tensors.map(\.name)
        guard let found = Precision.allCases.first(where: { precision in names.contains { $0.hasPrefix("\(precision.prefix).") } }) else {
            throw CheckpointError(.mismatch, "it has neither f64.* nor f32.* quantities (f64.L0.pre, f64.loss, f64.grad.L0.kernel …): it is no reference").at(file: file)
        }
        precision = found
    }

    func quantity(_ name: String) throws(CheckpointError) -> NumberArrays.Entry? { try data.arrays("\(precision.prefix).\(name)") }
    func parameter(_ name: String) throws(CheckpointError) -> NumberArrays.Entry? { try data.arrays("param.\(name)") }
}
