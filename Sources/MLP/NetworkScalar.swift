#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A precision that networks run in: `Float` or `Double`. Nothing else conforms.
///
/// The requirements are what generic code cannot say for itself: the functions of libm, the vector that our kernels compute with,
/// the routines of BLAS, and one entry through which a whole pass runs in code compiled for this type.
public protocol NetworkScalar: BinaryFloatingPoint, SIMDScalar, Codable, Sendable, BitwiseCopyable {
    /// 32 bytes of scalars.
    associatedtype Lane: SIMD & BitwiseCopyable where Lane.Scalar == Self

    static func exponential(_ x: Self) -> Self
    /// exp(x) - 1, exact near 0.
    static func exponentialMinusOne(_ x: Self) -> Self
    /// log(1 + x), exact near 0.
    static func logOnePlus(_ x: Self) -> Self
    static func hyperbolicTangent(_ x: Self) -> Self
    /// 1 - erf(x), exact in the tail.
    static func complementaryErrorFunction(_ x: Self) -> Self

    /// A product of matrices by a BLAS library.
    static func multiply(_ product: MatrixProduct<Self>, with library: BLASLibrary)
    /// A step of a network in code compiled for this type.
    static func perform(_ step: Step<Self>)
}

extension Float: NetworkScalar {
    public typealias Lane = SIMD8<Float>

    public static func exponential(_ x: Float) -> Float { expf(x) }
    public static func exponentialMinusOne(_ x: Float) -> Float { expm1f(x) }
    public static func logOnePlus(_ x: Float) -> Float { log1pf(x) }
    public static func hyperbolicTangent(_ x: Float) -> Float { tanhf(x) }
    public static func complementaryErrorFunction(_ x: Float) -> Float { erfcf(x) }
    public static func multiply(_ product: MatrixProduct<Float>, with library: BLASLibrary) { library.multiply(product) }
    public static func perform(_ step: Step<Float>) { step.perform() }
}

extension Double: NetworkScalar {
    public typealias Lane = SIMD4<Double>

    public static func exponential(_ x: Double) -> Double { exp(x) }
    public static func exponentialMinusOne(_ x: Double) -> Double { expm1(x) }
    public static func logOnePlus(_ x: Double) -> Double { log1p(x) }
    public static func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
    public static func complementaryErrorFunction(_ x: Double) -> Double { erfc(x) }
    public static func multiply(_ product: MatrixProduct<Double>, with library: BLASLibrary) { library.multiply(product) }
    public static func perform(_ step: Step<Double>) { step.perform() }
}
