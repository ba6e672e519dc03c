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

/// The client of the helper that this build made.
let helper = HDF5HelperClient(path: builtHelper())
/// The codec as the command has it: libhdf5 in a process of its own.
let isolated = HDF5Codec(describer: helper, layouter: helper)

func builtHelper() -> String {
    // Beside the test bundle: SwiftPM puts everything it builds into one folder.
    var folder = Bundle.main.executableURL?.deletingLastPathComponent()
    for bundle in Bundle.allBundles where bundle.bundlePath.hasSuffix(".xctest") { folder = bundle.bundleURL.deletingLastPathComponent() }
    return folder.map { $0.appendingPathComponent(HDF5HelperClient.helperName).path } ?? HDF5HelperClient.helperName
}

private let cases = (try? BadInput.cases("hdf5")) ?? []

@Test("the corpus of bad and odd HDF5 files is all here")
func corpusIsComplete() { #expect(cases.count == 114) }

// HDF5-1, HDF5-2, HDF5-4, HDF5-7, HDF5-8, HDF5-10, HDF5-11, HDF5-12, HDF5-14, HDF5-15
@Test("a bad or odd HDF5 file gives what the manifest says, and never takes this process along", arguments: cases)
func corpus(_ one: BadInput.Case) throws {
    let start = ContinuousClock.now
    do throws(CheckpointError) {
        let checkpoint = try isolated.open(CheckpointInput(path: try path(one.file)), limits: .default)
        let fault = try BadInput.fault(in: checkpoint, one)
        if one.isHard, one.expectsError { Issue.record("it is bad (\(one.why)), and is read") }
        // A soft link to a dataset is a second name of it here: one tensor more than the manifest asks for.
        if !one.expectsError, one.file != "hdf5/softlink.h5" { #expect(fault == nil) }
    } catch {
        if !one.expectsError, one.isHard { Issue.record("it is good, and gives: \(error)") }
        #expect(!error.message.isEmpty && error.description.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
        #expect(error.code != .io, "\(error)")
    }
    // Tests run side by side on few cores: what takes 2 s of processor time is given more by the clock.
    #expect(.now - start < .seconds(20))
}

private func path(_ file: String) throws(CheckpointError) -> String {
    do { return try Fixtures.path("bad-input/\(file)") } catch { throw CheckpointError(.io, "\(error)") }
}

// HDF5-13
@Test("external storage and virtual datasets beside sound tensors are listed, and an error for whoever wants every byte")
func refusedIsListed() throws {
    let description = HDF5Description(groups: [HDF5Group(path: "")], datasets: [
        HDF5Dataset(path: "a", object: 1, content: .array(HDF5Array(type: .integer(.init(size: 1, signed: false, order: .little, precision: 8, bitOffset: 0)), shape: [4], layout: .contiguous(address: 0, count: 4)))),
        HDF5Dataset(path: "b", object: 2, content: .refused("external storage")),
        HDF5Dataset(path: "c", object: 3, content: .unsupported("times")),
    ])
    let codec = HDF5Codec(describer: FixedDescriber(description: description), layouter: helper)
    let checkpoint = try codec.open([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A])
    #expect(checkpoint.index.tensors.map(\.name) == ["a"])
    #expect(checkpoint.index.unsupported.map(\.name) == ["b", "c"])
    #expect { try checkpoint.verifyRemainder() } throws: { ($0 as? CheckpointError)?.code == .unsupported && ($0 as? CheckpointError)?.place.tensor == "b" }
}

/// A describer that says whatever a test wants it to.
struct FixedDescriber: HDF5Describer {
    let description: HDF5Description
    func describe(_ range: FileRange, attributes: HDF5AttributeChoice, limits: Limits) throws(CheckpointError) -> HDF5Description { description }
}

// HDF5-3, HDF5-4
@Test("the helper and the library in this process describe every sound fixture alike")
func bothDescribersAgree() throws {
    var compared = 0
    let folder = try Fixtures.path("parity")
    for case let name as String in FileManager.default.enumerator(atPath: folder) ?? .init() where name.hasSuffix(".h5") {
        let source = try FileSource(path: "\(folder)/\(name)")
        let range = try #require(source.backing)
        let mine = try LibHDF5Describer().describe(range, attributes: .all, limits: .default)
        let theirs = try helper.describe(range, attributes: .all, limits: .default)
        #expect(mine == theirs, "\(name)")
        compared += 1
    }
    #expect(compared > 60)
    // Behind bytes that are not HDF5, as in a zip: a range of a file is a file.
    let bytes = try Fixtures.bytes("parity/seed-4-8-3/generic_gzip_shuffle.h5")
    let padded = try CheckpointInput(MemorySource([UInt8](repeating: 7, count: 513) + bytes + [1, 2, 3]).part(at: 513, count: bytes.count))
    let whole = try fullContents(inProcess.open(bytes))
    let part = try fullContents(isolated.open(padded, limits: .default))
    #expect(part.tensors == whole.tensors && part.bytes == whole.bytes)
}

// HDF5-2, HDF5-14, HDF5-15
@Test("a description that a broken helper might send is refused before anything of it is believed", arguments: [
    HDF5Layout.contiguous(address: -8, count: 16), .contiguous(address: 1 << 62, count: 16), .contiguous(address: 64, count: 16),
    .contiguous(address: 0, count: 1 << 60), .compact([1, 2]),
    .chunked(.init(shape: [0], filters: [], chunks: [])), .chunked(.init(shape: [2, 2], filters: [], chunks: [])),
    .chunked(.init(shape: [2], filters: [], chunks: [.init(index: 2, address: 0, count: 8, mask: 0)])),
    .chunked(.init(shape: [2], filters: [], chunks: [.init(index: 0, address: 0, count: 8, mask: 0), .init(index: 0, address: 0, count: 8, mask: 0)])),
    .chunked(.init(shape: [2], filters: [], chunks: [.init(index: 0, address: 60, count: 8, mask: 0)])),
    .chunked(.init(shape: [2], filters: [], chunks: [.init(index: 0, address: 0, count: 4, mask: 0)])),
    .chunked(.init(shape: [1 << 29], filters: [.init(id: 1)], chunks: [.init(index: 0, address: 0, count: 8, mask: 0)])),
])
func lyingDescriptions(_ layout: HDF5Layout) throws {
    let type = HDF5Type.float(.init(size: 4, order: .little, precision: 32, bitOffset: 0, signPosition: 31, exponentPosition: 23, exponentSize: 8,
                                    mantissaPosition: 0, mantissaSize: 23, bias: 127, isImplied: true))
    let description = HDF5Description(groups: [HDF5Group(path: "")], datasets: [
        HDF5Dataset(path: "w", object: 1, content: .array(HDF5Array(type: type, shape: [4], layout: layout)))
    ])
    let codec = HDF5Codec(describer: FixedDescriber(description: description), layouter: helper)
    let file: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A] + [UInt8](repeating: 0, count: 56)
    #expect { _ = try codec.open(file) } throws: { error in
        guard let error = error as? CheckpointError else { return false }
        return [.malformed, .limit].contains(error.code) && error.place.tensor == "w"
    }
}
