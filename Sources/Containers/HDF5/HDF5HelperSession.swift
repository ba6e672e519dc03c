import ByteIO
import Checkpoints

/// A file being laid out by the helper: a plan goes there, addresses come back, chunks follow, and an end.
final class HDF5HelperSession: HDF5LayoutSession {
    private let helper: HDF5HelperProcess
    private let plan: HDF5Plan
    let addresses: [Int?]

    init(path: String, plan: HDF5Plan, output: OutputFile) throws(CheckpointError) {
        self.plan = plan
        // As long as writing takes; the helper ends when this end of the socket is gone.
        helper = try HDF5HelperProcess(path: path, arguments: ["lay"], descriptor: output.descriptor, seconds: 7 * 24 * 3600)
        try unsafe helper.send(HDF5Frame.plan.framed(plan.wire).span.bytes)
        let answer = try helper.answer(limit: 1 << 30)
        guard answer.kind == .addresses else { throw helper.strange("a frame of kind \(answer.kind)") }
        do throws(IOError) { addresses = try HDF5Addresses.read(answer.payload) } catch {
            throw helper.strange("addresses that cannot be read (\(error))")
        }
        guard addresses.count == plan.datasets.count else { throw helper.strange("\(addresses.count) addresses for \(plan.datasets.count) datasets") }
    }

    func store(chunkOf dataset: Int, at offset: [Int], mask: UInt32, bytes: ChunkBuffer, count: Int) throws(CheckpointError) {
        let head = HDF5ChunkHead(dataset: dataset, offset: offset, mask: mask).wire
        var start: [UInt8] = [HDF5Frame.chunk.rawValue]
        start.append(littleEndian: UInt64(head.count + count))
        try unsafe helper.send((start + head).span.bytes)
        try bytes.withBytes(0..<count) { (piece) throws(CheckpointError) in try helper.send(piece) }
    }

    func finish() throws(CheckpointError) {
        try unsafe helper.send(HDF5Frame.finish.framed([]).span.bytes)
        let answer = try helper.answer(limit: 1 << 20)
        guard answer.kind == .finished else { throw helper.strange("a frame of kind \(answer.kind)") }
    }
}
