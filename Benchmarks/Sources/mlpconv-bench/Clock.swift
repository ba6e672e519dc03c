#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What one request measured.
struct Measurement {
    /// Wall time of one run.
    var seconds = 0.0
    /// Processor time of this process over all runs, what lies between them included: the rest of the machine's was others'.
    var cpu = 0.0
    /// The size of the file that was written.
    var bytes: Int?
}

func wallTime() -> Double { seconds(of: CLOCK_MONOTONIC) }
func processorTime() -> Double { seconds(of: CLOCK_PROCESS_CPUTIME_ID) }

private func seconds(of clock: clockid_t) -> Double {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
