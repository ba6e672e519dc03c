import Checkpoints
import Tensors

// What the names of the table mean when a pickle calls them (PT-9). A call makes a value; it runs nothing.

extension PickleMachine {
    /// What calling `callee` stands for.
    mutating func call(_ callee: PickleValue, _ arguments: [PickleValue]) throws(CheckpointError) -> PickleValue {
        var callee = callee, arguments = arguments
        // _rebuild_from_type_v2(function, class, arguments, state): the function's result is the tensor.
        var rounds = 0
        while heap.global(callee)?.known == .rebuildFromType {
            guard rounds < 4, arguments.count >= 3, let inner = heap.node(arguments[2]), inner.kind == .tuple else { throw malformed("_rebuild_from_type_v2 has no function and arguments") }
            callee = arguments[0]
            arguments = inner.items
            rounds += 1
        }
        func argument(_ place: Int) -> PickleValue { place < arguments.count ? arguments[place] : .none }
        switch heap.global(callee)?.known {
        case .dict?: return try dict(arguments)
        case .list?, .tuple?, .set?:
            let items = heap.node(argument(0))?.items ?? []
            try charge(items.count * 16)
            let known = heap.global(callee)?.known
            return heap.add(known == .list ? .list : known == .set ? .set : .tuple, items)
        case .size?:
            guard let sizes = heap.node(argument(0)), sizes.kind == .tuple || sizes.kind == .list else { throw malformed("torch.Size is given no tuple") }
            try charge(sizes.items.count * 16)
            return heap.add(.tuple, sizes.items)
        case .encode?:
            guard case .text(let text) = argument(0) else { throw malformed("_codecs.encode is given no text") }
            return .bytes(try encoded(text, argument(1)))
        case .bytes?:
            switch argument(0) {
            case .bytes(let bytes): return .bytes(bytes)
            case .text(let text): return .bytes(try encoded(text, argument(1)))
            default: return .bytes([])
            }
        case .device?:
            guard case .text(let kind) = argument(0) else { return .text("device") }
            if case .int(let number) = argument(1) { return .text("\(kind):\(number)") }
            return .text(kind)
        case .layout?: return argument(0)
        case .numpyScalar?: return numpyNumber(argument(0), argument(1)) ?? heap.add(.object, arguments, type: callee)
        case .rebuildTensor?, .rebuildTensorV2?, .rebuildTensorV3?: return try tensor(heap.global(callee)?.known, arguments)
        case .rebuildParameter?, .rebuildParameterWithState?:
            guard !arguments.isEmpty else { throw malformed("_rebuild_parameter has no tensor") }
            return arguments[0]
        case .tensorClass? where arguments.count >= 1:
            if case .tensor = arguments[0] { return arguments[0] }
            return heap.add(.object, arguments, type: callee)
        case .reconstructor?:
            guard case .global = argument(0) else { throw malformed("_reconstructor has no class") }
            return heap.global(argument(0))?.known == .dict ? heap.add(.dict) : heap.add(.object, [], type: argument(0))
        default: return heap.add(.object, arguments, type: callee)
        }
    }

    private mutating func charge(_ count: Int) throws(CheckpointError) {
        let (sum, overflow) = made.addingReportingOverflow(count)
        guard !overflow, sum <= limits.headerBytes else {
            throw CheckpointError(.limit, "the pickle makes more than \(grouped(limits.headerBytes)) bytes of values out of one another")
        }
        made = sum
    }

    private mutating func encoded(_ text: String, _ encoding: PickleValue) throws(CheckpointError) -> [UInt8] {
        try charge(text.utf8.count)
        if case .text(let name) = encoding, name == "latin1" || name == "latin-1" || name == "iso-8859-1" {
            var bytes: [UInt8] = []
            for scalar in text.unicodeScalars {
                guard let byte = UInt8(exactly: scalar.value) else { throw malformed("a text that stands for bytes has the character U+\(String(scalar.value, radix: 16))") }
                bytes.append(byte)
            }
            return bytes
        }
        return Array(text.utf8)
    }

