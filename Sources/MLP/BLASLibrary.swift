#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// OpenBLAS (Linux) or Accelerate (macOS), loaded at first use so that a program that never multiplies pays nothing. It runs on the calling
/// thread alone: its own threads would change the order of sums, and collapse when a core is busy.
///
/// The environment variable `MLPCONV_BLAS` set to `none` leaves it out; any other value is the path of a library with the CBLAS interface.
@safe public final class BLASLibrary: Sendable {
    /// The library in use, nil where there is none.
    public static let shared: BLASLibrary? = find()

    /// What was loaded.
    public let name: String

    private let sgemm: Routine<Float>.GEMM
    private let dgemm: Routine<Double>.GEMM
    private let sgemv: Routine<Float>.GEMV
    private let dgemv: Routine<Double>.GEMV

    /// The signatures of CBLAS. Enumerations are C ints there.
    private enum Routine<Scalar> {
        typealias GEMM = @Sendable (
            _ transposeA: Bool, _ transposeB: Bool, _ m: Int32, _ n: Int32, _ k: Int32, UnsafePointer<Scalar>, Int32, UnsafePointer<Scalar>,
            Int32, UnsafeMutablePointer<Scalar>, Int32
        ) -> Void
        typealias GEMV = @Sendable (
            _ transpose: Bool, _ m: Int32, _ n: Int32, UnsafePointer<Scalar>, UnsafePointer<Scalar>, UnsafeMutablePointer<Scalar>
        ) -> Void
    }

    private typealias SGEMM = @convention(c) (
        Int32, Int32, Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>, Int32, UnsafePointer<Float>, Int32, Float,
        UnsafeMutablePointer<Float>, Int32
    ) -> Void
    private typealias DGEMM = @convention(c) (
        Int32, Int32, Int32, Int32, Int32, Int32, Double, UnsafePointer<Double>, Int32, UnsafePointer<Double>, Int32, Double,
        UnsafeMutablePointer<Double>, Int32
    ) -> Void
    private typealias SGEMV = @convention(c) (
        Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>, Int32, UnsafePointer<Float>, Int32, Float, UnsafeMutablePointer<Float>, Int32
    ) -> Void
    private typealias DGEMV = @convention(c) (
        Int32, Int32, Int32, Int32, Double, UnsafePointer<Double>, Int32, UnsafePointer<Double>, Int32, Double, UnsafeMutablePointer<Double>,
        Int32
    ) -> Void

    private static func find() -> BLASLibrary? {
        let wish = unsafe getenv("MLPCONV_BLAS").map { unsafe String(cString: $0) }
        if wish == "none" { return nil }
        if let wish, !wish.isEmpty { return BLASLibrary(path: wish) }
        #if canImport(Darwin)
            let names = ["/System/Library/Frameworks/Accelerate.framework/Accelerate"]
        #else
            let names = ["libopenblas.so.0", "libopenblas.so"]
        #endif
        for name in names {
            if let library = BLASLibrary(path: name) { return library }
        }
        return nil
    }

    private init?(path: String) {
        guard let handle = unsafe dlopen(path, RTLD_NOW | RTLD_LOCAL),
            let sgemm = unsafe dlsym(handle, "cblas_sgemm"), let dgemm = unsafe dlsym(handle, "cblas_dgemm"),
            let sgemv = unsafe dlsym(handle, "cblas_sgemv"), let dgemv = unsafe dlsym(handle, "cblas_dgemv")
        else { return nil }
        name = path
        if let threads = unsafe dlsym(handle, "openblas_set_num_threads") {
            unsafe unsafeBitCast(threads, to: (@convention(c) (Int32) -> Void).self)(1)
        }
        let sgemmC = unsafe unsafeBitCast(sgemm, to: SGEMM.self)
        let dgemmC = unsafe unsafeBitCast(dgemm, to: DGEMM.self)
        let sgemvC = unsafe unsafeBitCast(sgemv, to: SGEMV.self)
        let dgemvC = unsafe unsafeBitCast(dgemv, to: DGEMV.self)
        unsafe self.sgemm = { ta, tb, m, n, k, a, lda, b, ldb, c, ldc in
            unsafe sgemmC(Self.rowMajor, Self.flag(ta), Self.flag(tb), m, n, k, 1, a, lda, b, ldb, 0, c, ldc)
        }
        unsafe self.dgemm = { ta, tb, m, n, k, a, lda, b, ldb, c, ldc in
            unsafe dgemmC(Self.rowMajor, Self.flag(ta), Self.flag(tb), m, n, k, 1, a, lda, b, ldb, 0, c, ldc)
        }
        unsafe self.sgemv = { t, m, n, a, x, y in unsafe sgemvC(Self.rowMajor, Self.flag(t), m, n, 1, a, n, x, 1, 0, y, 1) }
        unsafe self.dgemv = { t, m, n, a, x, y in unsafe dgemvC(Self.rowMajor, Self.flag(t), m, n, 1, a, n, x, 1, 0, y, 1) }
    }

    private static let rowMajor: Int32 = 101
    private static func flag(_ transpose: Bool) -> Int32 { transpose ? 112 : 111 }

    /// Whether the sizes fit the library's 32-bit integers, and it is worth the call: outer products only store, which we do as fast.
    func takes<Scalar: NetworkScalar>(_ p: MatrixProduct<Scalar>) -> Bool {
        max(p.rows, p.depth, p.columns) <= Int(Int32.max) && !(p.form == .transposedA && p.depth == 1)
    }

    func multiply(_ p: MatrixProduct<Float>) { unsafe multiply(p, gemm: sgemm, gemv: sgemv) }
    func multiply(_ p: MatrixProduct<Double>) { unsafe multiply(p, gemm: dgemm, gemv: dgemv) }

    /// A matrix times a vector where one side is a single row or column: it reads the matrix once, which is all there is to do.
    private func multiply<Scalar: NetworkScalar>(_ p: MatrixProduct<Scalar>, gemm: Routine<Scalar>.GEMM, gemv: Routine<Scalar>.GEMV) {
        let (m, k, n) = (Int32(p.rows), Int32(p.depth), Int32(p.columns))
        switch p.form {
        case .plain where m == 1: unsafe gemv(true, k, n, p.b, p.a, p.c)
        case .transposedB where m == 1: unsafe gemv(false, n, k, p.b, p.a, p.c)
        case .plain where n == 1: unsafe gemv(false, m, k, p.a, p.b, p.c)
        case .transposedA where n == 1: unsafe gemv(true, k, m, p.a, p.b, p.c)
        case .plain: unsafe gemm(false, false, m, n, k, p.a, k, p.b, n, p.c, n)
        case .transposedA: unsafe gemm(true, false, m, n, k, p.a, m, p.b, n, p.c, n)
        case .transposedB: unsafe gemm(false, true, m, n, k, p.a, k, p.b, k, p.c, n)
        }
    }
}
