import ByteIO
import Checkpoints
import HDF5Container
import LibHDF5

/// Lays out the file that is this process's standard input: a plan comes, addresses go, chunks come, and an end.
enum LayoutServer {
    static func run() {
        do {
            var session: (any HDF5LayoutSession)?
            while true {
                let head = Channel.receive(HDF5Frame.headCount)
                let count = head[1...].reversed().reduce(0) { $0 << 8 | Int($1) }
                let payload = Channel.receive(count)
                switch HDF5Frame(rawValue: head[0]) {
                case .plan:
                    let plan = try HDF5Plan(wire: payload)
                    let opened = try LibHDF5Layouter.lay(plan, descriptor: 0)
                    Channel.send(HDF5Frame.addresses.framed(HDF5Addresses.wire(opened.addresses)))
                    session = opened
                case .chunk:
                    let (chunk, start) = try HDF5ChunkHead.read(payload)
                    let buffer = try ChunkBuffer(count: payload.count - start)
                    buffer.store(payload[start...])
                    try session?.store(chunkOf: chunk.dataset, at: chunk.offset, mask: chunk.mask, bytes: buffer, count: payload.count - start)
                case .finish:
                    try session?.finish()
                    Channel.send(HDF5Frame.finished.framed([]))
                    return
                default: return
                }
            }
        } catch let error as CheckpointError {
            Channel.send(HDF5Frame.error.framed(error.wire))
        } catch {
            Channel.send(HDF5Frame.error.framed(CheckpointError(.io, "\(error)").wire))
        }
    }
}