    /// `OrderedDict([(k, v), …])`, `Counter({…})`, `defaultdict(list, {…})`.
    private mutating func dict(_ arguments: [PickleValue]) throws(CheckpointError) -> PickleValue {
        var items: [PickleValue] = []
        for argument in arguments {
            guard let node = heap.node(argument) else { continue }
            try charge(node.items.count * 16)
            if node.kind == .dict {
                items += node.items
            } else if node.kind == .list || node.kind == .tuple {
                for pair in node.items {
                    guard let pair = heap.node(pair), pair.kind == .tuple || pair.kind == .list, pair.items.count == 2, heap.isHashable(pair.items[0]) else {
                        throw malformed("a dict is made of what are no pairs of key and value")
                    }
                    items += pair.items
                }
            }
        }
        return heap.add(.dict, items)
    }

    /// `_rebuild_tensor(storage, offset, size, stride)`, `_v2(…, requires_grad, hooks[, metadata])`, `_v3(…, requires_grad, hooks, dtype[, metadata])`.
    private mutating func tensor(_ kind: PickleGlobal.Known?, _ arguments: [PickleValue]) throws(CheckpointError) -> PickleValue {
        let needed = kind == .rebuildTensorV3 ? 7 : 4
        guard arguments.count >= needed, case .storage(let storage) = arguments[0] else { throw malformed("a tensor is made without a storage or with too few arguments") }
        guard case .int(let offset) = arguments[1], offset >= 0 else { throw malformed("a tensor starts at \(describe(arguments[1])) in its storage; offsets are numbers from 0 on") }
        let sizes = try numbers(arguments[2], "size"), strides = try numbers(arguments[3], "stride")
        guard sizes.count == strides.count else { throw malformed("a tensor has \(sizes.count) sizes and \(strides.count) strides") }
        guard sizes.count <= limits.rank else { throw CheckpointError(.limit, "a tensor has \(sizes.count) axes, over the limit of \(limits.rank)") }
        var tensor = TorchTensor(storage: storage, offset: offset, sizes: sizes, strides: strides)
        let home = heap.storages[storage]
        if kind == .rebuildTensorV3 {
            guard let global = heap.global(arguments[6]), case .dtype(let dtype)? = global.known else { throw malformed("a tensor's type is \(describe(arguments[6]))") }
            tensor.dtype = dtype
            if dtype == nil { tensor.objection = "its type is \(global.path), which is not read here; convert it in PyTorch first, to float32 say" }
            else if !home.isUntyped, home.dtype != dtype { throw malformed("a tensor of \(global.path) lies in a \(home.className)") }
        } else {
            tensor.dtype = home.dtype
            if home.dtype == nil { tensor.objection = "its storage is a \(home.className), which has no type that is read here" }
        }
        let extra = kind == .rebuildTensorV3 ? 7 : 6
        if arguments.count > extra {
            if case .bool(true)? = heap.member("conj", of: arguments[extra]) { tensor.isConjugated = true }
            if case .bool(true)? = heap.member("neg", of: arguments[extra]) { tensor.isNegated = true }
        }
        // PT-14
        if let dtype = tensor.dtype {
            if tensor.isConjugated, dtype.kind != .complex { tensor.objection = "it is marked as conjugated and has real numbers" }
            if tensor.isNegated, dtype.kind != .complex, dtype.kind != .float { tensor.objection = "it is marked as negated, which is applied to floats only" }
        }
        heap.tensors.append(tensor)
        return .tensor(heap.tensors.count - 1)
    }

    private func numbers(_ value: PickleValue, _ what: String) throws(CheckpointError) -> [Int] {
        guard let node = heap.node(value), node.kind == .tuple || node.kind == .list else { throw malformed("a tensor's \(what) is \(describe(value)), no tuple") }
        var numbers: [Int] = []
        for item in node.items {
            guard case .int(let number) = item, number >= 0 else { throw malformed("a tensor's \(what) has \(describe(item)); it takes numbers from 0 to 2^63 - 1") }
            numbers.append(number)
        }
        return numbers
    }

