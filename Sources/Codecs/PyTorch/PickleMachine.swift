import Checkpoints

/// Runs pickles as data (PT-8): a closed list of opcodes, bounded in stack, memo, nesting and work. Nothing is imported, nothing is called: the
/// names in `PickleGlobal`'s table have their meaning here, every other one is a placeholder that keeps what it is given.
struct PickleMachine {
    var heap = PickleHeap()
    let limits: Limits
    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    /// Bytes and items that calls have made, over all pickles.
    var made = 0

    static let maxStack = 8_000_000
    static let maxMarks = 10_000

    init(limits: Limits) { self.limits = limits }

    /// Runs one pickle from its first byte to its STOP; returns what it leaves.
    mutating func run(_ input: inout PickleInput) throws(CheckpointError) -> PickleValue {
        stack = []
        marks = []
        memo = [:]
        while true {
            let at = input.offset
            do throws(CheckpointError) {
                let code = try input.byte()
                if code == UInt8(ascii: ".") {
                    guard stack.count == 1, marks.isEmpty else { throw malformed("STOP leaves \(stack.count) values and \(marks.count) marks, not one value") }
                    return stack[0]
                }
                try step(code, &input)
            } catch {
                throw error.at(offset: at)
            }
            guard stack.count <= Self.maxStack, memo.count <= Self.maxStack, heap.nodes.count <= Self.maxStack, marks.count <= Self.maxMarks else {
                throw CheckpointError(.limit, "the pickle nests or holds more than is read here: \(stack.count) values on its stack, \(marks.count) marks, \(heap.nodes.count) containers", offset: at)
            }
        }
    }

    private mutating func step(_ code: UInt8, _ input: inout PickleInput) throws(CheckpointError) {
        switch code {
        // Frames and versions.
        case 0x80:
            let version = try input.byte()
            guard version <= 5 else { throw CheckpointError(.unsupported, "the pickle says it has protocol \(version); protocols up to 5 are known: save it with a known one") }
        case 0x95: _ = try input.size()
        // Numbers.
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88: stack.append(.bool(true))
        case 0x89: stack.append(.bool(false))
        case UInt8(ascii: "K"): stack.append(.int(Int(try input.number(1))))
        case UInt8(ascii: "M"): stack.append(.int(Int(try input.number(2))))
        case UInt8(ascii: "J"): stack.append(.int(Int(Int32(truncatingIfNeeded: try input.number(4)))))
        case UInt8(ascii: "G"):
            let bits = try input.take(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            stack.append(.float(Double(bitPattern: bits)))
        case 0x8A: stack.append(integer(try input.take(Int(try input.number(1)))))
        case 0x8B:
            let count = Int32(truncatingIfNeeded: try input.number(4))
            guard count >= 0 else { throw malformed("an integer has \(count) bytes") }
            stack.append(integer(try input.take(Int(count))))
        // Text and bytes.
        case UInt8(ascii: "X"): stack.append(try text(input.take(Int(try input.number(4)))))
        case 0x8C: stack.append(try text(input.take(Int(try input.number(1)))))
        case 0x8D: stack.append(try text(input.take(try input.size())))
        case UInt8(ascii: "U"): stack.append(oldText(try input.take(Int(try input.number(1)))))
        case UInt8(ascii: "T"):
            let count = Int32(truncatingIfNeeded: try input.number(4))
            stack.append(oldText(try input.take(Int(count))))
        case UInt8(ascii: "C"): stack.append(.bytes(try input.take(Int(try input.number(1)))))
        case UInt8(ascii: "B"): stack.append(.bytes(try input.take(Int(try input.number(4)))))
        case 0x8E, 0x96: stack.append(.bytes(try input.take(try input.size())))
        // The stack.
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: "0"):
            if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
        case UInt8(ascii: "1"): _ = try popToMark()
        case UInt8(ascii: "2"): stack.append(try top())
        // The memo.
        case UInt8(ascii: "q"): memo[Int(try input.number(1))] = try top()
        case UInt8(ascii: "r"): memo[Int(try input.number(4))] = try top()
        case 0x94: memo[memo.count] = try top()
        case UInt8(ascii: "h"): try recall(Int(try input.number(1)))
        case UInt8(ascii: "j"): try recall(Int(try input.number(4)))
        // Containers.
        case UInt8(ascii: ")"): stack.append(heap.add(.tuple))
        case 0x85...0x87:
            let items = try pop(Int(code) - 0x84)
            stack.append(heap.add(.tuple, items))
        case UInt8(ascii: "t"): let items = try popToMark(); stack.append(heap.add(.tuple, items))
        case UInt8(ascii: "]"): stack.append(heap.add(.list))
        case UInt8(ascii: "l"): let items = try popToMark(); stack.append(heap.add(.list, items))
        case UInt8(ascii: "}"): stack.append(heap.add(.dict))
        case UInt8(ascii: "d"):
            let items = try popToMark()
            stack.append(heap.add(.dict))
            try extend(items, .dict)
        case 0x8F: stack.append(heap.add(.set))
        case 0x91: let items = try popToMark(); stack.append(heap.add(.set, items))
        case UInt8(ascii: "a"): try extend([try pop()], .list)
        case UInt8(ascii: "e"): try extend(try popToMark(), .list)
        case UInt8(ascii: "s"): try extend(try pop(2), .dict)
        case UInt8(ascii: "u"): try extend(try popToMark(), .dict)
        case 0x90: try extend(try popToMark(), .set)
        // Names and what is made with them.
        case UInt8(ascii: "c"):
            let module = try input.line(atMost: limits.nameBytes), name = try input.line(atMost: limits.nameBytes)
            stack.append(heap.global(module, name))
        case 0x93:
            let pair = try pop(2)
            guard case .text(let module) = pair[0], case .text(let name) = pair[1], module.utf8.count + name.utf8.count <= limits.nameBytes else { throw malformed("STACK_GLOBAL names something by what is no text") }
            stack.append(heap.global(module, name))
        case UInt8(ascii: "R"), 0x81:
            let pair = try pop(2)
            stack.append(try call(pair[0], arguments(pair[1])))
        case 0x92:
            let triple = try pop(3)
            stack.append(try call(triple[0], arguments(triple[1])))
        case UInt8(ascii: "b"):
            let state = try pop()
            try build(try top(), state)
        case UInt8(ascii: "Q"): stack.append(try persistent(try pop()))
        default: throw refusal(code)
        }
    }

