/// One row an activation: what a description calls it, and its parameters in order (CLI.md, "Layer types").
public struct ActivationForm: Sendable {
    public let name: String
    /// The parameters in the order in which a short string lists them; a parameter without a default has to be given.
    /// The defaults are torch's: `leaky_relu` 0.01, `elu` 1, `hard_sigmoid` relu6(x + 3) / 6.
    public let parameters: [Parameter]
    private let make: @Sendable ([Double]) -> Activation

    public struct Parameter: Sendable {
        public let name: String
        public let defaultValue: Double?
    }

    private init(_ name: String, _ parameters: [(String, Double?)] = [], _ make: @escaping @Sendable ([Double]) -> Activation) {
        self.name = name
        self.parameters = parameters.map { Parameter(name: $0.0, defaultValue: $0.1) }
        self.make = make
    }

    private init(_ name: String, _ activation: Activation) { self.init(name) { _ in activation } }

    /// Every activation there is.
    public static let all: [ActivationForm] = [
        ActivationForm("linear", .linear), ActivationForm("relu", .relu),
        ActivationForm("leaky_relu", [("slope", 0.01)]) { .leakyReLU(slope: $0[0]) },
        ActivationForm("prelu", .prelu),
        ActivationForm("elu", [("alpha", 1)]) { .elu(alpha: $0[0]) },
        ActivationForm("selu", .selu), ActivationForm("gelu", .gelu), ActivationForm("gelu_tanh", .geluTanh),
        ActivationForm("silu", .silu), ActivationForm("mish", .mish), ActivationForm("softplus", .softplus),
        ActivationForm("softsign", .softsign), ActivationForm("sigmoid", .sigmoid), ActivationForm("tanh", .tanh),
        ActivationForm("relu6", .relu6),
        ActivationForm("hard_sigmoid", [("alpha", 1.0 / 6), ("beta", 0.5)]) { .hardSigmoid(alpha: $0[0], beta: $0[1]) },
        ActivationForm("exp", .exp), ActivationForm("softmax", .softmax), ActivationForm("log_softmax", .logSoftmax),
        ActivationForm("relu_floor", [("e", nil)]) { .reluFloor(e: $0[0]) },
    ]

    /// The row `name`. Throws with the nearest names when there is none.
    static func named(_ name: String) throws(DescriptionError) -> ActivationForm {
        if let form = all.first(where: { $0.name == name }) { return form }
        throw DescriptionError("there is no activation \(quoted(name))\(suggestion(for: name, among: all.map(\.name), meant: synonyms))")
    }

    /// The activation with `values` for the parameters, nil where the default is to be taken.
    func activation(_ values: [Double?]) throws(DescriptionError) -> Activation {
        var settled: [Double] = []
        for (parameter, value) in zip(parameters, values) {
            guard let value = value ?? parameter.defaultValue else {
                throw DescriptionError("\(name) needs its parameter \(parameter.name): write \(name)(\(parameter.name))")
            }
            guard value.isFinite else { throw DescriptionError("the \(parameter.name) of \(name) is \(value); it has to be finite") }
            settled.append(value)
        }
        return make(settled)
    }

    /// What other places call them.
    private static let synonyms = [
        "swish": "silu", "logistic": "sigmoid", "identity": "linear", "none": "linear", "leakyrelu": "leaky_relu", "lrelu": "leaky_relu",
        "hardsigmoid": "hard_sigmoid", "logsoftmax": "log_softmax", "gelu_new": "gelu_tanh", "gelu_approximate": "gelu_tanh", "p_relu": "prelu",
    ]
}

extension Activation {
    /// The name in descriptions, `leaky_relu`.
    public var name: String { spelled.name }

    /// The parameters by name, in the order of `ActivationForm`.
    public var parameters: [(name: String, value: Double)] {
        let (name, values) = spelled
        guard let form = ActivationForm.all.first(where: { $0.name == name }) else { return [] }
        return zip(form.parameters, values).map { ($0.name, $1) }
    }

    private var spelled: (name: String, values: [Double]) {
        switch self {
        case .linear: ("linear", [])
        case .relu: ("relu", [])
        case .leakyReLU(let slope): ("leaky_relu", [slope])
        case .prelu: ("prelu", [])
        case .elu(let alpha): ("elu", [alpha])
        case .selu: ("selu", [])
        case .gelu: ("gelu", [])
        case .geluTanh: ("gelu_tanh", [])
        case .silu: ("silu", [])
        case .mish: ("mish", [])
        case .softplus: ("softplus", [])
        case .softsign: ("softsign", [])
        case .sigmoid: ("sigmoid", [])
        case .tanh: ("tanh", [])
        case .relu6: ("relu6", [])
        case .hardSigmoid(let alpha, let beta): ("hard_sigmoid", [alpha, beta])
        case .exp: ("exp", [])
        case .softmax: ("softmax", [])
        case .logSoftmax: ("log_softmax", [])
        case .reluFloor(let e): ("relu_floor", [e])
        }
    }
}
