import ModelInterchange

let path = CommandLine.arguments.dropFirst().first ?? "model.keras"

// Open any supported file and look at it.
let file = try ModelFile(path)
for tensor in file.tensors { print(tensor.name, tensor.dtype, tensor.shape) }

// One tensor as numbers; `withFloatsInPlace(of:)` lends it without a copy where the file allows that.
let kernel = try file.floats(file.tensors[0].name)
print("first weights:", kernel.prefix(3))

// The network itself, forward and backward on two rows.
let network = try Network<Float>(contentsOf: path)
let rows = [Float](repeating: 0.5, count: 2 * network.description.input)
let pass = try network.pass(Batch(x: rows, rows: 2, targets: .classes([0, 1])))
print("output:", pass["output"]?.values ?? [])
print("gradient of the first kernel:", pass["grad.L0.kernel"]?.values.prefix(3) ?? [])

// And a file of another format, complete or not at all. The ledger says what became of every tensor.
var options = ConversionOptions()
options.replaces = true
let ledger = try file.write(to: "converted.npz", options: options)
print("lossless:", ledger.isLossless)