    // PT-8
    private func refusal(_ code: UInt8) -> CheckpointError {
        let name: String? = switch code {
        case UInt8(ascii: "i"): "INST"
        case UInt8(ascii: "o"): "OBJ"
        case UInt8(ascii: "P"): "PERSID"
        case 0x82...0x84: "EXT"
        case 0x97, 0x98: "out-of-band buffers"
        case UInt8(ascii: "I"), UInt8(ascii: "L"), UInt8(ascii: "F"), UInt8(ascii: "S"), UInt8(ascii: "V"), UInt8(ascii: "p"), UInt8(ascii: "g"): "text opcodes of protocol 0"
        default: nil
        }
        if let name { return CheckpointError(.unsupported, "the pickle has the opcode \(code) (\(name)), which torch.save never writes and which is not run here") }
        return malformed("there is no pickle opcode \(code); the file is damaged")
    }

    func malformed(_ what: String) -> CheckpointError { CheckpointError(.malformed, "in the pickle: \(what)") }

    private func top() throws(CheckpointError) -> PickleValue {
        guard let value = stack.last, stack.count > marks.last ?? 0 else { throw malformed("an opcode takes a value where there is none") }
        return value
    }

    private mutating func pop() throws(CheckpointError) -> PickleValue {
        let value = try top()
        stack.removeLast()
        return value
    }

    private mutating func pop(_ count: Int) throws(CheckpointError) -> [PickleValue] {
        guard stack.count - (marks.last ?? 0) >= count else { throw malformed("an opcode takes \(count) values where there are fewer") }
        let values = Array(stack.suffix(count))
        stack.removeLast(count)
        return values
    }

    private mutating func popToMark() throws(CheckpointError) -> [PickleValue] {
        guard let mark = marks.popLast() else { throw malformed("an opcode goes back to a mark where there is none") }
        let values = Array(stack[mark...])
        stack.removeSubrange(mark...)
        return values
    }

