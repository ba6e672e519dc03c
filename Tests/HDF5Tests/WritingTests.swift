import ByteIO
import Checkpoints
import Foundation
import HDF5
import HDF5Container
import LibHDF5
import Tensors
import TestSupport
import Testing

func samples() throws -> [MemoryTensor] {
    var all = try DType.allCases.enumerated().map { try MemoryTensor.sample("types/\($1.rawValue)", $1, [3, 5], seed: UInt64($0)) }
    all.append(try .sample("scalar", .float64, []))
    all.append(try .sample("empty", .float32, [0, 3]))
    all.append(try .sample("dense_10/kernel", .float32, [7, 11]))
    all.append(try .sample("dense_2/kernel", .float32, [100, 300]))
    all.append(try .sample("caf\u{e9} \u{1F600}/π", .bfloat16, [4000]))
    all.append(try .sample("wide", .float32, [3, 70_000]))
    all.append(try .sample("deep", .int16, [2, 3, 50_001]))
    all.append(try .sample("small", .float16, [600, 5]))
    all.append(try .sample("tied/a", .float32, [30, 3], seed: 9))
    all.append(try .sample("tied/b", .float32, [30, 3], seed: 9))
    all.append(MemoryTensor(try TensorInfo(name: "zeros", dtype: .float32, sizes: [300, 300]), [UInt8](repeating: 0, count: 360_000)))
    return all
}

private func expectSame(_ written: any Checkpoint, _ source: MemoryCheckpoint) throws {
    let mine = try fullContents(written), theirs = try fullContents(source)
    #expect(mine.tensors == theirs.tensors)
    #expect(mine.bytes == theirs.bytes)
}

// HDF5-9, HDF5-16, HDF5-22, HDF5-23
@Test("what is written is read back the same: every dtype, in order, contiguous and compressed, by helper and in process", arguments: [
    WriteOptions.Compression.none, .deflate,
])
func roundTrip(_ compression: WriteOptions.Compression) throws {
    var options = WriteOptions()
    options.compression = compression
    let slots = [OptimizerState.Slot(tensor: "dense_2/kernel", slot: "m", parameter: "wide")]
    let tensors = try samples()
    let tie = tensors.indices.filter { tensors[$0].info.name.hasPrefix("tied/") }
    let source = MemoryCheckpoint(tensors, metadata: Metadata([
        ("plain", "text"), ("empty", ""), ("types@note", "of a group"), ("dense_2/kernel@unit", "of a dataset"), ("nobody@home", "of none"),
        ("long", String(repeating: "{\"é\": 1}\n", count: 20_000)), ("mlpconv.network", "{}"),
    ]), ties: [tie], optimizer: OptimizerState(kind: "adam", step: 7, settings: Metadata([("lr", "0.1")]), slots: slots))
    let bytes = try written(source, as: inProcess, options: options)
    let theirs = try written(source, as: isolated, options: options)
    #expect(theirs == bytes, "the helper writes other bytes")
    for codec in [inProcess, isolated] {
        let checkpoint = try codec.open(bytes)
        try expectSame(checkpoint, source)
        #expect(Set(checkpoint.index.metadata.entries) == Set(source.index.metadata.entries))
        #expect(checkpoint.index.ties == [tie] && checkpoint.index.optimizer == source.index.optimizer)
        #expect(checkpoint.index.unsupported.isEmpty)
    }
    #expect(compression == .none || bytes.count < source.index.totalBytes)
}

// HDF5-20
@Test("the same checkpoint gives the same bytes, whenever it is written")
func isDeterministic() throws {
    let source = MemoryCheckpoint(try samples(), metadata: Metadata([("a", "1")]))
    let first = try written(source, as: inProcess)
    Thread.sleep(forTimeInterval: 1.1)
    let second = try written(source, as: inProcess)
    #expect(second == first)
}

// HDF5-21
@Test("tensors of 64 bytes and more lie in place at multiples of 64")
func isAligned() throws {
    let bytes = try written(MemoryCheckpoint(samples()), as: inProcess)
    let checkpoint = try inProcess.open(bytes)
    for (position, tensor) in checkpoint.index.tensors.enumerated() where tensor.byteCount >= 64 {
        let extent = try #require(checkpoint.extent(ofTensorAt: position), "\(tensor.name)")
        #expect(extent.offset % 64 == 0 && extent.count == tensor.byteCount, "\(tensor.name)")
    }
}

// HDF5-24
@Test("names that cannot be paths are refused before anything is written", arguments: [
    ["", "b"], ["a//b"], ["/a"], ["a/"], ["a/./b"], ["..", "b"], ["a\0b"], ["a", "a/b"], ["a/b", "a/b/c", "a/d"],
])
func refusedNames(_ names: [String]) throws {
    let source = MemoryCheckpoint(try names.map { try MemoryTensor.sample($0) })
    try withTemporaryFolder { folder in
        let path = "\(folder)/out.h5"
        #expect {
            let file = try AtomicFile(replacing: path, mayReplace: false)
            try inProcess.write(source, to: file.output, options: WriteOptions())
            try file.commit()
        } throws: { ($0 as? CheckpointError)?.code == .unsupported }
        let left = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(left.isEmpty)
    }
}

@Test("names that differ only in their Unicode normal form stay two tensors")
func normalForms() throws {
    let source = MemoryCheckpoint([try .sample("\u{e9}", seed: 1), try .sample("e\u{301}", seed: 2)])
    try expectSame(try isolated.open(written(source, as: isolated)), source)
}

// HDF5-14, HDF5-17
@Test("an edited chunk is found: one flipped bit in deflated data, a lying checksum")
func damagedChunks() throws {
    var options = WriteOptions()
    options.compression = .deflate
    let info = try TensorInfo(name: "w", dtype: .float32, sizes: [4096])
    let values: [UInt8] = (0..<4096).flatMap { (index: Int) -> [UInt8] in [0, 0, UInt8(index & 255), 63] }
    let source = MemoryCheckpoint([MemoryTensor(info, values)])
    let bytes = try written(source, as: inProcess, options: options)
    guard case .array(let array)? = try describe(bytes).datasets.first?.content, case .chunked(let chunking) = array.layout,
        let chunk = chunking.chunks.first else { throw Fixtures.Missing(path: "a chunk") }
    #expect(chunk.mask == 0 && chunk.count < values.count)
    var found = 0
    for bit in 0..<chunk.count * 8 where bit % 7 == 0 {
        var damaged = bytes
        damaged[chunk.address + bit / 8] ^= 1 << UInt8(bit % 8)
        let checkpoint = try inProcess.open(damaged)
        do throws(CheckpointError) {
            let read = try fullContents(checkpoint)
            // Bits behind the stream's end are not data; none here may change a value in silence.
            #expect(read.bytes == [values])
        } catch {
            #expect(error.code == .malformed && error.place.tensor == "w")
            found += 1
        }
    }
    #expect(found > chunk.count)
}

private func describe(_ bytes: [UInt8]) throws -> HDF5Description {
    let spool = try SpoolFile.copy(of: MemorySource(bytes))
    return try LibHDF5Describer().describe(#require(spool.backing), attributes: .all, limits: .default)
}
