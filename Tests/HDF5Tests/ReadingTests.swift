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

// HDF5-5, HDF5-6, HDF5-8, HDF5-11, HDF5-17, HDF5-18
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

// HDF5-19
@Test("a dataset in a format that only a newer library reads is listed, and says so")
func newerFormats() throws {
    var bytes = try Fixtures.bytes("bad-input/hdf5/chunk_edge_earliest.h5")
    // The layout message of an object header of version 1: kind 8, size, flags and padding; then version 3, class 2 (chunked).
    let found = (0..<bytes.count - 10).first { (at: Int) -> Bool in
        let head = Array(bytes[at..<at + 10])
        return head[0] == 8 && head[1] == 0 && head[5...] == [0, 0, 0, 3, 2]
    }
    let at = try #require(found)
    bytes[at + 8] = 9
    #expect { _ = try inProcess.open(bytes) } throws: { error in
        let error = error as? CheckpointError
        return error?.code == .unsupported && error?.place.tensor == "w" && error?.message.contains("newer HDF5 library") == true
    }
}

// HDF5-7
@Test("two links to one dataset are two tied tensors; a link that leads nowhere is listed")
func links() throws {
    for file in ["hardlink2.h5", "softlink.h5"] {
        let index = try inProcess.open(Fixtures.bytes("bad-input/hdf5/\(file)")).index
        #expect(index.tensors.count == 2 && index.ties == [[0, 1]] && index.unsupported.isEmpty, "\(file)")
    }
    let dangling = try inProcess.open(Fixtures.bytes("bad-input/hdf5/dangling.h5")).index
    #expect(dangling.tensors.map(\.name) == ["w"] && dangling.unsupported.map(\.name) == ["x"])
}

// HDF5-6, HDF5-16
@Test("attributes of every kind of text and number are metadata; groups that track creation list in that order")
func attributesAndOrder() throws {
    let metadata = try inProcess.open(Fixtures.bytes("bad-input/hdf5/strings.h5")).index.metadata
    #expect(metadata.entries.map { [$0.key, $0.text] } == [["cfg", #"{"x": 1}"#], ["e", "null"], ["names", #"["w","b"]"#], ["vn", #"["ü","w"]"#]])
    let order = try inProcess.open(Fixtures.bytes("bad-input/hdf5/track_order.h5")).index.tensors.map(\.name)
    #expect(order == ["z", "a", "x"])
}
