import Architecture

/// One run of a network through a workspace. Batch and workspace have been checked against the network: every offset below is the plan's.
public struct Step<Scalar: NetworkScalar> {
    let store: ParameterStore<Scalar>
    let workspace: Workspace<Scalar>
    let x: [Scalar]
    let rows: Int
    /// nil for a forward pass.
    let targets: Batch<Scalar>.Targets?

    func perform() {
        let plan = workspace.plan
        let w = unsafe workspace.buffer.base
        workspace.buffer.store(x, at: plan.x)
        // By index: an iterator over the nodes would cost an allocation a step in debug builds.
        for i in 0..<plan.nodes.count { unsafe forward(plan.nodes[i], w) }
        if let completion = plan.completion {
            unsafe ActivationLoops.forward(
                completion, workspace.subgradient, z: w + plan.logits, alpha: nil, a: w + plan.output, rows: rows, width: plan.outputWidth)
        }
        guard let targets, let loss = workspace.loss else { return }
        let sum = unsafe LossLoops.run(
            loss, v: w + plan.lossInput, targets: targets, gradient: w + plan.lossGradient, rows: rows, width: plan.outputWidth)
        unsafe w[plan.loss] = Scalar(sum / loss.divisor(rows: rows, width: plan.outputWidth))
        var i = plan.lastBackward
        while i >= 0 {
            unsafe backward(plan.nodes[i], w, activation: !(i == plan.lastBackward && plan.skipsActivation))
            i -= 1
        }
    }

    private func parameter(_ offset: Int?) -> UnsafePointer<Scalar>? {
        unsafe offset.map { unsafe UnsafePointer(store.buffer.base + $0) }
    }

    private func gradient(_ offset: Int?, _ w: UnsafeMutablePointer<Scalar>) -> UnsafeMutablePointer<Scalar>? {
        unsafe offset.map { unsafe w + workspace.plan.gradParameters + $0 }
    }

    private func forward(_ node: Plan.Node, _ w: UnsafeMutablePointer<Scalar>) {
        switch node.kind {
        case .identity: break
        case .dense(let activation):
            guard let kernel = unsafe parameter(node.kernel) else { return }
            unsafe workspace.kernels.multiply(
                MatrixProduct(forward: w + node.input, kernel: kernel, z: w + node.pre, batch: rows, input: node.inWidth, output: node.outWidth),
                scratch: w + workspace.plan.scratch)
            if let bias = unsafe parameter(node.bias) { unsafe Rows.add(bias, to: w + node.pre, rows, node.outWidth) }
            if activation != .linear {
                unsafe ActivationLoops.forward(
                    activation, workspace.subgradient, z: w + node.pre, alpha: parameter(node.alpha), a: w + node.act, rows: rows,
                    width: node.outWidth)
            }
        case .activation(let activation):
            unsafe ActivationLoops.forward(
                activation, workspace.subgradient, z: w + node.input, alpha: parameter(node.alpha), a: w + node.act, rows: rows,
                width: node.outWidth)
        case .batchNorm(let eps):
            guard let mean = unsafe parameter(node.mean), let variance = unsafe parameter(node.variance) else { return }
            unsafe Norms.batchForward(
                x: w + node.input, mean: mean, variance: variance, eps: Scalar(eps), gamma: parameter(node.gamma), beta: parameter(node.beta),
                normalised: w + node.normalised, inverse: w + node.inverse, y: w + node.act, rows, node.outWidth)
        case .layerNorm(let eps):
            unsafe Norms.layerForward(
                x: w + node.input, eps: Scalar(eps), gamma: parameter(node.gamma), beta: parameter(node.beta),
                normalised: w + node.normalised, inverse: w + node.inverse, y: w + node.act, rows, node.outWidth)
        }
    }

    private func backward(_ node: Plan.Node, _ w: UnsafeMutablePointer<Scalar>, activation goesThroughActivation: Bool) {
        switch node.kind {
        case .identity: break
        case .dense(let activation):
            guard let kernel = unsafe parameter(node.kernel), let gradKernel = unsafe gradient(node.kernel, w) else { return }
            if goesThroughActivation && activation != .linear {
                unsafe ActivationLoops.backward(
                    activation, workspace.subgradient, z: w + node.pre, a: w + node.act, alpha: parameter(node.alpha), gradA: w + node.gradAct,
                    gradZ: w + node.gradPre, gradAlpha: gradient(node.alpha, w), rows: rows, width: node.outWidth)
            }
            unsafe workspace.kernels.multiply(
                MatrixProduct(
                    gradKernel: gradKernel, x: w + node.input, gradZ: w + node.gradPre, batch: rows, input: node.inWidth, output: node.outWidth),
                scratch: w + workspace.plan.scratch)
            if let gradBias = unsafe gradient(node.bias, w) { unsafe Rows.sum(w + node.gradPre, into: gradBias, rows, node.outWidth) }
            unsafe workspace.kernels.multiply(
                MatrixProduct(
                    gradX: w + node.gradInput, gradZ: w + node.gradPre, kernel: kernel, batch: rows, input: node.inWidth, output: node.outWidth),
                scratch: w + workspace.plan.scratch)
        case .activation(let activation):
            unsafe ActivationLoops.backward(
                activation, workspace.subgradient, z: w + node.input, a: w + node.act, alpha: parameter(node.alpha), gradA: w + node.gradAct,
                gradZ: w + node.gradInput, gradAlpha: gradient(node.alpha, w), rows: rows, width: node.outWidth)
        case .batchNorm:
            unsafe Norms.gradParameters(
                gradY: w + node.gradAct, normalised: w + node.normalised, gradGamma: gradient(node.gamma, w), gradBeta: gradient(node.beta, w),
                rows, node.outWidth)
            unsafe Norms.batchBackward(
                gradY: w + node.gradAct, gamma: parameter(node.gamma), inverse: w + node.inverse, gradX: w + node.gradInput, rows, node.outWidth)
        case .layerNorm:
            unsafe Norms.gradParameters(
                gradY: w + node.gradAct, normalised: w + node.normalised, gradGamma: gradient(node.gamma, w), gradBeta: gradient(node.beta, w),
                rows, node.outWidth)
            unsafe Norms.layerBackward(
                gradY: w + node.gradAct, gamma: parameter(node.gamma), normalised: w + node.normalised, inverse: w + node.inverse,
                gradX: w + node.gradInput, rows, node.outWidth)
        }
    }
}

/// A vector against every row of a matrix.
enum Rows<Scalar: NetworkScalar> {
    /// z [rows, width] += bias [width].
    static func add(_ bias: UnsafePointer<Scalar>, to z: UnsafeMutablePointer<Scalar>, _ rows: Int, _ width: Int) {
        for r in 0..<rows {
            let z = unsafe z + r * width
            for j in 0..<width { unsafe z[j] += bias[j] }
        }
    }

    /// sum [width] = the sum of the rows of a [rows, width].
    static func sum(_ a: UnsafePointer<Scalar>, into sum: UnsafeMutablePointer<Scalar>, _ rows: Int, _ width: Int) {
        unsafe sum.update(from: a, count: width)
        for r in 1..<max(rows, 1) {
            let a = unsafe a + r * width
            for j in 0..<width { unsafe sum[j] += a[j] }
        }
    }
}
