/// Our own products of matrices, for where there is no BLAS and for shapes too small for it. Written for the 16 registers of baseline
/// x86-64 (SwiftPM gives a package no other) and the 32 of arm64: tiles of 4 x one lane (8 floats, 4 doubles) of results stay in registers.
/// The order of every sum follows from the shape alone.
enum SIMDKernels {
    /// The scratch that `multiply` needs for a largest depth, in scalars.
    static func scratch<Scalar: NetworkScalar>(depth: Int, of: Scalar.Type) -> Int {
        max(packed, depth &* Scalar.Lane.scalarCount)
    }

    /// How many scalars of B are packed at once where that is more than one strip: they stay in a second-level cache.
    private static var packed: Int { 1 << 15 }

    static func multiply<Scalar: NetworkScalar>(_ p: MatrixProduct<Scalar>, scratch: UnsafeMutablePointer<Scalar>) {
        switch p.form {
        case .plain where p.rows < 4: fewRows(p)
        case .plain: unsafe strips(p, rowStride: p.depth, stepStride: 1, scratch)
        case .transposedA where p.depth == 1: outer(p)
        case .transposedA: unsafe strips(p, rowStride: 1, stepStride: p.rows, scratch)
        case .transposedB: dots(p)
        }
    }

    /// C = A · B for few rows: every row of B is read once, in order, and added to C.
    private static func fewRows<Scalar: NetworkScalar>(_ p: MatrixProduct<Scalar>) {
        let lane = Scalar.Lane.scalarCount
        let n = p.columns
        for row in 0..<p.rows {
            let (a, c) = unsafe (p.a + row * p.depth, p.c + row * n)
            unsafe c.update(repeating: 0, count: n)
            var k = 0
            while k + 4 <= p.depth {
                let (a0, a1, a2, a3) = unsafe (a[k], a[k + 1], a[k + 2], a[k + 3])
                let b = unsafe p.b + k * n
                var j = 0
                while j + lane <= n {
                    var sum: Scalar.Lane = unsafe load(c + j)
                    unsafe sum = add(sum, a0, load(b + j))
                    unsafe sum = add(sum, a1, load(b + n + j))
                    unsafe sum = add(sum, a2, load(b + 2 * n + j))
                    unsafe sum = add(sum, a3, load(b + 3 * n + j))
                    unsafe store(sum, c + j)
                    j += lane
                }
                while j < n {
                    unsafe c[j] = c[j] + a0 * b[j] + a1 * b[n + j] + a2 * b[2 * n + j] + a3 * b[3 * n + j]
                    j += 1
                }
                k += 4
            }
            while k < p.depth {
                let (factor, b) = unsafe (a[k], p.b + k * n)
                for j in 0..<n { unsafe c[j] += factor * b[j] }
                k += 1
            }
        }
    }

    /// C [rows, columns] = a column times a row.
    private static func outer<Scalar: NetworkScalar>(_ p: MatrixProduct<Scalar>) {
        for row in 0..<p.rows {
            let (factor, c) = unsafe (p.a[row], p.c + row * p.columns)
            for j in 0..<p.columns { unsafe c[j] = factor * p.b[j] }
        }
    }

    /// C = A · B with A(row, k) at `row * rowStride + k * stepStride`. B is packed into strips one lane wide, padded with zeros.
    private static func strips<Scalar: NetworkScalar>(
        _ p: MatrixProduct<Scalar>, rowStride: Int, stepStride: Int, _ scratch: UnsafeMutablePointer<Scalar>
    ) {
        let lane = Scalar.Lane.scalarCount
        let total = (p.columns + lane - 1) / lane
        let group = max(1, packed / (lane * p.depth))
        var first = 0
        while first < total {
            let count = min(group, total - first)
            for s in 0..<count { unsafe pack(p, column: (first + s) * lane, scratch + s * lane * p.depth) }
            var row = 0
            while row < p.rows {
                let height = min(4, p.rows - row)
                for s in 0..<count {
                    let column = (first + s) * lane
                    let (a, b) = unsafe (p.a + row * rowStride, scratch + s * lane * p.depth)
                    let c = unsafe p.c + row * p.columns + column
                    let width = min(lane, p.columns - column)
                    if height == 4 {
                        unsafe tile(a, rowStride, stepStride, b, p.depth, c, p.columns, width)
                    } else {
                        for r in 0..<height {
                            var sum = Scalar.Lane()
                            for k in 0..<p.depth { unsafe sum = add(sum, a[r * rowStride + k * stepStride], load(b + k * lane)) }
                            unsafe store(sum, c + r * p.columns, width)
                        }
                    }
                }
                row += height
            }
            first += count
        }
    }

    private static func pack<Scalar: NetworkScalar>(_ p: MatrixProduct<Scalar>, column: Int, _ strip: UnsafeMutablePointer<Scalar>) {
        let lane = Scalar.Lane.scalarCount
        let width = min(lane, p.columns - column)
        for k in 0..<p.depth {
            let source = unsafe p.b + k * p.columns + column
            if width == lane {
                let values: Scalar.Lane = unsafe load(source)
                unsafe store(values, strip + k * lane)
            } else {
                for j in 0..<lane { unsafe strip[k * lane + j] = j < width ? source[j] : 0 }
            }
        }
    }

