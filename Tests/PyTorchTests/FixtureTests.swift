import ByteIO
import Checkpoints
import PyTorch
import StrictJSON
import Tensors
import TestSupport
import Testing

@Suite("PyTorch: what torch itself wrote is read exactly") struct FixtureTests {
    struct Entry: Sendable, CustomTestStringConvertible {
        let path: String
        let tensors: [(name: String, dtype: String, sizes: [Int], sha256: String)]
        var testDescription: String { path }
        /// The variants lie in a folder of their own here.
        var file: String { path.hasPrefix("_torch_variants/") ? "torch-variants/" + path.dropFirst(16) : "parity/" + path }
    }

    static func entries() throws -> [Entry] {
        let files = try Fixtures.json("parity/index.json")["files"]?.array ?? []
        let chosen = files.compactMap { file -> Entry? in
            guard let path = file["path"]?.string, path.hasSuffix(".pt") || path.hasSuffix(".pth"), file["format"]?.string?.hasPrefix("PyTorch") == true, let tensors = file["tensors"]?.array, !tensors.isEmpty else { return nil }
            return Entry(path: path, tensors: tensors.map {
                ($0["name"]?.string ?? "", $0["dtype"]?.string ?? "", $0["shape"]?.array?.compactMap(\.int) ?? [], $0["sha256"]?.string ?? "")
            })
        }
        guard chosen.count > 90 else { throw Fixtures.Missing(path: "parity/index.json: PyTorch") }
        return chosen
    }

    @Test("names, dtypes, shapes and hashes are the index's, and the codec is certain", arguments: try entries())
    func exact(entry: Entry) throws {
        let input = try CheckpointInput(path: Fixtures.path(entry.file))
        #expect(PyTorchCodec().confidence(in: input) == .certain)
        let checkpoint = try PyTorchCodec().open(input, limits: .default)
        let (tensors, bytes) = try fullContents(checkpoint)
        #expect(tensors.map(\.name) == entry.tensors.map(\.name))
        for expected in entry.tensors {
            let position = try #require(checkpoint.index.position(of: expected.name), "\(expected.name)")
            #expect(tensors[position].dtype.rawValue == expected.dtype, "\(expected.name)")
            #expect(tensors[position].shape.sizes == expected.sizes, "\(expected.name)")
            #expect(ContentHash.sha256(bytes[position]) == expected.sha256, "\(expected.name)")
            if let extent = checkpoint.extent(ofTensorAt: position) {
                #expect(try extent.source.bytes(at: extent.offset, count: extent.count) == bytes[position])
            }
        }
    }

    // PT-25, PT-26
    @Test("what is written of them is read back the same, and twice gives the same bytes", arguments: try entries())
    func rewritten(entry: Entry) throws {
        let checkpoint = try PyTorchCodec().open(CheckpointInput(path: Fixtures.path(entry.file)), limits: .default)
        let (tensors, bytes) = try fullContents(checkpoint)
        let file = try written(checkpoint, as: PyTorchCodec())
        #expect(try written(checkpoint, as: PyTorchCodec()) == file)
        let again = try PyTorchCodec().open(file)
        let found = try fullContents(again)
        #expect(found.tensors == tensors)
        #expect(found.bytes == bytes)
        #expect(again.index.ties == checkpoint.index.ties)
        #expect(again.index.optimizer == checkpoint.index.optimizer)
        for position in tensors.indices {
            let extent = try #require(again.extent(ofTensorAt: position))
            #expect(extent.offset % 64 == 0)
        }
    }

    // PT-13
    @Test("tied tensors are one storage, also when written")
    func ties() throws {
        let tied = try PyTorchCodec().open(CheckpointInput(path: Fixtures.path("torch-variants/tied.pt")), limits: .default)
        let names = tied.index.ties.map { $0.map { tied.index.tensors[$0].name } }
        #expect(names == [["enc.weight", "dec.weight"]])
        let again = try PyTorchCodec().open(written(tied, as: PyTorchCodec()))
        #expect(again.extent(ofTensorAt: 0)?.offset == again.extent(ofTensorAt: 1)?.offset)
    }

    // PT-11
    @Test("a hostile name beside tensors is listed and marked, and the tensors are read; alone it is refused by name")
    func hostile() throws {
        let checkpoint = try PyTorchCodec().open(CheckpointInput(path: Fixtures.path("torch-variants/unsafe_with_tensors.pt")), limits: .default)
        #expect(try fullContents(checkpoint).tensors.map(\.name) == ["net.weight", "net.bias"])
        #expect(checkpoint.index.unsupported.map(\.name) == ["evil"])
        #expect(checkpoint.index.unsupported[0].reason.contains("posix.system (dangerous)"))
        #expect(checkpoint.index.metadata["pickle.globals"]?.contains("posix.system (dangerous)") == true)
        do throws(CheckpointError) {
            _ = try PyTorchCodec().open(CheckpointInput(MemorySource(try rethrown { try Fixtures.bytes("torch-variants/unsafe_global.pt") })), limits: .default)
            Issue.record("it was read")
        } catch {
            #expect(error.code == .unsupported)
            #expect(error.message.contains("__builtin__.print"))
        }
    }

    private func rethrown(_ body: () throws -> [UInt8]) throws(CheckpointError) -> [UInt8] {
        do { return try body() } catch { throw CheckpointError(.io, "\(error)") }
    }

    // PT-16, PT-19
    @Test("numbers and texts are metadata under their keys; classes that are not loaded are listed")
    func texts() throws {
        let nested = try PyTorchCodec().open(CheckpointInput(path: Fixtures.path("torch-variants/nested.pt")), limits: .default).index
        let expected = ["tuple/5": "text é", "args/lr": "0.1", "args/big": "1180591620717411303424", "args/neg": "-5", "set": "[1,2]", "size": "[2,3]", "dtype": "torch.float32", "device": "cpu", "tuple/1": "5"]
        for (key, text) in expected { #expect(nested.metadata[key] == text, "\(key)") }
        #expect(nested.unsupported.map(\.name) == ["bytes"])
        let module = try PyTorchCodec().open(CheckpointInput(path: Fixtures.path("torch-variants/whole_module.pt")), limits: .default).index
        #expect(module.unsupported.contains { $0.name == "" && $0.reason.contains("torch.nn.modules.container.Sequential") })
        let script = try PyTorchCodec().open(CheckpointInput(path: Fixtures.path("torch-variants/torchscript.pt")), limits: .default).index
        #expect(script.unsupported.contains { $0.name == "code/" })
    }

    // PT-23
    @Test("an Adam state is bound to its parameters by number")
    func optimizer() throws {
        let index = try PyTorchCodec().open(CheckpointInput(path: Fixtures.path("parity/seed-4-8-3/torch_checkpoint.pt")), limits: .default).index
        let state = try #require(index.optimizer)
        #expect(state.kind?.hasPrefix("adam") == true)
        #expect(state.slots.count == 12)
        #expect(state.slots.contains { $0.tensor == "optimizer_state_dict/state/2/exp_avg" && $0.slot == "m" && $0.parameter == "model_state_dict/2.weight" })
        #expect(state.settings["lr"] != nil)
    }
}
