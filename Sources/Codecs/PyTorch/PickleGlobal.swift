import Tensors

/// A name that a pickle asks to import, and what it stands for here. What is not in the table is a placeholder: a name, and nothing more.
struct PickleGlobal: Sendable {
    let module: String
    let name: String
    let known: Known?

    /// PT-9. The closed table of names with a meaning.
    enum Known: Sendable, Hashable {
        case dict, list, tuple, set, bytes, complex, encode, size, device, layout, reconstructor
        case rebuildTensor, rebuildTensorV2, rebuildTensorV3, rebuildParameter, rebuildParameterWithState, rebuildFromType
        case numpyScalar, numpyDType
        case dtype(DType?)
        case storage(DType?)
        case untypedStorage
        /// A class that says nothing more of a tensor: `torch.Tensor`, `torch.nn.parameter.Parameter`.
        case tensorClass
        /// A name that is its own value: `torch.strided`.
        case value
    }

    init(_ module: String, _ name: String) {
        self.module = module
        self.name = name
        known = Self.meaning(module, name)
    }

    /// `torch._utils._rebuild_tensor_v2`.
    var path: String { "\(module).\(name)" }

    /// PT-11. Whether importing or calling it could run code, read files or reach the network.
    var isDangerous: Bool {
        let top = module.split(separator: ".").first.map(String.init) ?? module
        if Self.dangerousModules.contains(top) { return true }
        let last = name.split(separator: ".").last.map(String.init) ?? name
        switch top {
        case "builtins", "__builtin__": return Self.dangerousBuiltins.contains(last)
        case "torch": return module.hasPrefix("torch.hub") || ["load", "jit.load"].contains(name) || ["torch.package", "torch.utils.cpp_extension", "torch._inductor", "torch.serialization"].contains { module.hasPrefix($0) } && known == nil
        case "numpy": return ["load", "fromfile", "memmap", "loadtxt", "genfromtxt", "runstring"].contains(last) || module.hasPrefix("numpy.testing")
        case "functools": return last == "partial" || last == "reduce"
        case "operator": return ["attrgetter", "methodcaller", "itemgetter", "call"].contains(last)
        default: return false
        }
    }

    private static let dangerousModules: Set<String> = [
        "os", "sys", "posix", "nt", "posixpath", "ntpath", "subprocess", "shutil", "socket", "runpy", "importlib", "imp", "pty", "commands", "popen2",
        "ctypes", "_ctypes", "cffi", "pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "code", "codeop", "webbrowser", "multiprocessing",
        "asyncio", "types", "pip", "pdb", "bdb", "timeit", "profile", "cProfile", "trace", "signal", "threading", "_thread", "urllib", "urllib2",
        "requests", "http", "httplib", "ftplib", "smtplib", "ssl", "tempfile", "pathlib", "io", "_io", "linecache", "fileinput", "glob", "zipimport", "pkgutil",
        "platform", "inspect", "gc", "atexit", "site", "pydoc", "doctest", "venv", "ensurepip", "idlelib", "distutils", "setuptools", "sqlite3", "test",
    ]

    private static let dangerousBuiltins: Set<String> = [
        "eval", "exec", "execfile", "compile", "open", "file", "getattr", "setattr", "delattr", "hasattr", "__import__", "globals", "locals", "vars", "dir", "input",
        "raw_input", "breakpoint", "apply", "map", "filter", "type", "super", "memoryview", "reload", "help", "exit", "quit",
    ]

    private static let dtypes: [String: DType] = [
        "float16": .float16, "half": .float16, "bfloat16": .bfloat16, "float32": .float32, "float": .float32, "float64": .float64, "double": .float64,
        "uint8": .uint8, "int8": .int8, "uint16": .uint16, "int16": .int16, "short": .int16, "uint32": .uint32, "int32": .int32, "int": .int32,
        "uint64": .uint64, "int64": .int64, "long": .int64, "bool": .bool, "complex64": .complex64, "cfloat": .complex64,
        "complex128": .complex128, "cdouble": .complex128, "float8_e4m3fn": .float8_e4m3fn, "float8_e5m2": .float8_e5m2,
    ]

