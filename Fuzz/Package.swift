// swift-tools-version: 6.2
// One libFuzzer program a parser; Scripts/fuzz builds and runs them. Built without the sanitizer flags they do not link, so they are a package of their own.
import PackageDescription

let settings: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

func codec(_ name: String) -> Target.Dependency { .product(name: name, package: "mlpconv") }

/// One row a parser: a folder under Sources, a row here, a line in Scripts/fuzz, a dictionary.
let parsers: [(name: String, program: String, uses: [Target.Dependency])] = [
    ("JSON", "fuzz-json", [codec("Safetensors")]),
    ("MLPB", "fuzz-mlpb", [codec("MLPB")]),
    ("Safetensors", "fuzz-safetensors", [codec("Safetensors")]),
    ("NPY", "fuzz-npy", [codec("NPZ")]),
    ("NPZ", "fuzz-npz", [codec("NPZ")]),
    // What the helper process answers, and the chunks it points to: read in our process, whatever becomes of the helper.
    ("HDF5", "fuzz-hdf5", [codec("HDF5"), codec("Keras")]),
    // Names, shapes and texts of a checkpoint, from which a network is recognised.
    ("Network", "fuzz-network", [codec("ModelInterchange")]),
]

let package = Package(
    name: "Fuzz",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "mlpconv", path: "..")],
    targets: [
        .systemLibrary(name: "CLibFuzzer"),
        // The products bring their floors with them: ByteIO, Checkpoints, Checksums, StrictJSON, Tensors.
        .target(name: "Harness", dependencies: ["CLibFuzzer", codec("MLPB")], swiftSettings: settings),
        .executableTarget(name: "fuzz-seeds", dependencies: [codec("MLPB"), codec("NPZ"), codec("Safetensors"), codec("Keras"), codec("ModelInterchange")], path: "Sources/Seeds", swiftSettings: settings),
    ] + parsers.map {
        .executableTarget(name: $0.program, dependencies: ["Harness"] + $0.uses, path: "Sources/\($0.name)", swiftSettings: settings)
    }
)
