import ByteIO
import Checkpoints
import NPZ
import StrictJSON
import Tensors
import TestSupport
import Testing

@Suite("Every file of the corpus gives what the manifest says") struct CorpusTests {
    /// Opens and reads everything; a file in which nothing can be read is refused, as the command refuses it (CLI.md, `inspect`).
    private func fault(_ codec: any CheckpointCodec, _ entry: BadInput.Case) throws -> Result<String?, CheckpointError> {
        let input = try CheckpointInput(path: Fixtures.path("bad-input/\(entry.file)"))
        do throws(CheckpointError) {
            let checkpoint = try codec.open(input, limits: .default)
            if checkpoint.index.tensors.isEmpty, let first = checkpoint.index.unsupported.first {
                throw CheckpointError(.unsupported, first.reason, tensor: first.name)
            }
            return .success(try BadInput.fault(in: checkpoint, entry))
        } catch {
            return .failure(error)
        }
    }

    private func check(_ codec: any CheckpointCodec, _ entry: BadInput.Case) throws {
        let result = try fault(codec, entry)
        switch result {
        case .success(let fault):
            #expect(!(entry.isHard && entry.expectsError), "\(entry.file) was read: \(entry.why)")
            if !entry.expectsError {
                #expect(fault == nil, "\(entry.file): \(entry.why)")
                let input = try CheckpointInput(path: Fixtures.path("bad-input/\(entry.file)"))
                #expect(codec.confidence(in: input) > .none || !entry.isHard, "\(entry.file) is not recognised")
            }
        case .failure(let error):
            #expect(!(entry.isHard && !entry.expectsError), "\(entry.file): \(error)")
            #expect([.malformed, .unsupported, .limit, .io].contains(error.code))
            #expect(!error.description.utf8.contains { $0 < 0x20 || $0 == 0x7F }, "control characters in a message")
            #expect(error.message.count > 20, "\(error.message)")
        }
    }

    @Test("npy", arguments: try BadInput.cases("npy")) func npy(entry: BadInput.Case) throws { try check(NPYCodec(), entry) }
    // NPZ-2, NPZ-3, NPZ-4, NPZ-13
    @Test("npz", arguments: try BadInput.cases("npz")) func npz(entry: BadInput.Case) throws { try check(NPZCodec(), entry) }

    // NPZ-2, NPZ-13
    @Test("the soft cases are settled: these are read, all others refused")
    func softCases() throws {
        var read: [String] = []
        for entry in try BadInput.cases("npy") where !entry.isHard {
            if case .success = try fault(NPYCodec(), entry) { read.append(entry.file) }
        }
        for entry in try BadInput.cases("npz") where !entry.isHard {
            if case .success = try fault(NPZCodec(), entry) { read.append(entry.file) }
        }
        #expect(read == [
            "npy/dtype_le_c8.npy", "npy/dtype_be_c16.npy", "npy/rank21.npy", "npy/dquote.npy", "npy/py2_long.npy", "npy/padded_64k.npy",
            "npz/dd_64.npz", "npz/comment_sig.npz", "npz/no_suffix.npz",
            // Names are data: they are escaped where they are printed, and never used as paths.
            "npz/name_dotdot.npz", "npz/name_dotdot_mid.npz", "npz/name_abs.npz", "npz/name_backslash.npz", "npz/name_only_npy.npz",
            "npz/name_drive.npz", "npz/name_newline.npz", "npz/name_esc.npz",
        ])
    }
}

@Suite("Arrays that numpy wrote are read exactly") struct ParityFixtureTests {
    struct Entry: Sendable, CustomTestStringConvertible {
        let path: String
        let tensors: [(name: String, dtype: String, sizes: [Int], sha256: String)]
        var testDescription: String { path }
    }

    static func entries() throws -> [Entry] {
        let files = try Fixtures.json("parity/index.json")["files"]?.array ?? []
        let chosen = files.compactMap { file -> Entry? in
            guard file["format"]?.string == "npz", let path = file["path"]?.string else { return nil }
            return Entry(path: path, tensors: file["tensors"]?.array?.map {
                ($0["name"]?.string ?? "", $0["dtype"]?.string ?? "", $0["shape"]?.array?.compactMap(\.int) ?? [], $0["sha256"]?.string ?? "")
            } ?? [])
        }
        guard chosen.count > 100 else { throw Fixtures.Missing(path: "parity/index.json: npz") }
        return chosen
    }

    @Test("names, dtypes, shapes and hashes are the index's, and the codec is certain", arguments: try entries())
    func exact(entry: Entry) throws {
        let input = try CheckpointInput(path: Fixtures.path("parity/\(entry.path)"))
        #expect(NPZCodec().confidence(in: input) == .certain)
        #expect(NPYCodec().confidence(in: input) == .none)
        let checkpoint = try NPZCodec().open(input, limits: .default)
        let (tensors, bytes) = try fullContents(checkpoint)
        guard !entry.tensors.isEmpty else {
            #expect(!tensors.isEmpty)
            return
        }
        for expected in entry.tensors {
            guard expected.dtype != "string" else {
                #expect(checkpoint.index.unsupported.contains { $0.name == expected.name })
                continue
            }
            let position = try #require(checkpoint.index.position(of: expected.name), "\(expected.name)")
            #expect(tensors[position].dtype.rawValue == expected.dtype)
            #expect(tensors[position].shape.sizes == expected.sizes)
            #expect(ContentHash.sha256(bytes[position]) == expected.sha256, "\(expected.name)")
            // What can be used in place is the same bytes.
            if let extent = checkpoint.extent(ofTensorAt: position) {
                #expect(try extent.source.bytes(at: extent.offset, count: extent.count) == bytes[position])
            }
        }
        #expect(tensors.count + checkpoint.index.unsupported.count == entry.tensors.count)
    }
}