    /// Four rows of C, one lane wide.
    @inline(__always)
    private static func tile<Scalar: NetworkScalar>(
        _ a: UnsafePointer<Scalar>, _ rowStride: Int, _ stepStride: Int, _ b: UnsafePointer<Scalar>, _ depth: Int,
        _ c: UnsafeMutablePointer<Scalar>, _ columns: Int, _ width: Int
    ) {
        var (c0, c1, c2, c3) = (Scalar.Lane(), Scalar.Lane(), Scalar.Lane(), Scalar.Lane())
        var (a, b) = unsafe (a, b)
        for _ in 0..<depth {
            let values: Scalar.Lane = unsafe load(b)
            unsafe c0 = add(c0, a[0], values)
            unsafe c1 = add(c1, a[rowStride], values)
            unsafe c2 = add(c2, a[2 * rowStride], values)
            unsafe c3 = add(c3, a[3 * rowStride], values)
            unsafe a += stepStride
            unsafe b += Scalar.Lane.scalarCount
        }
        unsafe store(c0, c, width)
        unsafe store(c1, c + columns, width)
        unsafe store(c2, c + 2 * columns, width)
        unsafe store(c3, c + 3 * columns, width)
    }

    /// C = A · B^T: dot products of rows, two by two.
    private static func dots<Scalar: NetworkScalar>(_ p: MatrixProduct<Scalar>) {
        var column = 0
        while column < p.columns {
            let wide = column + 1 < p.columns
            var row = 0
            while row < p.rows {
                let tall = row + 1 < p.rows
                dot(p, row, tall ? row + 1 : row, column, wide ? column + 1 : column)
                row += 2
            }
            column += 2
        }
    }

    /// C at two rows and two columns, which may be the same.
    @inline(__always)
    private static func dot<Scalar: NetworkScalar>(_ p: MatrixProduct<Scalar>, _ row0: Int, _ row1: Int, _ column0: Int, _ column1: Int) {
        let lane = Scalar.Lane.scalarCount
        let (a0, a1) = unsafe (p.a + row0 * p.depth, p.a + row1 * p.depth)
        let (b0, b1) = unsafe (p.b + column0 * p.depth, p.b + column1 * p.depth)
        var (s00, s01, s10, s11) = (Scalar.Lane(), Scalar.Lane(), Scalar.Lane(), Scalar.Lane())
        var k = 0
        while k + lane <= p.depth {
            let (x0, x1): (Scalar.Lane, Scalar.Lane) = unsafe (load(a0 + k), load(a1 + k))
            let (y0, y1): (Scalar.Lane, Scalar.Lane) = unsafe (load(b0 + k), load(b1 + k))
            s00 = add(s00, x0, y0)
            s01 = add(s01, x0, y1)
            s10 = add(s10, x1, y0)
            s11 = add(s11, x1, y1)
            k += lane
        }
        var (d00, d01, d10, d11) = (s00.sum(), s01.sum(), s10.sum(), s11.sum())
        while k < p.depth {
            unsafe d00 += a0[k] * b0[k]
            unsafe d01 += a0[k] * b1[k]
            unsafe d10 += a1[k] * b0[k]
            unsafe d11 += a1[k] * b1[k]
            k += 1
        }
        unsafe p.c[row0 * p.columns + column0] = d00
        unsafe p.c[row0 * p.columns + column1] = d01
        unsafe p.c[row1 * p.columns + column0] = d10
        unsafe p.c[row1 * p.columns + column1] = d11
    }
}

@inline(__always)
private func load<Lane: SIMD & BitwiseCopyable>(_ p: UnsafePointer<Lane.Scalar>) -> Lane {
    unsafe UnsafeRawPointer(p).loadUnaligned(as: Lane.self)
}

@inline(__always)
private func load<Lane: SIMD & BitwiseCopyable>(_ p: UnsafeMutablePointer<Lane.Scalar>) -> Lane {
    unsafe UnsafeRawPointer(p).loadUnaligned(as: Lane.self)
}

@inline(__always)
private func store<Lane: SIMD & BitwiseCopyable>(_ lane: Lane, _ p: UnsafeMutablePointer<Lane.Scalar>) {
    unsafe UnsafeMutableRawPointer(p).storeBytes(of: lane, as: Lane.self)
}

/// The first `width` scalars of a lane.
@inline(__always)
private func store<Lane: SIMD & BitwiseCopyable>(_ lane: Lane, _ p: UnsafeMutablePointer<Lane.Scalar>, _ width: Int) {
    if width == Lane.scalarCount { return unsafe store(lane, p) }
    for j in 0..<width { unsafe p[j] = lane[j] }
}

/// sum + factor * values. Fused where the processor has it in its baseline: elsewhere Swift would call libm for every element.
@inline(__always)
private func add<Lane: SIMD>(_ sum: Lane, _ factor: Lane, _ values: Lane) -> Lane where Lane.Scalar: FloatingPoint {
    #if arch(arm64)
        return sum.addingProduct(factor, values)
    #else
        return sum + factor * values
    #endif
}

@inline(__always)
private func add<Lane: SIMD>(_ sum: Lane, _ factor: Lane.Scalar, _ values: Lane) -> Lane where Lane.Scalar: FloatingPoint {
    add(sum, Lane(repeating: factor), values)
}
