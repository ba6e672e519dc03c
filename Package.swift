// swift-tools-version: 6.2
// The manifest reads as the architecture does: floors from the ground up, and one table of codecs.
import PackageDescription

let settings: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

func floor(_ name: String, path: String? = nil, uses: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: uses, path: path ?? "Sources/\(name)", swiftSettings: settings)
}

func tests(_ name: String, uses: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: uses, swiftSettings: settings)
}

/// One row a codec: adding a format is a folder under Sources/Codecs, a row here and a line in Catalog.swift.
let codecs: [(name: String, uses: [Target.Dependency])] = [
    ("MLPB", ["ByteIO", "Tensors", "StrictJSON", "Checkpoints", "Checksums"]),
    ("HDF5", ["ByteIO", "Tensors", "StrictJSON", "Checkpoints", "HDF5Container"]),
    ("Keras", ["ByteIO", "Tensors", "StrictJSON", "Checkpoints", "HDF5Container", "Zip"]),
    ("NPZ", ["ByteIO", "Tensors", "StrictJSON", "Checkpoints", "Checksums", "Zip"]),
    ("ONNX", ["ByteIO", "Tensors", "StrictJSON", "Checkpoints"]),
    ("PyTorch", ["ByteIO", "Tensors", "StrictJSON", "Checkpoints", "Zip"]),
    ("Safetensors", ["ByteIO", "Tensors", "StrictJSON", "Checkpoints"]),
]
let allCodecs = codecs.map { Target.Dependency.byName(name: $0.name) }
let cores: [Target.Dependency] = ["ByteIO", "Tensors", "StrictJSON", "Architecture", "Checkpoints"]

let package = Package(
    name: "mlpconv",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "ModelInterchange", targets: ["ModelInterchange"]),
        .executable(name: "mlpconv", targets: ["mlpconv"]),
        .executable(name: "mlpconv-hdf5", targets: ["mlpconv-hdf5"]),
    ] + codecs.map { .library(name: $0.name, targets: [$0.name]) },
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    ],
    targets: [
        // C libraries of the system: a module map and a shim each.
        .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"]), .brew(["libdeflate"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"]), .brew(["hdf5"])]),

        // Cores: bytes, tensors, text, networks as descriptions, checkpoints.
        floor("ByteIO", uses: []),
        floor("Tensors", uses: []),
        floor("StrictJSON", uses: []),
        floor("Architecture", uses: ["StrictJSON"]),
        floor("Checksums", uses: ["CDeflate"]),
        floor("Checkpoints", uses: ["ByteIO", "Tensors", "StrictJSON", .product(name: "Crypto", package: "swift-crypto")]),

        // Containers that several formats share.
        floor("Zip", path: "Sources/Containers/Zip", uses: ["ByteIO", "Checksums", "CDeflate", "CZlib"]),
        floor("HDF5Container", path: "Sources/Containers/HDF5", uses: ["ByteIO", "Tensors", "StrictJSON", "Checkpoints", "CDeflate"]),
        floor("LibHDF5", uses: ["HDF5Container", "Checkpoints", "ByteIO", "Tensors", "CHDF5"]),
    ] + codecs.map { floor($0.name, path: "Sources/Codecs/\($0.name)", uses: $0.uses) } + [
        floor("Catalog", uses: cores + ["HDF5Container"] + allCodecs),

        // Networks: what frameworks call them, how they run, how they are proven equal.
        floor("Dialects", uses: cores),
        floor("MLP", uses: ["Architecture"]),
        floor("Bridge", uses: cores + ["Dialects", "MLP"]),
        floor("Conversion", uses: cores + ["Dialects", "MLP", "Bridge", "Parity"]),
        floor("Parity", uses: cores + ["Dialects", "MLP", "Bridge"]),

        // Faces.
        floor("ModelInterchange", uses: cores + ["Catalog", "Dialects", "MLP", "Bridge", "Conversion", "Parity", "HDF5Container", "LibHDF5"]),
        .executableTarget(
            name: "mlpconv",
            dependencies: cores + ["Catalog", "Dialects", "MLP", "Bridge", "Conversion", "Parity", "HDF5Container",
                                   .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: settings),
        .executableTarget(name: "mlpconv-hdf5", dependencies: ["LibHDF5", "HDF5Container", "Checkpoints", "ByteIO"], swiftSettings: settings),

        // Tests: shared support, one target a room, and the contract suite over the whole catalog.
        .target(name: "MallocCount", path: "Tests/MallocCount"),
        .target(name: "TestSupport", dependencies: cores + ["Checksums"], path: "Tests/TestSupport", swiftSettings: settings),
        tests("CoreTests", uses: cores + ["Checksums", "TestSupport"]),
        tests("ZipTests", uses: cores + ["Zip", "TestSupport"]),
        tests("NPZTests", uses: cores + ["NPZ", "Zip", "TestSupport"]),
        tests("PyTorchTests", uses: cores + ["PyTorch", "Zip", "TestSupport"]),
        tests("HDF5Tests", uses: cores + ["HDF5", "HDF5Container", "LibHDF5", "TestSupport", "mlpconv-hdf5"]),
        tests("KerasTests", uses: cores + ["Keras", "NPZ", "Dialects", "Conversion", "HDF5Container", "LibHDF5", "TestSupport", "mlpconv-hdf5"]),
        tests("MLPBTests", uses: cores + ["MLPB", "Checksums", "TestSupport"]),
        tests("SafetensorsTests", uses: cores + ["Safetensors", "TestSupport"]),
        tests("ONNXTests", uses: cores + ["ONNX", "Dialects", "Bridge", "MLP", "NPZ", "Parity", "TestSupport"]),
        tests("MLPTests", uses: cores + ["MLP", "Zip", "MallocCount", "TestSupport"]),
        tests("DialectsTests", uses: cores + ["Dialects", "Bridge", "MLP", "NPZ", "Safetensors", "HDF5", "Keras", "HDF5Container", "LibHDF5", "TestSupport"]),
        tests("ParityTests", uses: cores + ["Parity", "Bridge", "Dialects", "MLP", "HDF5Container", "LibHDF5", "TestSupport"] + allCodecs),
        tests("CatalogTests", uses: cores + ["Catalog", "Conversion", "LibHDF5", "HDF5Container", "TestSupport"]),
        tests("CommandTests", uses: cores + ["NPZ", "TestSupport", "mlpconv", "mlpconv-hdf5"]),
    ]
)
