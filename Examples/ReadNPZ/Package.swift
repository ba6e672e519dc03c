// swift-tools-version: 6.2
// A program that uses the NPZ product alone: neither libhdf5 nor a BLAS is linked (Scripts/test-consumers checks with ldd).
import PackageDescription

let package = Package(
    name: "ReadNPZ",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "mlpconv", path: "../..")],
    targets: [.executableTarget(name: "ReadNPZ", dependencies: [.product(name: "NPZ", package: "mlpconv")])]
)
