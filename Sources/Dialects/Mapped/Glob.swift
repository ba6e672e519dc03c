public import Checkpoints
public import Tensors

/// A pattern over tensor names: `*` is any text, `/` included, `?` any one character, `[a-c]` and `[!a-c]` one of some; `\` takes the next as it is.
public struct Glob: Sendable, Hashable {
    public let pattern: String
    private let tokens: [Token]

    private enum Token: Sendable, Hashable {
        case any, one
        case scalar(Unicode.Scalar)
        case set([ClosedRange<Unicode.Scalar>], negated: Bool)
    }

    public init(_ pattern: String) {
        self.pattern = pattern
        let text = Array(pattern.unicodeScalars)
        var tokens: [Token] = [], at = 0
        while at < text.count {
            let scalar = text[at]
            at += 1
            switch scalar {
            case "*": if tokens.last != .any { tokens.append(.any) }
            case "?": tokens.append(.one)
            case "\\" where at < text.count:
                tokens.append(.scalar(text[at]))
                at += 1
            case "[":
                if let (set, end) = Self.set(text, at) {
                    tokens.append(set)
                    at = end
                } else {
                    tokens.append(.scalar(scalar))
                }
            default: tokens.append(.scalar(scalar))
            }
        }
        self.tokens = tokens
    }

    /// A set from after its `[`; nil when it is not closed, and the bracket is then meant as itself.
    private static func set(_ text: [Unicode.Scalar], _ start: Int) -> (Token, end: Int)? {
        var at = start, ranges: [ClosedRange<Unicode.Scalar>] = []
        let negated = at < text.count && (text[at] == "!" || text[at] == "^")
        if negated { at += 1 }
        let first = at
        while at < text.count, text[at] != "]" || at == first {
            if at + 2 < text.count, text[at + 1] == "-", text[at + 2] != "]" {
                if text[at] <= text[at + 2] { ranges.append(text[at]...text[at + 2]) }
                at += 3
            } else {
                ranges.append(text[at]...text[at])
                at += 1
            }
        }
        return at < text.count ? (.set(ranges, negated: negated), at + 1) : nil
    }

    /// Whether the whole of `name` fits. The time is at most the product of both lengths.
    public func matches(_ name: String) -> Bool {
        let text = Array(name.unicodeScalars)
        var at = 0, token = 0, star: (token: Int, at: Int)?
        while at < text.count {
            if token < tokens.count, tokens[token] == .any {
                star = (token, at)
                token += 1
            } else if token < tokens.count, fits(tokens[token], text[at]) {
                token += 1
                at += 1
            } else if let last = star {
                token = last.token + 1
                at = last.at + 1
                star = (last.token, at)
            } else {
                return false
            }
        }
        return tokens[token...].allSatisfy { $0 == .any }
    }

    private func fits(_ token: Token, _ scalar: Unicode.Scalar) -> Bool {
        switch token {
        case .any: false
        case .one: true
        case .scalar(let wanted): wanted == scalar
        case .set(let ranges, let negated): ranges.contains { $0.contains(scalar) } != negated
        }
    }
}

/// `--read-as GLOB=DTYPE`: what the bytes of some tensors really are.
public struct ReadAsRule: Sendable, Hashable {
    public var names: Glob
    public var dtype: DType

    public init(names: Glob, dtype: DType) {
        self.names = names
        self.dtype = dtype
    }

    /// Reads `*=bfloat16`; nil when there is no `=` or no such dtype.
    public init?(parsing text: String) {
        guard let equals = text.lastIndex(of: "="), let dtype = DType(rawValue: String(text[text.index(after: equals)...])) else { return nil }
        self.init(names: Glob(String(text[..<equals])), dtype: dtype)
    }
}

/// `--rename REGEX=TEMPLATE`: every match of the expression in a name is replaced; `$0` … `$9` are its groups, `$$` is a dollar.
public struct RenameRule {
    private let expression: Regex<AnyRegexOutput>
    private let template: [Piece]

    private enum Piece {
        case text(String)
        case group(Int)
    }

    /// Throws `mismatch` when there is no `=`, the expression is none, or the template names a group that it has not.
    public init(parsing text: String) throws(CheckpointError) {
        guard let equals = text.lastIndex(of: "="), equals != text.startIndex else {
            throw CheckpointError(.mismatch, "a renaming is REGEX=TEMPLATE, as in fc(\\d+)[.]weight=dense_$1/kernel; \(quoted(text)) has no \"=\"")
        }
        do { expression = try Regex(String(text[..<equals])).matchingSemantics(.unicodeScalar) } catch {
            throw CheckpointError(.mismatch, "\(quoted(String(text[..<equals]))) is no regular expression: \(error)")
        }
        var pieces: [Piece] = [], plain = ""
        var rest = text[text.index(after: equals)...]
        while let character = rest.popFirst() {
            guard character == "$", let next = rest.first, next == "$" || "0"..."9" ~= next else {
                plain.append(character)
                continue
            }
            rest.removeFirst()
            guard let number = next.wholeNumberValue else {
                plain.append("$")
                continue
            }
            pieces += [.text(plain), .group(number)]
            plain = ""
        }
        template = pieces + [.text(plain)]
    }

    /// `name` after the renaming; itself when nothing matches. Throws `mismatch` when the template names a group that the expression has not.
    public func apply(to name: String) throws(CheckpointError) -> String {
        var out = "", at = name.startIndex, isFirst = true
        for match in name.matches(of: expression) {
            // As sed: `(.*)` matches a name once, not once more with nothing at its end.
            if !isFirst, match.range.isEmpty, match.range.lowerBound == at { continue }
            isFirst = false
            out += name[at..<match.range.lowerBound]
            for piece in template {
                switch piece {
                case .text(let text): out += text
                case .group(let number):
                    guard number < match.output.count else {
                        throw CheckpointError(.mismatch, "the template asks for group $\(number), the expression has \(match.output.count - 1)")
                    }
                    out += match.output[number].substring ?? ""
                }
            }
            at = match.range.upperBound
        }
        return out + name[at...]
    }
}
