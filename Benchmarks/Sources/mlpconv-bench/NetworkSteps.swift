import Architecture
import MLP
import StrictJSON

/// Forward, softmax cross-entropy, and back to every parameter and the input.
enum NetworkSteps {
    static func job(_ request: JSONValue) throws -> Jobs.Job {
        let widths = request["widths"]?.array?.compactMap(\.int) ?? [], rows = request["rows"]?.int ?? 1
        return request["dtype"]?.string == "float64" ? try job(widths, rows, Double.self) : try job(widths, rows, Float.self)
    }

    private static func job<Scalar: NetworkScalar>(_ widths: [Int], _ rows: Int, _: Scalar.Type) throws -> Jobs.Job {
        let inner = widths.dropFirst().dropLast().map { Layer.dense(units: $0, useBias: true, activation: .relu) }
        guard let input = widths.first, let output = widths.last else { throw JobError("the request lacks widths") }
        let description = NetworkDescription(input: input, layers: inner + [.dense(units: output, useBias: true, activation: .softmax)], loss: Loss(.softmaxCE))
        var random = Uniform()
        var network = try Network<Scalar>(zeros: description)
        for parameter in description.parameters where parameter.name.hasSuffix(".kernel") {
            _ = try network.update(parameter: parameter.name) { for index in $0.indices { $0[index] = Scalar(random.next() * 0.05) } }
        }
        let batch = Batch<Scalar>(
            x: (0..<rows * input).map { _ in Scalar(random.next()) }, rows: rows, targets: .classes((0..<rows).map { $0 * 7 % output }))
        let workspace = try Workspace<Scalar>(for: description, rows: rows)
        let trained = network
        return {
            guard try trained.run(batch, in: workspace).isFinite else { throw JobError("the loss is not finite") }
            return nil
        }
    }

    /// Numbers from -1 to 1.
    private struct Uniform {
        var state: UInt64 = 1
        mutating func next() -> Double {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(Int64(bitPattern: state) >> 11) / Double(1 << 52)
        }
    }
}