    private mutating func recall(_ place: Int) throws(CheckpointError) {
        guard let value = memo[place] else { throw malformed("it takes memo \(place), which was never set") }
        stack.append(value)
    }

    /// Adds items to the list, dict or set on top of the stack; to an object that stands for one, too.
    private mutating func extend(_ items: [PickleValue], _ kind: PickleNode.Kind) throws(CheckpointError) {
        guard case .node(let number) = try top() else { throw malformed("items are added to what is no container") }
        let found = heap.nodes[number].kind
        guard found == kind || found == .object else { throw malformed("items of a \(kind) are added to a \(found)") }
        if kind == .dict {
            guard items.count % 2 == 0 else { throw malformed("a dict is given \(items.count) keys and values") }
            for place in stride(from: 0, to: items.count, by: 2) where !heap.isHashable(items[place]) {
                throw malformed("a list, set or dict is the key of a dict")
            }
        }
        if found == .object {
            // A subclass of dict or list: its items are kept beside what it was made with.
            if heap.node(heap.nodes[number].state) == nil {
                let state = heap.add(kind)
                heap.nodes[number].state = state
            }
            guard case .node(let inner) = heap.nodes[number].state, heap.nodes[inner].kind == kind else { return }
            heap.nodes[inner].items += items
        } else {
            heap.nodes[number].items += items
        }
    }

    private mutating func build(_ value: PickleValue, _ state: PickleValue) throws(CheckpointError) {
        switch value {
        case .node(let number):
            let node = heap.nodes[number]
            // Items of a subclass of dict stay reachable beside its attributes.
            if node.kind == .object, heap.node(node.state) != nil {
                heap.nodes[number].state = heap.add(.tuple, [node.state, state])
            } else {
                heap.nodes[number].state = state
            }
        case .tensor, .text, .int, .float, .bytes: break
        default: throw malformed("BUILD gives a state to what can have none")
        }
    }

    private func arguments(_ value: PickleValue) throws(CheckpointError) -> [PickleValue] {
        guard let node = heap.node(value), node.kind == .tuple else { throw malformed("the arguments of a call are no tuple") }
        return node.items
    }

    private func text(_ bytes: [UInt8]) throws(CheckpointError) -> PickleValue {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw malformed("a text is not valid UTF-8") }
        return .text(text)
    }

    /// Python 2's `str`: text where it is UTF-8, else Latin-1, as torch.load reads it.
    private func oldText(_ bytes: [UInt8]) -> PickleValue {
        if let text = String(validating: bytes, as: UTF8.self) { return .text(text) }
        var text = String.UnicodeScalarView()
        for byte in bytes { text.append(Unicode.Scalar(byte)) }
        return .text(String(text))
    }

    /// A two's complement little-endian integer of any size.
    private func integer(_ bytes: [UInt8]) -> PickleValue {
        let isNegative = (bytes.last ?? 0) & 0x80 != 0
        var meaningful = bytes
        while meaningful.count > 1, meaningful[meaningful.count - 1] == (isNegative ? 0xFF : 0), (meaningful[meaningful.count - 2] & 0x80 != 0) == isNegative { meaningful.removeLast() }
        if meaningful.count <= 8 {
            var value: UInt64 = isNegative ? .max : 0
            for byte in meaningful.reversed() { value = value << 8 | UInt64(byte) }
            return .int(Int(Int64(bitPattern: value)))
        }
        var magnitude = meaningful
        if isNegative {
            var carry = true
            for place in magnitude.indices {
                magnitude[place] = ~magnitude[place]
                if carry { (magnitude[place], carry) = magnitude[place].addingReportingOverflow(1) }
            }
        }
        let sign = isNegative ? "-" : ""
        guard magnitude.count <= 256 else { return .bigInt(sign + "0x" + ContentHash.hex(magnitude.reversed())) }
        var digits: [UInt8] = [0]
        for byte in magnitude.reversed() {
            var carry = Int(byte)
            for place in digits.indices {
                carry += Int(digits[place]) * 256
                digits[place] = UInt8(carry % 10)
                carry /= 10
            }
            while carry > 0 {
                digits.append(UInt8(carry % 10))
                carry /= 10
            }
        }
        return .bigInt(sign + String(decoding: digits.reversed().map { $0 + 48 }, as: UTF8.self))
    }
}
