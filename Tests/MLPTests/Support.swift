import Architecture
import MLP

/// Reproducible numbers.
struct Generator: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }

    /// About normal: the sum of uniforms.
    mutating func normal() -> Double { (0..<6).reduce(-3) { sum, _ in sum + Double.random(in: 0..<1, using: &self) } * 1.4 }
    mutating func normals(_ count: Int, scale: Double = 1) -> [Double] { (0..<count).map { _ in normal() * scale } }
}

/// A network with random weights of sensible size: kernels scaled by fan-in, variances positive, slopes in between.
func randomParameters(_ description: NetworkDescription, seed: UInt64) -> [String: [Double]] {
    var generator = Generator(seed)
    var parameters: [String: [Double]] = [:]
    for (name, shape) in description.parameters {
        let count = shape.reduce(1, *)
        if name.hasSuffix("kernel") {
            parameters[name] = generator.normals(count, scale: 1 / Double(shape[0]).squareRoot())
        } else if name.hasSuffix("moving_var") {
            parameters[name] = (0..<count).map { _ in Double.random(in: 0.3..<2, using: &generator) }
        } else if name.hasSuffix("gamma") {
            parameters[name] = (0..<count).map { _ in Double.random(in: 0.5..<1.5, using: &generator) }
        } else {
            parameters[name] = generator.normals(count, scale: 0.3)
        }
    }
    return parameters
}

func randomBatch(_ description: NetworkDescription, loss: Loss.Kind, rows: Int, seed: UInt64) -> Batch<Double> {
    var generator = Generator(seed &+ 77)
    let x = generator.normals(rows * description.input)
    let k = description.output
    switch loss {
    case .softmaxCE:
        return Batch(x: x, rows: rows, targets: .classes((0..<rows).map { _ in Int.random(in: 0..<k, using: &generator) }))
    case .softmaxCESoft:
        var soft: [Double] = []
        for _ in 0..<rows {
            let weights = (0..<k).map { _ in Double.random(in: 0.1..<1, using: &generator) }
            soft += weights.map { $0 / weights.reduce(0, +) }
        }
        return Batch(x: x, rows: rows, targets: .dense(soft))
    case .bce:
        return Batch(x: x, rows: rows, targets: .dense((0..<rows * k).map { _ in Double.random(in: 0...1, using: &generator) }))
    case .mse:
        return Batch(x: x, rows: rows, targets: .dense(generator.normals(rows * k)))
    }
}

extension Batch where Scalar == Double {
    var single: Batch<Float> {
        let targets: Batch<Float>.Targets =
            switch self.targets {
            case .classes(let classes): .classes(classes)
            case .dense(let values): .dense(values.map { Float($0) })
            }
        return Batch<Float>(x: x.map { Float($0) }, rows: rows, targets: targets)
    }
}

/// max|a - b| / max(1e-6, max|b|), CLI.md's scaled difference. A larger `floor` is for sums that may cancel in float32.
func scaled<A: BinaryFloatingPoint, B: BinaryFloatingPoint>(_ a: [A], _ b: [B], floor: Double = 1e-6) -> Double {
    guard a.count == b.count else { return .infinity }
    let top = b.reduce(floor) { max($0, abs(Double($1))) }
    return zip(a, b).reduce(0) { worst, pair in
        let difference = abs(Double(pair.0) - Double(pair.1))
        return difference.isNaN ? .infinity : max(worst, difference / top)
    }
}
