import Foundation
public import StrictJSON

/// The shipped fixtures. A fixture that is missing is a failure of the test that asks for it, never a skip.
public enum Fixtures {
    /// The project's folder.
    public static let root: String = {
        var url = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { url.deleteLastPathComponent() }
        return url.path
    }()

    /// The path of `Fixtures/<name>`; throws when it is not there.
    public static func path(_ name: String) throws -> String {
        let path = "\(root)/Fixtures/\(name)"
        guard FileManager.default.fileExists(atPath: path) else { throw Missing(path: path) }
        return path
    }

    public static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: try path(name))))
    }

    public static func json(_ name: String) throws -> JSONValue {
        try JSONReader.read(bytes(name), allowingNonFinite: true)
    }

    public struct Missing: Error, CustomStringConvertible {
        public let path: String
        public init(path: String) { self.path = path }
        public var description: String { "fixture missing: \(path)" }
    }
}

/// Runs `body` with a fresh folder that is removed afterwards.
public func withTemporaryFolder<R>(_ body: (String) throws -> R) throws -> R {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("mlpconv-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder.path)
}

/// Writes `bytes` to `path`.
public func write(_ bytes: [UInt8], to path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
}