    private static let storages: [String: DType] = [
        "DoubleStorage": .float64, "FloatStorage": .float32, "HalfStorage": .float16, "BFloat16Storage": .bfloat16, "LongStorage": .int64,
        "IntStorage": .int32, "ShortStorage": .int16, "CharStorage": .int8, "ByteStorage": .uint8, "BoolStorage": .bool,
        "ComplexFloatStorage": .complex64, "ComplexDoubleStorage": .complex128,
    ]

    /// Types of torch that have no equal here.
    private static let otherTypes: Set<String> = [
        "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2", "complex32", "chalf", "qint8", "quint8", "qint32", "quint4x2", "quint2x4",
        "bits8", "bits16", "bits1x8", "bits2x4", "bits4x2", "int1", "int2", "int3", "int4", "int5", "int6", "int7", "uint1", "uint2", "uint3", "uint4", "uint5", "uint6", "uint7",
    ]
    private static let otherStorages: Set<String> = ["QInt8Storage", "QUInt8Storage", "QInt32Storage", "QUInt4x2Storage", "QUInt2x4Storage"]

    private static func meaning(_ module: String, _ name: String) -> Known? {
        switch (module, name) {
        case ("collections", "OrderedDict"), ("collections", "Counter"), ("collections", "defaultdict"): return .dict
        case ("torch._utils", "_rebuild_tensor"): return .rebuildTensor
        case ("torch._utils", "_rebuild_tensor_v2"): return .rebuildTensorV2
        case ("torch._utils", "_rebuild_tensor_v3"): return .rebuildTensorV3
        case ("torch._utils", "_rebuild_parameter"): return .rebuildParameter
        case ("torch._utils", "_rebuild_parameter_with_state"): return .rebuildParameterWithState
        case ("torch._tensor", "_rebuild_from_type_v2"), ("torch._tensor", "_rebuild_from_type"), ("torch.tensor", "_rebuild_from_type"): return .rebuildFromType
        case ("torch", "Size"): return .size
        case ("torch", "device"): return .device
        case ("torch.serialization", "_get_layout"): return .layout
        case ("_codecs", "encode"): return .encode
        case ("copy_reg", "_reconstructor"), ("copyreg", "_reconstructor"): return .reconstructor
        case ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"): return .numpyScalar
        case ("numpy", "dtype"): return .numpyDType
        case ("torch", "Tensor"), ("torch._tensor", "Tensor"), ("torch.nn.parameter", "Parameter"), ("torch.nn", "Parameter"), ("torch.nn.parameter", "Buffer"): return .tensorClass
        case ("torch.storage", "UntypedStorage"), ("torch", "UntypedStorage"), ("torch.storage", "_UntypedStorage"): return .untypedStorage
        case ("torch", "strided"), ("torch", "sparse_coo"), ("torch", "preserve_format"), ("torch", "contiguous_format"), ("torch", "channels_last"): return .value
        default: break
        }
        if module == "builtins" || module == "__builtin__" {
            switch name {
            case "dict": return .dict
            case "list": return .list
            case "tuple": return .tuple
            case "set", "frozenset": return .set
            case "bytearray", "bytes": return .bytes
            case "complex": return .complex
            case "object", "int", "long", "float", "str", "unicode", "bool": return .value
            default: return nil
            }
        }
        if module == "torch" {
            if let type = dtypes[name] { return .dtype(type) }
            if otherTypes.contains(name) { return .dtype(nil) }
        }
        if module == "torch" || module == "torch.cuda" || module == "torch.storage" {
            if let type = storages[name] { return .storage(type) }
            if otherStorages.contains(name) { return .storage(nil) }
        }
        return nil
    }
}
