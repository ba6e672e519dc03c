import Architecture
import Checkpoints
import Dialects
import MLP
@testable import Parity
import StrictJSON
import TestSupport
import Tensors
import Testing

@Suite("diff across formats and dialects, by role in the network")
struct RoleDiffTests {
    private func side(_ name: String, _ file: String, network: NetworkDescription? = nil) throws -> DiffSide {
        let (codec, checkpoint) = try FixtureFileParityTests.registry.open(CheckpointInput(path: Fixtures.path("parity/\(name)/\(file)")))
        return DiffSide(checkpoint, format: codec.name, recognition: try Recognition(of: checkpoint, format: codec.name, hints: RecognitionHints(network: network)))
    }

    private func report(_ a: DiffSide, _ b: DiffSide, scope: DiffReport.Scope? = nil) throws -> DiffReport {
        let (list, scope) = TensorCorrespondence.between(a, b, scope: scope)
        var diff = CheckpointDiff()
        diff.scope = scope
        return try diff.report(a.checkpoint, b.checkpoint, by: list)
    }

    @Test("every file of a network holds the same parameters as every other, whatever its names and axes", arguments: ["seed-4-8-3", "leaky-mix", "batchnorm-dropout", "prelu-net", "float64-net"])
    func same(_ name: String) throws {
        let description = try FixtureNetworks.description(name)
        let files = try FixtureFileParityTests.files(name)
        let first = try side(name, files.first { $0.hasPrefix("keras3") } ?? files[0], network: description)
        for file in files {
            let found = try report(first, side(name, file, network: description))
            #expect(found.scope == .parameters && found.tensors.map(\.name) == description.parameters.map(\.name), "\(file)")
            let isRounded = file == "generic_float16.h5"
            #expect(found.same == !isRounded, "\(file) \(found.tensors.map(\.relation))")
            if isRounded { #expect(found.tensors.allSatisfy { [.equalAfterCast, .identical].contains($0.relation) } || name == "float64-net") }
        }
    }

    @Test("a file without a network of its own is read as the other's")
    func borrowed() throws {
        let whole = try side("seed-4-8-3", "keras3.keras"), bare = try side("seed-4-8-3", "model.safetensors")
        #expect(whole.recognition.network != nil && bare.recognition.network == nil)
        for found in [try report(whole, bare), try report(bare, whole)] {
            #expect(found.same && found.scope == .parameters && found.tensors.map(\.name) == ["L0.kernel", "L0.bias", "L1.kernel", "L1.bias"])
        }
    }

    @Test("without a network on either side names decide, and everything counts")
    func byName() throws {
        let found = try report(side("seed-4-8-3", "model.npz"), side("seed-4-8-3", "model_numpy.safetensors"))
        #expect(found.scope == .all)
        #expect(try report(side("seed-4-8-3", "generic.h5"), side("seed-4-8-3", "generic_bigendian.h5"), scope: .parameters).same)
    }

    @Test("files of two dialects that say no activations are aligned by the widths that their names and shapes give", arguments: ["nobias", "seed-4-8-3", "leaky-mix"])
    func outlines(_ name: String) throws {
        let a = try side(name, "model.safetensors"), b = try side(name, "model_flax.safetensors")
        #expect(a.recognition.network == nil && b.recognition.network == nil && a.recognition.outline != nil)
        let found = try report(a, b)
        #expect(found.tensors.allSatisfy { $0.relation == .identical && $0.nameInA != $0.nameInB }, "\(found.tensors.map(\.name))")
    }

    @Test("under the scope all, optimizer slots are compared by role")
    func slots() throws {
        let a = try side("seed-4-8-3", "keras3_legacy.h5"), b = try side("seed-4-8-3", "keras3.keras")
        let found = try report(a, b, scope: .all)
        let slots = found.tensors.filter { $0.name.hasPrefix("m/") || $0.name.hasPrefix("v/") }
        #expect(slots.count == 8 && slots.allSatisfy { $0.relation == .identical }, "\(found.tensors.map { "\($0.name) \($0.relation)" })")
        #expect(found.tensors.allSatisfy { $0.relation == .identical })
    }

    @Test("a changed weight is different under its canonical name, with both files' names")
    func changed() throws {
        let a = try side("seed-4-8-3", "keras3.keras"), model = try FixtureNetworks.model("seed-4-8-3")
        let tensors = try model.network.description.parameters.map { parameter in
            var values = model.network[parameter: parameter.name] ?? []
            if parameter.name == "L1.kernel" { values[3] += 0.5 }
            return try tensor(parameter.name, parameter.shape, values, as: .float32)
        }
        let checkpoint = MemoryCheckpoint(tensors)
        let b = DiffSide(checkpoint, format: "npz", recognition: try Recognition(of: checkpoint, format: "npz"))
        let found = try report(a, b)
        #expect(!found.same && found.tensors.filter { $0.relation != .identical }.map(\.name) == ["L1.kernel"])
        #expect(found.tensors[2].nameInB == "L1.kernel" && found.tensors[2].nameInA != "L1.kernel" && abs((found.tensors[2].maxAbs ?? 0) - 0.5) < 1e-6)
    }
}
