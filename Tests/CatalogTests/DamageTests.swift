import ByteIO
import Checkpoints
import Tensors
import TestSupport
import Testing

@Suite("Every format: damaged files and sources") struct DamageTests {
    @Test("a file that was cut short anywhere is refused when it is opened or read to its end", arguments: Format.all)
    func truncated(format: Format) throws {
        for file in try format.files() {
            let count = file.bytes.count
            var random = SplitMix64(seed: UInt64(count))
            let lengths = [0, 1, 7, 8, 9, 64, 127, count / 4, count / 2, count - 64, count - 9, count - 2, count - 1] + (0..<40).map { _ in Int.random(in: 0..<count, using: &random) }
            for length in Set(lengths).sorted() where (0..<count).contains(length) {
                let error = failure { () throws(CheckpointError) in _ = try fullContents(format.codec.open(Array(file.bytes[..<length]))) }
                #expect(error != nil, "\(file.name) cut at \(length) of \(count) is read")
                #expect(error?.message.isEmpty == false && error?.code != .limit, "\(String(describing: error))")
            }
        }
    }

    @Test("bytes after the end are refused, or do no harm", arguments: Format.all)
    func appended(format: Format) throws {
        for file in try format.files() {
            let whole = try fullContents(format.codec.open(file.bytes))
            for tail in [[UInt8](repeating: 0, count: 64), [1], Array(file.bytes.prefix(512))] {
                guard let read = try? format.codec.open(file.bytes + tail) else { continue }
                let error = failure { () throws(CheckpointError) in
                    let content = try fullContents(read)
                    #expect(content.tensors == whole.tensors && content.bytes == whole.bytes, "\(file.name) with \(tail.count) bytes more")
                }
                #expect(error.map { $0.code == .malformed } ?? true)
            }
        }
    }

    @Test("what is no file of a format is not claimed by it, and asking does no harm", arguments: Format.all)
    func junk(format: Format) throws {
        var random = SplitMix64(seed: 3)
        let noise = (0..<5000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        for bytes in [[], [0], Array("PK".utf8), Array("just a text\n".utf8), Array("{\"a\": [1, 2]}".utf8), [UInt8](repeating: 0, count: 4096), [UInt8](repeating: 255, count: 100), noise] {
            #expect(try format.codec.confidence(in: CheckpointInput(MemorySource(bytes))) == .none)
            #expect(failure { () throws(CheckpointError) in _ = try fullContents(format.codec.open(bytes)) } != nil)
        }
    }

    @Test("another format's file, opened as this one, is refused or read whole; it never brings the process down", arguments: Format.all)
    func foreign(format: Format) throws {
        for other in Format.all where other.codec.name != format.codec.name {
            for file in try other.files() {
                guard let error = failure({ () throws(CheckpointError) in _ = try fullContents(format.codec.open(file.bytes)) }) else { continue }
                // A header's length that other bytes spell may be over the limit for one.
                #expect([.notRecognised, .malformed, .unsupported, .mismatch, .limit].contains(error.code), "\(other.codec.name) as \(format.codec.name): \(error)")
            }
        }
    }

    @Test("when the source fails while it is written, the old file stays as it was, nothing lies beside it, and the error names the tensor", arguments: Format.writable)
    func failingSource(format: Format) throws {
        let writer = try format.writer
        let tensors = try format.holdsOneUnnamed ? [MemoryTensor.sample("", .float32, [1_000_000])] : [.sample("a", .float32, [1000]), .sample("b", .float32, [1_000_000]), .sample("c")]
        let last = tensors.count == 1 ? 0 : 1
        for compression in WriteOptions.Compression.allCases {
            var options = WriteOptions()
            options.compression = compression
            for place in [FailingCheckpoint.Place.opening, .reading(after: 0), .reading(after: 2_500_000), .shortened(by: 4)] {
                let source = FailingCheckpoint(tensors, failing: last, at: place)
                for old in [nil, Array("the old file".utf8)] {
                    try withTemporaryFolder { folder in
                        if let old { try TestSupport.write(old, to: "\(folder)/model") }
                        let error = failure { () throws(CheckpointError) in try replace("\(folder)/model", with: source, as: writer, options) }
                        let left = try contents(of: folder)
                        #expect(left == (old.map { ["model": $0] } ?? [:]), "\(place) left \(left.keys)")
                        guard let error else {
                            Issue.record("\(place): a source that fails was written")
                            return
                        }
                        // A format may refuse compression as such; then the source was never asked.
                        if compression == .none, case .shortened = place {} else if compression == .none {
                            #expect(error.code == .malformed && error.message.contains("of this test"), "\(error)")
                            #expect(error.place.tensor == tensors[last].info.name)
                        }
                    }
                }
            }
        }
    }

    private func replace(_ path: String, with source: any Checkpoint, as writer: any WritableCheckpointCodec, _ options: WriteOptions) throws(CheckpointError) {
        let file = try rising { () throws(IOError) in try AtomicFile(replacing: path, mayReplace: true) }
        try writer.write(source, to: file.output, options: options)
        do throws(IOError) { try file.commit() } catch { throw CheckpointError(error) }
    }

    #if os(Linux)
        @Test("a full disk is an io error in words, not a short file", arguments: Format.writable)
        func fullDisk(format: Format) throws {
            let writer = try format.writer
            guard !writer.needsSeekableOutput else { return }
            let source = try MemoryCheckpoint([.sample("", .float32, [1_000_000])])
            let named = try MemoryCheckpoint([.sample("w", .float32, [1_000_000])])
            let device = try #require(DeviceFull())
            let error = failure { () throws(CheckpointError) in
                let output = OutputFile(descriptor: device.descriptor, path: nil, isSeekable: false)
                try writer.write(format.holdsOneUnnamed ? source : named, to: output, options: WriteOptions())
                try rising { () throws(IOError) in try output.flush() }
            }
            #expect(error?.code == .io && error?.message.contains("No space") == true, "\(String(describing: error))")
        }
    #endif
}
