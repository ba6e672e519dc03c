import ByteIO
import Checkpoints
import Tensors
import TestSupport
import Testing

@Suite("Every format: limits") struct LimitTests {
    @Test("a file over a limit is refused with that code when it is opened, and one at the limit is not", arguments: Format.all)
    func limits(format: Format) throws {
        for file in try format.files() {
            let checkpoint = try format.codec.open(file.bytes), tensors = checkpoint.index.tensors
            let largest = tensors.map(\.byteCount).max() ?? 0, total = checkpoint.index.totalBytes
            let rank = tensors.map(\.shape.rank).max() ?? 0, name = tensors.map(\.name.utf8.count).max() ?? 0
            func fault(_ change: (inout Limits) -> Void) throws -> CheckpointError? {
                var limits = Limits.default
                change(&limits)
                // As the command does it: first every codec is asked, with the default limits, then one opens the same input with the user's.
                let input = try CheckpointInput(MemorySource(file.bytes))
                return failure { () throws(CheckpointError) in _ = try registry.open(input, limits: limits) }
            }
            func code(_ change: (inout Limits) -> Void) throws -> CheckpointError.Code? { try fault(change)?.code }
            // A container's own headers may count as a tensor's bytes, a kilobyte each; HDF5 in memory becomes a temporary file first.
            let slack = (tensors.count << 10) + file.bytes.count
            let within = try fault { $0.tensorBytes = largest + 1024; $0.totalBytes = total + slack; $0.rank = rank; $0.tensors = 4 * tensors.count + 20; $0.nameBytes = name + 100 }
            #expect(within == nil, "\(file.name): at the limits")
            #expect(try code { $0.tensorBytes = largest - 1 } == .limit, "\(file.name): bytes of a tensor")
            #expect(try code { $0.totalBytes = total - 1 } == .limit, "\(file.name): bytes of all tensors")
            #expect(try code { $0.rank = rank - 1 } == .limit, "\(file.name): axes")
            #expect(try code { $0.headerBytes = 20 } == .limit, "\(file.name): bytes of a header")
            guard !format.holdsOneUnnamed else { continue }
            #expect(try code { $0.tensors = tensors.count - 1 } == .limit, "\(file.name): tensors")
            // HDF5 limits a link's name; each part of a path is one.
            let part = tensors.flatMap { $0.name.split(separator: "/").map(\.utf8.count) }.max() ?? 0
            #expect(try code { $0.nameBytes = min(part, name) - 1 } == .limit, "\(file.name): bytes of a name")
        }
    }

    @Test("a limit's message names the number, the bound and the option that raises it", arguments: Format.all)
    func message(format: Format) throws {
        let file = try #require(try format.files().first)
        var limits = Limits.default
        limits.totalBytes = 10
        let error = failure { () throws(CheckpointError) in _ = try format.codec.open(file.bytes, limits: limits) }
        #expect(error?.message.contains("10") == true && error?.message.contains("--max-bytes") == true, "\(String(describing: error))")
    }

    @Test("metadata over the limit of a header are refused, not read", arguments: IndexTests.withText)
    func text(format: Format) throws {
        let bytes = try written(MemoryCheckpoint([.sample("w")], metadata: Metadata([("k", String(repeating: "x", count: 200_000))])), as: format.writer)
        var limits = Limits.default
        limits.headerBytes = 100_000
        #expect(failure { () throws(CheckpointError) in _ = try format.codec.open(bytes, limits: limits) }?.code == .limit)
        limits.headerBytes = 300_000
        #expect(failure { () throws(CheckpointError) in _ = try format.codec.open(bytes, limits: limits) } == nil)
    }
}
