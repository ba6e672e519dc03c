// The helper of `mlpconv`: describes or lays out one HDF5 file and ends. Its standard input is the open file, its standard output a socket
// to the client; the protocol is `HDF5Frame`. It is not meant to be called by hand.
#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif
import Checkpoints
import HDF5Container
import LibHDF5

let arguments = Array(CommandLine.arguments.dropFirst())
if let request = HDF5HelperRequest(arguments: arguments) {
    Sandbox.enter(seconds: request.processorSeconds, memory: request.memoryBytes, writes: false)
    do {
        let description = try LibHDF5Describer.describe(
            descriptor: 0, offset: request.offset, count: request.count, attributes: request.attributes, limits: request.limits
        ) { path in
            Channel.send(HDF5Frame.visiting.framed(Array(path.utf8)))
        }
        Channel.send(HDF5Frame.description.framed(description.wire))
    } catch {
        Channel.send(HDF5Frame.error.framed(error.wire))
    }
    _exit(0)
}
if arguments == ["lay"] {
    Sandbox.enter(seconds: nil, memory: 16 << 30, writes: true)
    LayoutServer.run()
    _exit(0)
}
Channel.complain("mlpconv-hdf5 is the HDF5 reader of mlpconv and runs by itself; see mlpconv --help\n")
_exit(64)
