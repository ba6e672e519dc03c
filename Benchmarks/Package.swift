// swift-tools-version: 6.2
// The side of `make bench` that is ours: a program that runs one job a line. A package of its own, so that a user of the library never builds it.
import PackageDescription

let package = Package(
    name: "Benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "mlpconv", path: "..")],
    targets: [
        .executableTarget(
            name: "mlpconv-bench",
            dependencies: [.product(name: "ModelInterchange", package: "mlpconv")],
            swiftSettings: [
                .strictMemorySafety(),
                .treatAllWarnings(as: .error),
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("InternalImportsByDefault"),
            ])
    ]
)
