import Tensors
import Testing

@Suite("Statistics count what is there")
struct TensorStatisticsTests {
    private func statistics(_ values: [Float], pieces: Int) -> TensorStatistics {
        var statistics = TensorStatistics()
        for start in stride(from: 0, to: values.count, by: pieces) {
            let piece = Array(values[start..<min(start + pieces, values.count)])
            unsafe statistics.add(piece.span.bytes, as: .float32)
        }
        return statistics
    }

    @Test("zeros, NaN, infinities and subnormals are counted, and left out of mean and deviation")
    func special() {
        let got = statistics([0, -0.0, .nan, .infinity, -.infinity, .leastNonzeroMagnitude, 3, -1], pieces: 8)
        #expect(got.zeros == 2 && got.nan == 1 && got.inf == 2 && got.subnormal == 1 && got.finite == 5)
        #expect(got.min == -1 && got.max == 3)
        #expect(abs(got.mean - 0.4) < 1e-12)
    }

    @Test("the pieces do not change the figures, even far from zero")
    func pieces() {
        let values = (0..<5000).map { Float(1_000_000 + $0 % 7) }
        let mean = values.reduce(0.0) { $0 + Double($1) } / 5000
        let deviation = (values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / 5000).squareRoot()
        for size in [1, 3, 512, 5000] {
            let got = statistics(values, pieces: size)
            #expect(abs(got.mean - mean) < 1e-9 * mean)
            #expect(abs(got.std - deviation) < 1e-9)
        }
    }

    @Test("nothing at all has no mean")
    func empty() {
        #expect(statistics([], pieces: 1).mean.isNaN)
    }
}
