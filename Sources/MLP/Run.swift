public import Architecture

extension Network {
    /// One step in `workspace`: forward, the loss, and back to every parameter and the input. Returns the loss; all else is then in the
    /// workspace. Allocates nothing. Throws when batch, workspace and network do not belong together, or the workspace has no loss.
    @discardableResult
    public func run(_ batch: Batch<Scalar>, in workspace: Workspace<Scalar>) throws(NetworkError) -> Scalar {
        guard let loss = workspace.loss else {
            throw NetworkError(.workspace, "this workspace was made without a loss, so there is nothing to go back from; name a loss when it is made")
        }
        try check(workspace, rows: batch.rows)
        try batch.check(input: description.input, output: workspace.plan.outputWidth, loss: loss.kind)
        workspace.begin(rows: batch.rows, gradients: true)
        Scalar.perform(Step(store: store, workspace: workspace, x: batch.x, rows: batch.rows, targets: batch.targets))
        return workspace.buffer.withValues(at: workspace.plan.loss, count: 1) { $0[0] }
    }

    /// The forward pass alone in `workspace`, for `x` [rows, input]. Allocates nothing; `output` and the values before it are then in the workspace.
    public func forward(_ x: [Scalar], rows: Int, in workspace: Workspace<Scalar>) throws(NetworkError) {
        try check(workspace, rows: rows)
        try Batch<Scalar>.check(x: x.count, rows: rows, input: description.input)
        workspace.begin(rows: rows, gradients: false)
        Scalar.perform(Step(store: store, workspace: workspace, x: x, rows: rows, targets: nil))
    }

    /// One pass, forward and back, in a workspace of its own: every quantity as a value. Loss and subgradient default to the description's,
    /// then to what the head implies (`NetworkDescription.impliedLoss`) and to torch.
    public func pass(_ batch: Batch<Scalar>, loss: Loss? = nil, subgradient: Subgradient? = nil, kernels: Kernels = .automatic)
        throws(NetworkError) -> Pass<Scalar>
    {
        let implied: Loss
        if case .dense = batch.targets { implied = description.impliedLoss(denseTargets: true) } else { implied = description.impliedLoss(denseTargets: false) }
        try Batch<Scalar>.check(x: batch.x.count, rows: batch.rows, input: description.input)
        let workspace = try Workspace<Scalar>(
            for: description, rows: batch.rows, loss: loss ?? description.loss ?? implied, subgradient: subgradient, kernels: kernels)
        try run(batch, in: workspace)
        return workspace.pass()
    }

    /// The output [rows, description.output] for `x` [rows, input]. Where the network ends in logits, a `loss` completes it (`softmax_ce`
    /// gives the softmax of the logits).
    public func predict(_ x: [Scalar], rows: Int, loss: Loss? = nil, kernels: Kernels = .automatic) throws(NetworkError) -> [Scalar] {
        try Batch<Scalar>.check(x: x.count, rows: rows, input: description.input)
        let workspace = try Workspace<Scalar>(for: description, rows: rows, loss: loss, kernels: kernels)
        try forward(x, rows: rows, in: workspace)
        return workspace.values(of: "output") ?? []
    }

    private func check(_ workspace: Workspace<Scalar>, rows: Int) throws(NetworkError) {
        guard workspace.description.input == description.input, workspace.description.layers == description.layers else {
            throw NetworkError(.workspace, "this workspace was made for another network; make one with this network's description")
        }
        guard rows >= 1, rows <= workspace.capacity else {
            throw NetworkError(.workspace, "a batch of \(rows) rows does not fit a workspace made for 1 to \(workspace.capacity)")
        }
    }
}

extension NetworkDescription {
    /// The last activation: that of the last layer that computes anything. Linear where that is a norm, or there is none.
    public var head: Activation {
        for layer in layers.reversed() {
            switch layer {
            case .dense(_, _, let activation), .activation(let activation): return activation
            case .batchNorm, .layerNorm: return .linear
            case .dropout, .flatten: continue
            }
        }
        return .linear
    }

    /// The loss when nothing names it (CLI.md): softmax head -> `softmax_ce`, or `softmax_ce_soft` for dense targets; sigmoid -> `bce`; else `mse`.
    public func impliedLoss(denseTargets: Bool) -> Loss {
        switch head {
        case .softmax, .logSoftmax: Loss(denseTargets ? .softmaxCESoft : .softmaxCE)
        case .sigmoid: Loss(.bce)
        default: Loss(.mse)
        }
    }
}
