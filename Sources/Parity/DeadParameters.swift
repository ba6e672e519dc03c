import Architecture
import MLP

/// Parameters whose gradient is zero for every input in [-1, 1], proven by intervals forward and by reach backward (PARITY-32).
struct DeadParameters {
    private var dead: [String: [Bool]] = [:]

    func contains(_ name: String, _ element: Int) -> Bool {
        guard let list = dead[name], element < list.count else { return false }
        return list[element]
    }

    private struct Interval {
        var low, high: Double
        var isZero: Bool { low == 0 && high == 0 }
    }

    private struct Trace {
        var input: [Interval]
        /// Units whose activation is flat over its whole interval.
        var flat: [Bool]
        /// Units whose z is never negative.
        var positive: [Bool]
    }

    init(_ description: NetworkDescription, _ parameters: [String: [Double]]) {
        var current = [Interval](repeating: Interval(low: -1, high: 1), count: description.input)
        var traces: [Trace] = []
        for (i, layer) in description.layers.enumerated() {
            func parameter(_ part: String) -> [Double]? { parameters["L\(i).\(part)"] }
            var trace = Trace(input: current, flat: current.map { _ in false }, positive: current.map { _ in false })
            var activation: Activation?
            switch layer {
            case .dense(let units, _, let own):
                current = Self.dense(current, parameter("kernel") ?? [], parameter("bias"), units)
                activation = own
            case .activation(let own): activation = own
            case .batchNorm(let eps, _, _):
                let (mean, variance) = (parameter("moving_mean") ?? [], parameter("moving_var") ?? [])
                current = current.indices.map { j in
                    let scale = (parameter("gamma")?[j] ?? 1) / (variance[j] + eps).squareRoot(), shift = parameter("beta")?[j] ?? 0
                    let ends = [(current[j].low - mean[j]) * scale + shift, (current[j].high - mean[j]) * scale + shift]
                    return Self.widened(ends.min() ?? 0, ends.max() ?? 0)
                }
            case .layerNorm:
                let reach = Double(current.count).squareRoot()
                current = current.indices.map { j in
                    let size = abs(parameter("gamma")?[j] ?? 1) * reach, shift = parameter("beta")?[j] ?? 0
                    return Self.widened(shift - size, shift + size)
                }
            case .dropout, .flatten: break
            }
            trace.flat = current.map { _ in false }
            trace.positive = current.map { $0.low >= 0 }
            if let activation, activation != .linear {
                let alpha = parameter("alpha") ?? []
                trace.flat = current.map { Self.isFlat(activation, $0) }
                current = current.indices.map { Self.image(activation, alpha.isEmpty ? 0 : alpha[$0], current[$0]) }
            }
            traces.append(trace)
        }
        back(description, parameters, traces)
    }

    private mutating func back(_ description: NetworkDescription, _ parameters: [String: [Double]], _ traces: [Trace]) {
        // Whether a gradient can come back to each value of the layer's output.
        var alive = [Bool](repeating: true, count: description.output)
        for (i, layer) in description.layers.enumerated().reversed() {
            let trace = traces[i]
            let reached = alive.indices.map { alive[$0] && !($0 < trace.flat.count && trace.flat[$0]) }
            switch layer {
            case .dense(let units, _, _):
                let kernel = parameters["L\(i).kernel"] ?? []
                dead["L\(i).kernel"] = kernel.indices.map { !reached[$0 % units] || trace.input[$0 / units].isZero }
                dead["L\(i).bias"] = reached.map { !$0 }
                dead["L\(i).alpha"] = alive.indices.map { !alive[$0] || trace.positive[$0] }
                alive = trace.input.indices.map { j in (0..<units).contains { reached[$0] && kernel[j * units + $0] != 0 } }
            case .activation(let activation):
                dead["L\(i).alpha"] = alive.indices.map { !alive[$0] || trace.positive[$0] }
                // Softmax mixes a row: one living value keeps all alive.
                alive = activation == .softmax || activation == .logSoftmax ? alive.map { _ in alive.contains(true) } : reached
            case .batchNorm, .layerNorm:
                for part in ["gamma", "beta", "moving_mean", "moving_var"] { dead["L\(i).\(part)"] = alive.map { !$0 } }
                if case .layerNorm = layer { alive = alive.map { _ in alive.contains(true) } }
            case .dropout, .flatten: break
            }
        }
    }

    private static func dense(_ input: [Interval], _ kernel: [Double], _ bias: [Double]?, _ units: Int) -> [Interval] {
        var low = bias ?? [Double](repeating: 0, count: units), high = low
        for (i, value) in input.enumerated() {
            for j in 0..<units {
                let w = kernel[i * units + j]
                low[j] += w > 0 ? w * value.low : w * value.high
                high[j] += w > 0 ? w * value.high : w * value.low
            }
        }
        return (0..<units).map { low[$0] == 0 && high[$0] == 0 ? Interval(low: 0, high: 0) : widened(low[$0], high[$0]) }
    }

    /// Room for the rounding of the sums.
    private static func widened(_ low: Double, _ high: Double) -> Interval {
        let room = 1e-6 * max(abs(low), abs(high))
        return Interval(low: low - room, high: high + room)
    }

    private static func isFlat(_ activation: Activation, _ z: Interval) -> Bool {
        switch activation {
        case .relu: z.high <= 0
        case .reluFloor(let e): z.high <= e
        case .relu6: z.high <= 0 || z.low >= 6
        case .hardSigmoid(let alpha, let beta): max(alpha * z.low, alpha * z.high) + beta <= 0 || min(alpha * z.low, alpha * z.high) + beta >= 1
        default: false
        }
    }

    private static func image(_ activation: Activation, _ alpha: Double, _ z: Interval) -> Interval {
        switch activation {
        case .softmax: return Interval(low: 0, high: 1)
        case .logSoftmax: return Interval(low: -.infinity, high: 0)
        default: break
        }
        guard let p = activation.value(at: z.low, alpha: alpha), let q = activation.value(at: z.high, alpha: alpha), !p.isNaN, !q.isNaN else {
            return Interval(low: -.infinity, high: .infinity)
        }
        var (low, high) = (min(p, q), max(p, q))
        if z.low < 0, z.high > 0 {
            // Where f turns round it does so at 0 (a negative slope), or dips to -0.31 at most (silu, mish, gelu).
            low = min(low, 0, activation.dips ? -0.32 : 0)
            high = max(high, activation.value(at: 0.0, alpha: alpha) ?? 0)
        } else if activation.dips, z.low < 0 {
            low = -0.32
        }
        return low == high ? Interval(low: low, high: high) : widened(low, high)
    }
}

extension Activation {
    /// Whether it falls before it rises.
    fileprivate var dips: Bool {
        switch self {
        case .gelu, .geluTanh, .silu, .mish: true
        default: false
        }
    }
}
