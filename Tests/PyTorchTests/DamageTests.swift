import Checkpoints
import PyTorch
import StrictJSON
import Tensors
import TestSupport
import Testing

@Suite("PyTorch: every file of the corpus gives what the manifest says") struct CorpusTests {
    @Test("hard cases are exact, soft ones are read or refused with a reason", arguments: try BadInput.cases("torch"))
    func corpus(entry: BadInput.Case) throws {
        let input = try CheckpointInput(path: Fixtures.path("bad-input/\(entry.file)"))
        do throws(CheckpointError) {
            let checkpoint = try PyTorchCodec().open(input, limits: .default)
            let fault = try BadInput.fault(in: checkpoint, entry)
            #expect(!(entry.isHard && entry.expectsError), "\(entry.file) was read: \(entry.why)")
            if !entry.expectsError {
                #expect(fault == nil, "\(entry.file): \(entry.why)")
                #expect(PyTorchCodec().confidence(in: input) == .certain)
            }
        } catch {
            #expect(!(entry.isHard && !entry.expectsError), "\(entry.file): \(error)")
            #expect([.malformed, .unsupported, .limit].contains(error.code))
            #expect(!error.description.utf8.contains { $0 < 0x20 || $0 == 0x7F }, "control characters in a message")
            #expect(error.message.count > 20, "\(error.message)")
            // PT-11
            if let name = entry.why.split(separator: " ").first(where: { $0.contains(".") })?.split(separator: ":").first, entry.why.hasPrefix("GLOBAL ") {
                #expect(error.message.contains(name), "\(error.message)")
            }
        }
    }

    @Test("soft cases that could be read are: big-endian, deflated, nested, from a GPU, legacy")
    func soft() throws {
        for name in ["big_endian", "deflated", "nested_ckpt", "gpu_location", "legacy"] {
            _ = try fullContents(PyTorchCodec().open(CheckpointInput(path: Fixtures.path("bad-input/torch/\(name).pt")), limits: .default))
        }
        for name in ["two_types", "two_prefix", "version_99", "pkl_bomb", "pkl_nest", "pkl_self", "pkl_proto", "pkl_trailing", "pkl_frame", "not_dict", "tar", "persid_text"] {
            #expect(throws: CheckpointError.self, "\(name)") { try PyTorchCodec().open(CheckpointInput(path: Fixtures.path("bad-input/torch/\(name).pt")), limits: .default) }
        }
    }

    @Test("mutants of real files are read or refused, never a trap", arguments: [
        "torch-variants/nested.pt", "torch-variants/noncontiguous.pt", "torch-variants/dtypes_legacy.pth", "torch-variants/whole_module.pt",
        "torch-variants/torchscript.pt", "torch-variants/protocol4.pt", "bad-input/torch/big_endian.pt", "bad-input/torch/legacy.pt",
    ])
    func mutants(name: String) throws {
        let bytes = try Fixtures.bytes(name)
        var random = SplitMix64(seed: 7)
        for _ in 0..<300 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<damaged.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: damaged[at] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
                case 1: damaged[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: damaged.remove(at: at)
                default: damaged.insert(UInt8.random(in: 0...255, using: &random), at: at)
                }
            }
            guard let found = try? fullContents(PyTorchCodec().open(damaged)) else { continue }
            #expect(found.bytes.map(\.count) == found.tensors.map(\.byteCount))
        }
    }

    @Test("a file cut anywhere is refused", arguments: ["torch-variants/nested.pt", "torch-variants/dtypes_legacy.pth"])
    func cuts(name: String) throws {
        let bytes = try Fixtures.bytes(name)
        for count in stride(from: 0, to: bytes.count, by: 7) {
            #expect(throws: CheckpointError.self, "\(count) of \(bytes.count)") { _ = try fullContents(PyTorchCodec().open(Array(bytes[..<count]))) }
        }
    }

    // PT-25 to PT-28
    @Test("every dtype, odd names, ties, texts and an optimizer survive writing")
    func sampled() throws {
        var tensors: [MemoryTensor] = []
        for (number, dtype) in DType.allCases.enumerated() { tensors.append(try .sample("t.\(dtype.rawValue)", dtype, number % 3 == 0 ? [] : number % 3 == 1 ? [3, 0] : [2, 3, 4], seed: UInt64(number))) }
        for name in ["a/b", "a", "a/b/c", "x//y", "", ".", "l/0", "l/1", "e\u{301}", "é", "\"q\"", "q/\"r/s\"", "state/7/m"] { tensors.append(try .sample(name)) }
        let metadata = Metadata([("note", "läuft"), ("model_config", "{\"a\": 1}"), ("epoch", "3")])
        let source = MemoryCheckpoint(tensors, metadata: metadata)
        let again = try PyTorchCodec().open(written(source, as: PyTorchCodec()))
        let found = try fullContents(again)
        #expect(Set(found.tensors.map { Array($0.name.utf8) }) == Set(tensors.map { Array($0.info.name.utf8) }))
        for (tensor, bytes) in zip(found.tensors, found.bytes) {
            let wanted = try #require(tensors.first { $0.info.name.utf8.elementsEqual(tensor.name.utf8) })
            #expect(tensor.dtype == wanted.info.dtype && tensor.shape == wanted.info.shape && bytes == wanted.bytes, "\(tensor.name)")
        }
        #expect(again.index.metadata == metadata)
        #expect(throws: CheckpointError.self) {
            var options = WriteOptions()
            options.compression = .deflate
            _ = try written(source, as: PyTorchCodec(), options: options)
        }
        #expect(again.index.unsupported.isEmpty)
    }
}