    private func describe(_ value: PickleValue) -> String {
        switch value {
        case .int(let number): String(number)
        case .bigInt(let digits): String(digits.prefix(40))
        case .text(let text): quoted(String(text.prefix(40)))
        case .global(let number): heap.globals[number].path
        case .none: "None"
        default: "no number"
        }
    }

    /// `('storage', class, key, location, count[, view])` (PT-6); `('module', class, file, source)`: a class with its source text beside it.
    mutating func persistent(_ id: PickleValue) throws(CheckpointError) -> PickleValue {
        guard let node = heap.node(id), node.kind == .tuple, case .text(let kind)? = node.items.first else { throw malformed("a persistent id is no tuple that begins with a text") }
        let items = node.items
        if kind == "module", items.count >= 2 { return items[1] }
        guard kind == "storage", items.count >= 5, let global = heap.global(items[1]), case .int(let count) = items[4], count >= 0 else {
            throw malformed("a persistent id is not ('storage', class, key, location, count) with a count from 0 to 2^63 - 1")
        }
        let key: String
        switch items[2] {
        case .text(let text): key = text
        case .int(let number): key = String(number)
        default: throw malformed("a storage's key is neither text nor number")
        }
        guard !key.isEmpty, !key.contains("/"), !key.contains("\\"), key != ".", key != ".." else { throw malformed("a storage's key is \(quoted(String(key.prefix(80)))): a key is no path") }
        var part: TorchStorage.Part?
        if items.count > 5, let view = heap.node(items[5]) {
            guard view.items.count == 3, case .int(let offset) = view.items[1], case .int(let size) = view.items[2], offset >= 0, size >= 0, size <= count, offset <= count - size else {
                throw malformed("a storage is a part of another that does not lie in it")
            }
            part = .init(offset: offset, count: size)
        }
        var dtype: DType?
        if case .storage(let type)? = global.known { dtype = type }
        let storage = TorchStorage(key: key, className: global.path, dtype: dtype, isUntyped: global.known == .untypedStorage, count: count, part: part)
        guard let value = heap.add(storage) else {
            throw malformed("the storage \(quoted(key)) is a \(global.path) of \(count) elements here and something else elsewhere: which is meant cannot be known")
        }
        return value
    }

    /// `numpy.core.multiarray.scalar(dtype, bytes)` of a number.
    private func numpyNumber(_ dtype: PickleValue, _ bytes: PickleValue) -> PickleValue? {
        guard let type = heap.node(dtype), heap.global(type.type)?.known == .numpyDType, case .text(let code)? = type.items.first, case .bytes(var raw) = bytes else { return nil }
        if let state = heap.node(type.state), state.items.count > 1, case .text(">") = state.items[1] { raw.reverse() }
        let kind = code.drop { "<>=|".contains($0) }
        let bits = raw.count <= 8 ? raw.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) } : 0
        switch (kind, raw.count) {
        case ("f8", 8): return .float(Double(bitPattern: bits))
        case ("f4", 4): return .float(Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits))))
        case ("f2", 2):
            let (bytes, _) = ElementCast(from: .float16, to: .float64)?.convert([UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8)]) ?? ([], .init())
            return .float(Double(bitPattern: bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }))
        case ("b1", 1): return .bool(bits != 0)
        case ("i1", 1): return .int(Int(Int8(truncatingIfNeeded: bits)))
        case ("i2", 2): return .int(Int(Int16(truncatingIfNeeded: bits)))
        case ("i4", 4): return .int(Int(Int32(truncatingIfNeeded: bits)))
        case ("i8", 8): return .int(Int(Int64(truncatingIfNeeded: bits)))
        case ("u1", 1), ("u2", 2), ("u4", 4): return .int(Int(bits))
        case ("u8", 8): return Int(exactly: bits).map { .int($0) } ?? .bigInt(String(bits))
        default: return nil
        }
    }
}
