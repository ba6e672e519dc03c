/// Products of matrices as the textbook writes them: the oracle for the fast kernels, and what a port would start from.
/// Sums are taken in the scalar's own precision, in the order of the index.
enum ReferenceKernels {
    static func multiply<Scalar: NetworkScalar>(_ p: MatrixProduct<Scalar>) {
        switch p.form {
        case .plain:
            // z[b, o] = sum_i x[b, i] kernel[i, o]
            for row in 0..<p.rows {
                for column in 0..<p.columns {
                    var sum: Scalar = 0
                    for k in 0..<p.depth { unsafe sum += p.a[row * p.depth + k] * p.b[k * p.columns + column] }
                    unsafe p.c[row * p.columns + column] = sum
                }
            }
        case .transposedA:
            // grad kernel[i, o] = sum_b x[b, i] grad z[b, o]
            for row in 0..<p.rows {
                for column in 0..<p.columns {
                    var sum: Scalar = 0
                    for k in 0..<p.depth { unsafe sum += p.a[k * p.rows + row] * p.b[k * p.columns + column] }
                    unsafe p.c[row * p.columns + column] = sum
                }
            }
        case .transposedB:
            // grad x[b, i] = sum_o grad z[b, o] kernel[i, o]
            for row in 0..<p.rows {
                for column in 0..<p.columns {
                    var sum: Scalar = 0
                    for k in 0..<p.depth { unsafe sum += p.a[row * p.depth + k] * p.b[column * p.depth + k] }
                    unsafe p.c[row * p.columns + column] = sum
                }
            }
        }
    }
}
