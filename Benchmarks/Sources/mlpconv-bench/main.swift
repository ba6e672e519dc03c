import StrictJSON
#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

// A line in, a line out: {"job": name, …, "repeat": n} is answered by {"seconds": of one run, "cpu": of all, "bytes": of the file written}.
// What a job needs is prepared when it is first asked for, and not timed.
let jobs = Jobs()
while let line = readLine() {
    do {
        let request = try JSONReader.read(line)
        let measurement = try jobs.run(request, count: request["repeat"]?.int ?? 1)
        print(JSONValue.object([
            .init("seconds", .real(measurement.seconds)), .init("cpu", .real(measurement.cpu)), .init("bytes", .optional(measurement.bytes.map { .integer($0) })),
        ]).text())
    } catch {
        print(JSONValue.object([.init("error", .string("\(error)"))]).text())
    }
    fflush(nil)
}
