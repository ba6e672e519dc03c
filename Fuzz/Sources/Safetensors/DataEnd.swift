/// The largest second number of the pairs `[a,b]` in `text`, at most 65,536: where the data ends if these are data_offsets.
func largestEnd(_ text: [UInt8]) -> Int {
    var largest = 0, number: Int?, previous: UInt8 = 0, before: UInt8 = 0
    for byte in text {
        if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            if number == nil { before = previous }
            number = min((number ?? 0) * 10 + Int(byte - UInt8(ascii: "0")), 1 << 20)
        } else {
            if let end = number, before == UInt8(ascii: ","), byte == UInt8(ascii: "]"), end <= 65_536 { largest = max(largest, end) }
            number = nil
            if byte != UInt8(ascii: " ") { previous = byte }
        }
    }
    return largest
}
