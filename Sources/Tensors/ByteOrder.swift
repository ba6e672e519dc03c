/// Turns the bytes of every unit round, in place: big-endian numbers become little-endian ones and back.
///
/// `unit` is a dtype's `swapUnit` (1, 2, 4 or 8); a run that is no whole number of units is a fault of the caller.
public func swapByteOrder(of bytes: inout MutableRawSpan, unit: Int) {
    precondition(bytes.byteCount % max(unit, 1) == 0, "\(bytes.byteCount) bytes are not whole units of \(unit)")
    unsafe bytes.withUnsafeMutableBytes { raw in
        switch unit {
        case 2: unsafe swapEach(raw, UInt16.self)
        case 4: unsafe swapEach(raw, UInt32.self)
        case 8: unsafe swapEach(raw, UInt64.self)
        default: precondition(unit == 1, "no number has units of \(unit) bytes")
        }
    }
}

private func swapEach<T: FixedWidthInteger & BitwiseCopyable>(_ raw: UnsafeMutableRawBufferPointer, _: T.Type) {
    guard let base = raw.baseAddress else { return }
    for offset in stride(from: 0, to: raw.count, by: MemoryLayout<T>.size) {
        unsafe (base + offset).storeBytes(of: (base + offset).loadUnaligned(as: T.self).byteSwapped, as: T.self)
    }
}
