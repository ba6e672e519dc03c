import StrictJSON

/// The short string: `784-128:relu-64:leaky_relu(0.2)-10:softmax` (CLI.md, "A network description").
///
/// Pieces stand between `-` outside parentheses. The first is the width of the input; a number is a dense layer, `128!nobias:relu`; and, beyond
/// what CLI.md needs, a name is a layer of its own: `batchnorm(0.001)!noscale!nocenter`, `layernorm(1e-05)`, `dropout(0.5)`, `flatten`, `tanh`.
extension NetworkDescription {
    /// Reads a short string. The layers come out canonical (`canonical`), the loss and the subgradient stay unnamed.
    public init(parsing text: String) throws(DescriptionError) {
        do throws(DescriptionError) {
            var pieces = try Self.pieces(of: text)
            let first = pieces.removeFirst()
            guard let input = Int(first) else {
                throw DescriptionError("\(quoted(first)) is not the width of the input: a network begins with a number, as in 784-128:relu-10:softmax")
            }
            var layers: [Layer] = []
            for piece in pieces {
                do throws(DescriptionError) { layers.append(try Self.layer(piece)) } catch { throw error.within("piece \(quoted(piece))") }
            }
            self = try NetworkDescription(input: input, layers: layers).canonical.checked()
        } catch { throw error.within("network \(quoted(String(text.prefix(200))))") }
    }

    /// The short string of this network: `init(parsing:)` reads it back the same, but for the loss and the subgradient, which have no place in it.
    public var shortText: String {
        ([String(input)] + layers.map { layer in
            switch layer {
            case .dense(let units, let useBias, let activation):
                "\(units)\(useBias ? "" : "!nobias")\(activation == .linear ? "" : ":\(activation.shortText)")"
            case .activation(let activation): activation.shortText
            case .batchNorm(let eps, let scale, let center): "batchnorm(\(number(eps)))\(scale ? "" : "!noscale")\(center ? "" : "!nocenter")"
            case .layerNorm(let eps, let scale, let center): "layernorm(\(number(eps)))\(scale ? "" : "!noscale")\(center ? "" : "!nocenter")"
            case .dropout(let rate): "dropout(\(number(rate)))"
            case .flatten: "flatten"
            }
        }).joined(separator: "-")
    }

    private static func pieces(of text: String) throws(DescriptionError) -> [String] {
        var pieces = [""], open = 0
        for character in text {
            switch character {
            case "(": open += 1
            case ")": open -= 1
            default: break
            }
            guard (0...1).contains(open) else { throw DescriptionError("the parentheses do not match after \(quoted(pieces.joined(separator: "-")))") }
            if character == "-", open == 0 { pieces.append("") } else if !character.isWhitespace { pieces[pieces.count - 1].append(character) }
        }
        guard open == 0 else { throw DescriptionError("a parenthesis is not closed") }
        guard !pieces.contains("") else { throw DescriptionError("a piece between two \"-\" is empty") }
        return pieces
    }

    private static func layer(_ piece: String) throws(DescriptionError) -> Layer {
        guard let head = piece.first, head.isNumber else { return try named(piece) }
        let parts = piece.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        var words = parts[0].split(separator: "!", omittingEmptySubsequences: false).map(String.init)
        guard let units = Int(words.removeFirst()) else { throw DescriptionError("a dense layer begins with its number of units, as in 128:relu") }
        for word in words where word != "nobias" { throw DescriptionError("there is no option \(quoted("!" + word)); there is !nobias") }
        return .dense(units: units, useBias: words.isEmpty, activation: parts.count < 2 ? .linear : try Activation(parsing: parts[1]))
    }

    private static func named(_ piece: String) throws(DescriptionError) -> Layer {
        var words = piece.split(separator: "!", omittingEmptySubsequences: false).map(String.init)
        let call = try Call(words.removeFirst())
        func norm(_ eps: Double) throws(DescriptionError) -> (eps: Double, scale: Bool, center: Bool) {
            for word in words where word != "noscale" && word != "nocenter" {
                throw DescriptionError("there is no option \(quoted("!" + word)); there are !noscale and !nocenter")
            }
            return (try call.value("eps") ?? eps, !words.contains("noscale"), !words.contains("nocenter"))
        }
        if call.name != "batchnorm", call.name != "layernorm", let word = words.first { throw DescriptionError("there is no option \(quoted("!" + word)) here") }
        switch call.name {
        case "batchnorm":
            let norm = try norm(1e-3)
            return .batchNorm(eps: norm.eps, scale: norm.scale, center: norm.center)
        case "layernorm":
            let norm = try norm(1e-3)
            return .layerNorm(eps: norm.eps, scale: norm.scale, center: norm.center)
        case "dropout":
            guard let rate = try call.value("rate") else { throw DescriptionError("dropout needs its rate: dropout(0.5)") }
            return .dropout(rate: rate)
        case "flatten":
            _ = try call.values(of: [])
            return .flatten
        default:
            guard ActivationForm.all.contains(where: { $0.name == call.name }) else {
                let names = ["batchnorm", "layernorm", "dropout", "flatten"] + ActivationForm.all.map(\.name)
                throw DescriptionError("there is no layer \(quoted(call.name))\(suggestion(for: call.name, among: names))")
            }
            return .activation(try Activation(parsing: piece))
        }
    }
}

extension Activation {
    /// Reads `relu`, `leaky_relu(0.2)` or `hard_sigmoid(alpha=0.2,beta=0.5)`.
    public init(parsing text: String) throws(DescriptionError) {
        let call = try Call(text)
        let form = try ActivationForm.named(call.name)
        self = try form.activation(call.values(of: form.parameters.map(\.name)))
    }

    /// `relu`, `leaky_relu(0.2)`.
    public var shortText: String {
        let values = parameters.map { number($0.value) }
        return values.isEmpty ? name : "\(name)(\(values.joined(separator: ",")))"
    }
}

/// `name` or `name(1,b=2)`.
private struct Call {
    let name: String
    private var arguments: [(name: String?, value: Double)] = []

    init(_ text: String) throws(DescriptionError) {
        guard let open = text.firstIndex(of: "(") else {
            name = text
            return
        }
        name = String(text[..<open])
        guard text.last == ")" else { throw DescriptionError("\(quoted(text)) goes on after its parenthesis") }
        for argument in text[text.index(after: open)...].dropLast().split(separator: ",", omittingEmptySubsequences: false) {
            let sides = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let last = sides.last, let value = Double(last), value.isFinite else {
                throw DescriptionError("\(quoted(String(argument))) is not a number")
            }
            arguments.append((sides.count == 2 ? String(sides[0]) : nil, value))
        }
    }

    /// The values of the parameters `names`, nil where one is not given.
    func values(of names: [String]) throws(DescriptionError) -> [Double?] {
        var values = [Double?](repeating: nil, count: names.count)
        for (index, argument) in arguments.enumerated() {
            let position = argument.name.map { names.firstIndex(of: $0) } ?? (index < names.count ? index : nil)
            guard let position else {
                let what = names.isEmpty ? "none" : names.joined(separator: ", ")
                throw DescriptionError("\(name) has no parameter \(argument.name.map(quoted) ?? "number \(index + 1)"); its parameters: \(what)")
            }
            guard values[position] == nil else { throw DescriptionError("\(name) is given its \(names[position]) twice") }
            values[position] = argument.value
        }
        return values
    }

    func value(_ parameter: String) throws(DescriptionError) -> Double? { try values(of: [parameter])[0] }
}

private func number(_ value: Double) -> String { JSONValue.real(value).text() }
