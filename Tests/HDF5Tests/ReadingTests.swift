import ByteIO
import Checkpoints
import Foundation
import HDF5
import HDF5Container
import LibHDF5
import StrictJSON
import Tensors
import TestSupport
import Testing

/// The codec with libhdf5 in this process, for files that are sound.
let inProcess = HDF5Codec(describer: LibHDF5Describer(), layouter: LibHDF5Layouter())

/// The tensors of an open checkpoint with their hashes; every byte is read.
func contents(_ checkpoint: any Checkpoint) throws -> [(name: String, dtype: String, shape: [Int], sha256: String)] {
    let buffer = try ChunkBuffer(count: 100_000)
    let all = try checkpoint.index.tensors.indices.map { position in
        let info = checkpoint.index.tensors[position]
        return (info.name, info.dtype.rawValue, info.shape.sizes, try ContentHash.sha256(ofTensorAt: position, in: checkpoint, through: buffer))
    }
    try checkpoint.verifyRemainder()
    return all
}

@Test("every generic HDF5 fixture has the tensors, types, shapes and bytes that its own library saw")
func readsParityFixtures() throws {
    let codec = inProcess
    var checked = 0
    for entry in try Fixtures.json("parity/index.json")["files"]?.array ?? [] {
        guard let path = entry["path"]?.string, path.hasSuffix(".h5"), path.contains("/generic"),
            FileManager.default.fileExists(atPath: "\(Fixtures.root)/Fixtures/parity/\(path)") else { continue }
        let input = try CheckpointInput(path: Fixtures.path("parity/\(path)"))
        #expect(codec.confidence(in: input) == .strong)
        let checkpoint = try codec.open(input, limits: .default)
        let found = try contents(checkpoint)
        let expected = entry["tensors"]?.array ?? []
        #expect(found.count == expected.count, "\(path)")
        for tensor in expected {
            let name = try #require(tensor["name"]?.string)
            let mine = try #require(found.first { $0.name == name }, "\(path): \(name) is missing")
            #expect(mine.dtype == tensor["dtype"]?.string, "\(path): \(name)")
            #expect(mine.shape == tensor["shape"]?.array?.compactMap(\.int), "\(path): \(name)")
            #expect(mine.sha256 == tensor["sha256"]?.string, "\(path): \(name)")
        }
        checked += 1
    }
    #expect(checked >= 40)
}
