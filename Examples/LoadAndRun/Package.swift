// swift-tools-version: 6.2
// A program of its own that uses the whole library, as a user's would: `swift run LoadAndRun MODEL`.
import PackageDescription

let package = Package(
    name: "LoadAndRun",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "mlpconv", path: "../..")],
    targets: [.executableTarget(name: "LoadAndRun", dependencies: [.product(name: "ModelInterchange", package: "mlpconv")])]
)
