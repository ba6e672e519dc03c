import Foundation
import TestSupport
import Testing

// HDF5-1, HDF5-3
@Test("libhdf5 is imported by LibHDF5 alone, and LibHDF5 only by the helper and the library's face")
func seamHolds() throws {
    let root = "\(Fixtures.root)/Sources"
    var importers: [String: Set<String>] = [:]
    for case let name as String in FileManager.default.enumerator(atPath: root) ?? .init() where name.hasSuffix(".swift") {
        let text = try String(contentsOfFile: "\(root)/\(name)", encoding: .utf8)
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.contains("import"), let module = words.last, ["CHDF5", "LibHDF5"].contains(module) else { continue }
            importers[String(module), default: []].insert(String(name.split(separator: "/")[0]))
        }
    }
    #expect(importers["CHDF5"] == ["LibHDF5"])
    #expect(importers["LibHDF5", default: []].isSubset(of: ["mlpconv-hdf5", "ModelInterchange"]))
    #expect(importers["LibHDF5", default: []].contains("mlpconv-hdf5"))
}
