/// Batch normalisation in inference (moving statistics, by column) and layer normalisation (mean and biased variance of each row).
/// `normalised` [rows, width] is (x - mean) / sqrt(variance + eps), kept for the way back; `inverse` is 1 / sqrt(variance + eps).
/// An absent gamma is 1, an absent beta 0.
enum Norms<Scalar: NetworkScalar> {
    /// y = normalised * gamma + beta; inverse [width].
    static func batchForward(
        x: UnsafePointer<Scalar>, mean: UnsafePointer<Scalar>, variance: UnsafePointer<Scalar>, eps: Scalar, gamma: UnsafePointer<Scalar>?,
        beta: UnsafePointer<Scalar>?, normalised: UnsafeMutablePointer<Scalar>, inverse: UnsafeMutablePointer<Scalar>,
        y: UnsafeMutablePointer<Scalar>, _ rows: Int, _ width: Int
    ) {
        for j in 0..<width { unsafe inverse[j] = 1 / (variance[j] + eps).squareRoot() }
        for r in 0..<rows {
            for j in 0..<width { unsafe normalised[r * width + j] = (x[r * width + j] - mean[j]) * inverse[j] }
        }
        unsafe scale(normalised, gamma, beta, y, rows, width)
    }

    /// grad x = grad y * gamma * inverse: the moving statistics are constants.
    static func batchBackward(
        gradY: UnsafePointer<Scalar>, gamma: UnsafePointer<Scalar>?, inverse: UnsafePointer<Scalar>, gradX: UnsafeMutablePointer<Scalar>,
        _ rows: Int, _ width: Int
    ) {
        for r in 0..<rows {
            for j in 0..<width { unsafe gradX[r * width + j] = gradY[r * width + j] * ((gamma?[j] ?? 1) * inverse[j]) }
        }
    }

    /// y = normalised * gamma + beta; inverse [rows].
    static func layerForward(
        x: UnsafePointer<Scalar>, eps: Scalar, gamma: UnsafePointer<Scalar>?, beta: UnsafePointer<Scalar>?,
        normalised: UnsafeMutablePointer<Scalar>, inverse: UnsafeMutablePointer<Scalar>, y: UnsafeMutablePointer<Scalar>, _ rows: Int, _ width: Int
    ) {
        for r in 0..<rows {
            let (x, normalised) = unsafe (x + r * width, normalised + r * width)
            var mean: Scalar = 0
            for j in 0..<width { unsafe mean += x[j] }
            mean /= Scalar(width)
            var variance: Scalar = 0
            for j in 0..<width { unsafe variance += (x[j] - mean) * (x[j] - mean) }
            variance /= Scalar(width)
            let scale = 1 / (variance + eps).squareRoot()
            unsafe inverse[r] = scale
            for j in 0..<width { unsafe normalised[j] = (x[j] - mean) * scale }
        }
        unsafe scale(normalised, gamma, beta, y, rows, width)
    }

    /// With g = grad y * gamma: grad x = inverse (g - mean(g) - normalised mean(g * normalised)), the means over the row.
    static func layerBackward(
        gradY: UnsafePointer<Scalar>, gamma: UnsafePointer<Scalar>?, normalised: UnsafePointer<Scalar>, inverse: UnsafePointer<Scalar>,
        gradX: UnsafeMutablePointer<Scalar>, _ rows: Int, _ width: Int
    ) {
        for r in 0..<rows {
            let (gradY, normalised, gradX) = unsafe (gradY + r * width, normalised + r * width, gradX + r * width)
            var (mean, product): (Scalar, Scalar) = (0, 0)
            for j in 0..<width {
                let g = unsafe gradY[j] * (gamma?[j] ?? 1)
                unsafe gradX[j] = g
                mean += g
                unsafe product += g * normalised[j]
            }
            mean /= Scalar(width)
            product /= Scalar(width)
            for j in 0..<width { unsafe gradX[j] = inverse[r] * (gradX[j] - mean - normalised[j] * product) }
        }
    }

    /// grad gamma = the sum over rows of grad y * normalised, grad beta that of grad y.
    static func gradParameters(
        gradY: UnsafePointer<Scalar>, normalised: UnsafePointer<Scalar>, gradGamma: UnsafeMutablePointer<Scalar>?,
        gradBeta: UnsafeMutablePointer<Scalar>?, _ rows: Int, _ width: Int
    ) {
        if let gradBeta = unsafe gradBeta { unsafe Rows.sum(gradY, into: gradBeta, rows, width) }
        guard let gradGamma = unsafe gradGamma else { return }
        unsafe gradGamma.update(repeating: 0, count: width)
        for r in 0..<rows {
            for j in 0..<width { unsafe gradGamma[j] += gradY[r * width + j] * normalised[r * width + j] }
        }
    }

    private static func scale(
        _ normalised: UnsafePointer<Scalar>, _ gamma: UnsafePointer<Scalar>?, _ beta: UnsafePointer<Scalar>?, _ y: UnsafeMutablePointer<Scalar>,
        _ rows: Int, _ width: Int
    ) {
        for r in 0..<rows {
            for j in 0..<width { unsafe y[r * width + j] = normalised[r * width + j] * (gamma?[j] ?? 1) + (beta?[j] ?? 0) }
        }
    }
}
