import Architecture

/// Rows of input and what is wanted of them.
public struct Batch<Scalar: NetworkScalar>: Sendable {
    public enum Targets: Sendable {
        /// A class a row, for `softmax_ce`.
        case classes([Int])
        /// A row of targets [rows, output], for the other losses.
        case dense([Scalar])
    }

    /// [rows, input], row-major.
    public var x: [Scalar]
    public var rows: Int
    public var targets: Targets

    public init(x: [Scalar], rows: Int, targets: Targets) {
        self.x = x
        self.rows = rows
        self.targets = targets
    }

    /// Throws unless the batch fits `width` columns of input and `output` columns of targets for `loss`.
    func check(input width: Int, output: Int, loss: Loss.Kind) throws(NetworkError) {
        try Self.check(x: x.count, rows: rows, input: width)
        switch (targets, loss) {
        case (.classes(let classes), .softmaxCE):
            guard classes.count == rows else {
                throw NetworkError(.batchShape, "\(rows) rows need \(rows) classes, \(classes.count) were given")
            }
            for row in 0..<rows where classes[row] < 0 || classes[row] >= output {
                throw NetworkError(.target, "row \(row) has class \(classes[row]); the network's classes are 0 to \(output - 1)")
            }
        case (.dense(let values), .softmaxCESoft), (.dense(let values), .bce), (.dense(let values), .mse):
            let (count, overflow) = rows.multipliedReportingOverflow(by: output)
            guard !overflow, values.count == count else {
                throw NetworkError(.batchShape, "targets of shape [\(rows), \(output)] have \(count) values, \(values.count) were given")
            }
        case (.dense, .softmaxCE):
            throw NetworkError(.target, "the loss softmax_ce needs class indices (y.index); dense targets go with softmax_ce_soft, bce and mse")
        case (.classes, _):
            throw NetworkError(.target, "the loss \(loss.rawValue) needs dense targets (y.dense); class indices go with softmax_ce")
        }
    }

    static func check(x count: Int, rows: Int, input width: Int) throws(NetworkError) {
        let (needed, overflow) = rows.multipliedReportingOverflow(by: width)
        guard rows >= 1, !overflow, count == needed else {
            throw NetworkError(.batchShape, "a batch needs rows of \(width) columns: \(rows) rows are \(needed) values, \(count) were given")
        }
    }
}
