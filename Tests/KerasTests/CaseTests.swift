import ByteIO
import Checkpoints
import Keras
import StrictJSON
import Tensors
import TestSupport
import Testing

// What the networks of Fixtures/parity do not have: files laid out by Fixtures/recipe/keras_cases.py, and files that Keras itself wrote for
// keras_cases_real.py.

// KERAS-2, KERAS-5, KERAS-6, KERAS-11 to KERAS-13, KERAS-16, KERAS-30, KERAS-31, KERAS-53, KERAS-55.
@Test("lists cut in pieces, layers in any order, frozen and nested layers, old eras: read in the order that the file gives, none lost")
func readsCasesInOrder() throws {
    var checked = 0
    let entries = try ["keras/cases.json", "keras/written.json"].flatMap { try Fixtures.json($0).array ?? [] }
    for entry in entries where entry["error"] == nil {
        let file = try #require(entry["file"]?.string)
        let input = try CheckpointInput(path: Fixtures.path("keras/\(file)"))
        let codec = try recognised(input)
        #expect(codec.name == entry["codec"]?.string, "\(file)")
        let checkpoint = try codec.open(input, limits: .default)
        #expect(try contents(checkpoint) == (try expected(entry)), "\(file)")
        #expect(checkpoint.index.unsupported.map(\.name) == (entry["unsupported"]?.array?.compactMap(\.string) ?? []), "\(file)")
        for member in entry["metadata"]?.members ?? [] {
            #expect(checkpoint.index.metadata[member.key] == member.value.string, "\(file): \(member.key)")
        }
        checked += 1
    }
    #expect(checked >= 32)
}

// KERAS-4, KERAS-14, KERAS-15, KERAS-40, KERAS-41, KERAS-52, KERAS-53.
@Test("a file whose lists, texts or members contradict it is refused with its code, and the message names what is wrong")
func refusesBrokenCases() throws {
    let registry = CodecRegistry(allCodecs)
    var checked = 0
    for entry in try Fixtures.json("keras/cases.json").array ?? [] {
        guard let code = entry["error"]?.string, let says = entry["says"]?.string else { continue }
        let file = try #require(entry["file"]?.string)
        let input = try CheckpointInput(path: Fixtures.path("keras/\(file)"))
        do {
            _ = try registry.open(input)
            Issue.record("\(file) was read")
        } catch {
            #expect(error.code.rawValue == code && error.message.contains(says), "\(file): \(error)")
            #expect(error.place.format == entry["codec"]?.string, "\(file)")
        }
        checked += 1
    }
    #expect(checked >= 9)
}

// KERAS-57.
@Test("an offset in an archive's weights counts from the start of the archive")
func shiftsOffsets() throws {
    let bytes = try Fixtures.bytes("keras/weights_beyond.keras")
    let start = try #require(bytes.indices.first { bytes[$0...].starts(with: [0x89, 0x48, 0x44, 0x46]) })
    do {
        _ = try KerasArchiveCodec(describer: inProcess, layouter: inProcessLayouter).open(bytes)
        Issue.record("it was read")
    } catch {
        #expect(error.place.offset == start + (1 << 40))
        #expect(error.place.tensor == "w")
    }
}

// KERAS-12.
@Test("a list that was cut in pieces is whole in the metadata, and its pieces are not")
func joinsLists() throws {
    let input = try CheckpointInput(path: Fixtures.path("keras/split_lists.h5"))
    let metadata = try recognised(input).open(input, limits: .default).index.metadata
    #expect(metadata["model_weights/dense_11@weight_names"] == #"["dense_11/kernel:0","dense_11/bias:0"]"#)
    #expect(!metadata.keys.contains { $0.hasSuffix("names0") || $0.hasSuffix("names1") })
}

// KERAS-40, KERAS-56.
@Test("limits of the caller hold for an archive's members and texts, and for a file that was detected under others")
func obeysLimits() throws {
    func code(_ file: String, _ change: (inout Limits) -> Void) throws -> CheckpointError.Code? {
        var limits = Limits()
        change(&limits)
        let input = try CheckpointInput(path: Fixtures.path(file))
        let codec = try recognised(input)
        do { _ = try codec.open(input, limits: limits) } catch { return error.code }
        return nil
    }
    for file in ["parity/seed-4-8-3/keras3.keras", "parity/seed-4-8-3/keras3.weights.h5", "parity/seed-4-8-3/keras2.h5", "keras/bfloat16_old_deflated.keras"] {
        #expect(try code(file) { $0.totalBytes = 15 } == .limit, "\(file)")
        #expect(try code(file) { $0.tensors = 2 } == .limit, "\(file)")
    }
    #expect(try code("parity/seed-4-8-3/keras3.keras") { $0.headerBytes = 1000 } == .limit)
    #expect(try code("parity/seed-4-8-3/keras3.keras") { $0.depth = 6 } != nil)
    #expect(try code("parity/seed-4-8-3/keras2.h5") { $0.totalBytes = 1 << 20 } == nil)
}

// KERAS-54.
@Test("a weight flipped in an archive is found by verifying, though tensors are read in place")
func findsFlippedWeights() throws {
    var bytes = try Fixtures.bytes("parity/seed-4-8-3/keras3.keras")
    let codec = KerasArchiveCodec(describer: inProcess, layouter: inProcessLayouter)
    let whole = try codec.open(bytes)
    let position = try #require(whole.index.position(of: "layers/dense/vars/0"))
    let extent = try #require(whole.extent(ofTensorAt: position))
    let kernel = try whole.array(ofTensorAt: position)
    // The extent counts from the start of the member: find the kernel in the archive.
    let start = try #require(bytes.indices.first { bytes[$0...].starts(with: kernel) })
    #expect(start > extent.offset)
    bytes[start + 5] ^= 0x10
    let damaged = try codec.open(bytes)
    #expect(throws: CheckpointError.self) { try damaged.verifyRemainder() }
    try whole.verifyRemainder()
}

@Test("any single flipped bit and any truncation of an archive or a legacy file is an error or another content, never a crash")
func survivesDamage() throws {
    let registry = CodecRegistry(allCodecs)
    var random = SplitMix64(seed: 7)
    for file in ["bad-input/keras/plain.keras", "bad-input/keras/deflated.keras"] {
        let bytes = try Fixtures.bytes(file)
        // The zip's own bytes and the texts: libhdf5 itself is attacked through the helper, where it may die.
        let places = bytes.indices.filter { $0 < 800 || $0 > bytes.count - 400 }
        var refused = 0, runs = 0
        for _ in 0..<300 {
            var damaged = bytes
            damaged[places[Int(random.next() % UInt64(places.count))]] ^= UInt8(1 << (random.next() % 8))
            runs += 1
            do {
                _ = try contents(registry.open(CheckpointInput(MemorySource(damaged))).checkpoint)
            } catch is CheckpointError { refused += 1 }
        }
        #expect(refused > runs / 2, "\(file): \(refused) of \(runs)")
        for length in stride(from: 0, to: bytes.count, by: 97) {
            #expect(throws: CheckpointError.self, "\(file) cut at \(length)") { try contents(registry.open(CheckpointInput(MemorySource(Array(bytes[..<length])))).checkpoint) }
        }
    }
}
