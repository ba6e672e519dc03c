public import Tensors

/// What is known of a checkpoint once it is open: everything but the tensors' bytes.
public struct CheckpointIndex: Sendable {
    /// In the file's own order. Names are unique.
    public var tensors: [TensorInfo]
    public var metadata: Metadata
    /// What is in the file but is no tensor that we read.
    public var unsupported: [Unsupported]
    /// Tensors that are one storage: `ties[i]` holds indices into `tensors`, ascending, two or more.
    public var ties: [[Int]]
    /// What the file says of the optimizer, where its format has a place for that or a dialect found it.
    public var optimizer: OptimizerState?

    public init(tensors: [TensorInfo], metadata: Metadata = Metadata(), unsupported: [Unsupported] = [], ties: [[Int]] = [], optimizer: OptimizerState? = nil) {
        self.tensors = tensors
        self.metadata = metadata
        self.unsupported = unsupported
        self.ties = ties
        self.optimizer = optimizer
    }

    public struct Unsupported: Sendable, Hashable {
        public var name: String
        public var reason: String
        public init(name: String, reason: String) {
            self.name = name
            self.reason = reason
        }
    }

    /// The position of the tensor `name`; nil when there is none. Names are bytes: Swift's `==` would take two normal forms for one.
    public func position(of name: String) -> Int? { tensors.firstIndex { $0.name.utf8.elementsEqual(name.utf8) } }

    /// The sum of the decoded tensors' bytes.
    public var totalBytes: Int { tensors.reduce(0) { $0 &+ $1.byteCount } }
}

/// An optimizer's state: what it is, and which tensors are its slots.
public struct OptimizerState: Sendable, Hashable {
    public struct Slot: Sendable, Hashable {
        /// The slot tensor's name in the index.
        public var tensor: String
        /// What it holds: `m`, `v`, `momentum`, `iteration`, `learning_rate` ….
        public var slot: String
        /// The name in the index of the parameter it belongs to; nil for a state of the whole optimizer.
        public var parameter: String?
        public init(tensor: String, slot: String, parameter: String?) {
            self.tensor = tensor
            self.slot = slot
            self.parameter = parameter
        }
    }

    public var kind: String?
    public var step: Int?
    /// Hyper-parameters as text, by the source's own names.
    public var settings: Metadata
    public var slots: [Slot]
    public init(kind: String? = nil, step: Int? = nil, settings: Metadata = Metadata(), slots: [Slot] = []) {
        self.kind = kind
        self.step = step
        self.settings = settings
        self.slots = slots
    }
}

/// Text by key, in the file's order. A key stands once.
///
/// Keys of a nested place are `<path>@<attribute>` (an HDF5 group's attribute); keys that begin with `mlpconv.` are ours (`MetadataKey`).
public struct Metadata: Sendable, Hashable {
    public private(set) var entries: [Entry] = []

    public struct Entry: Sendable, Hashable {
        public let key: String
        public let text: String
    }

    public init() {}
    public init(_ pairs: [(String, String)]) { for (key, text) in pairs { self[key] = text } }

    public var isEmpty: Bool { entries.isEmpty }
    public var keys: [String] { entries.map(\.key) }

    public subscript(key: String) -> String? {
        get { positions[Array(key.utf8)].map { entries[$0].text } }
        set {
            if let position = positions[Array(key.utf8)] {
                if let newValue { entries[position] = Entry(key: key, text: newValue) } else {
                    entries.remove(at: position)
                    positions = Dictionary(uniqueKeysWithValues: entries.enumerated().map { (Array($1.key.utf8), $0) })
                }
            } else if let newValue {
                positions[Array(key.utf8)] = entries.count
                entries.append(Entry(key: key, text: newValue))
            }
        }
    }

    // By bytes: Swift takes two normal forms of a text for one key.
    private var positions: [[UInt8]: Int] = [:]
}

/// The keys under which we keep, in formats with no place of their own, what would else be lost.
public enum MetadataKey {
    /// The network description as JSON (CLI.md) with one more key, `parameters`: canonical name -> {"tensor": name in this file, "transposed": bool}.
    public static let network = "mlpconv.network"
    /// A JSON object, tensor name -> dtype, for dtypes that the container cannot name (bfloat16 in npz …).
    public static let dtypes = "mlpconv.dtypes"
    /// A JSON array of arrays of tensor names that are one storage.
    public static let ties = "mlpconv.ties"
    /// The optimizer's state as JSON: {"kind","step","settings":{},"slots":[{"tensor","slot","parameter"}]}.
    public static let optimizer = "mlpconv.optimizer"
    /// The dialect of the tensors' names and axes.
    public static let dialect = "mlpconv.dialect"
    /// The names of the tensors in their source's order, where the container loses it (safetensors sorts; HDF5 has none).
    public static let order = "mlpconv.order"
}
