/// `bytes` with one run of up to 64 of them changed and none moved: what offsets lead to stays where it is.
public func changedInPlace(_ bytes: [UInt8], _ choices: inout Choices, in range: Range<Int>? = nil) -> [UInt8] {
    let range = range ?? bytes.indices
    guard !range.isEmpty else { return bytes }
    let start = Int.random(in: range, using: &choices)
    let end = min(start + Int.random(in: 1...64, using: &choices), range.upperBound)
    let run = changed(Array(bytes[start..<end]), limit: end - start)
    var bytes = bytes
    bytes.replaceSubrange(start..<start + min(run.count, end - start), with: run.prefix(end - start))
    return bytes
}

/// `data` cut or repeated to `count` bytes.
public func resized(_ data: some Collection<UInt8>, to count: Int) -> [UInt8] {
    var out = Array(data.prefix(count))
    guard out.count < count else { return out }
    let unit = out.isEmpty ? [1] : out
    out.reserveCapacity(count)
    while out.count < count { out.append(unit[out.count % unit.count]) }
    return out
}
