/// One product of matrices of a dense layer: C [rows, columns] = A [rows, depth] · B [depth, columns], row-major, where A or B may be
/// given as its transpose. The three that a layer needs are the three initialisers.
@safe public struct MatrixProduct<Scalar: NetworkScalar> {
    /// How the operands lie in memory.
    enum Form {
        /// A [rows, depth], B [depth, columns].
        case plain
        /// A is stored as its transpose [depth, rows].
        case transposedA
        /// B is stored as its transpose [columns, depth].
        case transposedB
    }

    let form: Form
    @unsafe let a: UnsafePointer<Scalar>
    @unsafe let b: UnsafePointer<Scalar>
    @unsafe let c: UnsafeMutablePointer<Scalar>
    let rows, depth, columns: Int

    /// z [batch, out] = x [batch, in] · kernel [in, out].
    init(forward x: UnsafePointer<Scalar>, kernel: UnsafePointer<Scalar>, z: UnsafeMutablePointer<Scalar>, batch: Int, input: Int, output: Int) {
        form = .plain
        unsafe (a, b, c) = unsafe (x, kernel, z)
        (rows, depth, columns) = (batch, input, output)
    }

    /// grad kernel [in, out] = x^T [in, batch] · grad z [batch, out].
    init(
        gradKernel: UnsafeMutablePointer<Scalar>, x: UnsafePointer<Scalar>, gradZ: UnsafePointer<Scalar>, batch: Int, input: Int, output: Int
    ) {
        form = .transposedA
        unsafe (a, b, c) = unsafe (x, gradZ, gradKernel)
        (rows, depth, columns) = (input, batch, output)
    }

    /// grad x [batch, in] = grad z [batch, out] · kernel^T [out, in].
    init(
        gradX: UnsafeMutablePointer<Scalar>, gradZ: UnsafePointer<Scalar>, kernel: UnsafePointer<Scalar>, batch: Int, input: Int, output: Int
    ) {
        form = .transposedB
        unsafe (a, b, c) = unsafe (gradZ, kernel, gradX)
        (rows, depth, columns) = (batch, output, input)
    }

    /// Multiplications.
    var work: Int { rows * depth * columns }
}

/// Which code multiplies matrices.
public enum Kernels: String, Sendable, CaseIterable {
    /// BLAS for large shapes where there is one, our own SIMD code for the rest. It depends on the shape alone.
    case automatic
    /// The textbook's three loops: the oracle.
    case reference
    case simd
    /// OpenBLAS or Accelerate, loaded at first use; `simd` where there is none.
    case blas

    /// Below this many multiplications a call into BLAS costs more than it saves.
    static var smallWork: Int { 1024 }

    /// `scratch` has `SIMDKernels.scratch` scalars.
    func multiply<Scalar: NetworkScalar>(_ product: MatrixProduct<Scalar>, scratch: UnsafeMutablePointer<Scalar>) {
        switch self {
        case .reference:
            ReferenceKernels.multiply(product)
        case .simd:
            unsafe SIMDKernels.multiply(product, scratch: scratch)
        case .automatic where product.work < Self.smallWork:
            unsafe SIMDKernels.multiply(product, scratch: scratch)
        case .automatic, .blas:
            if let library = BLASLibrary.shared, library.takes(product) {
                Scalar.multiply(product, with: library)
            } else {
                unsafe SIMDKernels.multiply(product, scratch: scratch)
            }
        }
    }
}
