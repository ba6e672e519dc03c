import ByteIO
import Checkpoints
@testable import HDF5Container
import LibHDF5
import Tensors
import TestSupport
import Testing

private func describe(_ bytes: [UInt8]) throws -> HDF5Description {
    let spool = try SpoolFile.copy(of: MemorySource(bytes))
    return try LibHDF5Describer().describe(#require(spool.backing), attributes: .all, limits: .default)
}

@Test("a description is the same after the way from the helper to its client", arguments: [
    "bad-input/hdf5/odd_types.h5", "bad-input/hdf5/strings.h5", "bad-input/hdf5/chunk_gzip9_fl_v110.h5", "bad-input/hdf5/userblock.h5",
    "bad-input/hdf5/dtype_le_c16.h5", "bad-input/hdf5/array_dtype.h5", "bad-input/hdf5/fill_chunk.h5", "bad-input/hdf5/compact.h5",
    "parity/seed-4-8-3/keras3_legacy.h5",
])
func descriptionTravels(_ file: String) throws {
    let description = try describe(Fixtures.bytes(file))
    #expect(try HDF5Description(wire: description.wire) == description)
}

@Test("a plan is the same after the way from the client to the helper")
func planTravels() throws {
    let plan = HDF5Plan(groups: [.init(path: "", attributes: [.init("t", .text("é")), .init("l", .texts(["a", ""])), .init("i", .integer(-3))])], datasets: [
        .init(path: "a/b", dtype: .bfloat16, shape: [3, 4], attributes: [.init("f", .float(.infinity)), .init("n", .integers([])), .init("g", .floats([1.5]))]),
        .init(path: "c", dtype: .float32, shape: [9], storage: .chunked(shape: [4], filters: [.init(id: 2), .init(id: 1, values: [6])])),
    ])
    #expect(try HDF5Plan(wire: plan.wire) == plan)
    let head = HDF5ChunkHead(dataset: 1, offset: [4], mask: 3)
    let read = try HDF5ChunkHead.read(head.wire + [1, 2, 3])
    #expect(read.head == head && read.count == head.wire.count)
}

// HDF5-2
@Test("whatever bytes a broken helper answers, the client gives an error or a tensor that fits the file", arguments: [
    "bad-input/hdf5/odd_types.h5", "bad-input/hdf5/chunk_gzip9_fl_v110.h5", "bad-input/hdf5/array_dtype.h5", "bad-input/hdf5/fill_chunk.h5",
])
func hostileAnswers(_ file: String) throws {
    let bytes = try Fixtures.bytes(file)
    let wire = try describe(bytes).wire
    var random = SplitMix64(seed: 11), limits = Limits()
    limits.tensorBytes = 1 << 24
    limits.totalBytes = 1 << 24
    var opened = 0
    for round in 0..<3000 {
        var mutant = wire
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let at = Int.random(in: 0..<mutant.count, using: &random)
            switch round % 4 {
            case 0: mutant[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: mutant[at] = .random(in: 0...255, using: &random)
            case 2: for offset in 0..<min(8, mutant.count - at) { mutant[at + offset] = [0x00, 0xFF, 0x7F][Int.random(in: 0..<3, using: &random)] }
            default: mutant.removeSubrange(at..<min(at + Int.random(in: 1...9, using: &random), mutant.count - 1))
            }
        }
        guard let description = try? HDF5Description(wire: mutant) else { continue }
        do throws(CheckpointError) {
            let opening = try HDF5File(MemorySource(bytes), describer: FixedDescriber(description: description), limits: limits)
            for case .tensor(let tensor) in opening.entries {
                let buffer = try ChunkBuffer(checkedCount: tensor.info.byteCount)
                try opening.bytes(of: tensor).read(at: 0, count: tensor.info.byteCount, into: buffer, at: 0)
            }
            opened += 1
        } catch {
            #expect(error.code != .notRecognised)
        }
    }
    #expect(opened > 100)
}

@Test("a helper that is no helper gives an error that says so", arguments: [
    ("/bin/true", "ended with status 0"), ("/bin/cat", "no answer"), ("/nowhere/helper", "does not start"),
])
func strangeHelpers(_ path: String, _ reason: String) throws {
    let client = HDF5HelperClient(path: path)
    let source = try FileSource(path: Fixtures.path("bad-input/hdf5/plain_v18.h5"))
    #expect { _ = try client.describe(#require(source.backing), attributes: .all, limits: .default) } throws: { error in
        let text = (error as? CheckpointError)?.message ?? ""
        return text.contains(reason) || text.contains("ended with status")
    }
}
