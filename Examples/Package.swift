// swift-tools-version: 6.2
// A package of its own that depends on mlpconv as a user's would: one program with everything, one with the NPZ product alone,
// which links neither libhdf5 nor a BLAS (Scripts/test-consumers checks).
import PackageDescription

let package = Package(
    name: "Examples",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "mlpconv", path: "..")],
    targets: [
        .executableTarget(name: "LoadAndRun", dependencies: [.product(name: "ModelInterchange", package: "mlpconv")]),
        .executableTarget(name: "ReadNPZ", dependencies: [.product(name: "NPZ", package: "mlpconv")]),
    ]
)
