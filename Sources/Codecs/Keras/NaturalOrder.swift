/// Paths in an order in which `dense` is before `dense_1`, `dense_2` before `dense_10` and `vars/2` before `vars/10`.
enum NaturalOrder {
    /// The positions of `paths` in this order.
    static func sorted(_ paths: [String]) -> [Int] {
        let keys = paths.map { $0.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { Array($0) } }
        return paths.indices.sorted { precedes(keys[$0], keys[$1]) }
    }

    private static func precedes(_ a: [[UInt8]], _ b: [[UInt8]]) -> Bool {
        for (left, right) in zip(a, b) {
            let order = compare(left, right)
            if order != 0 { return order < 0 }
        }
        return a.count < b.count
    }

    /// Below, at or above zero: runs of digits as numbers of any length, all else byte by byte.
    static func compare(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var i = 0, j = 0
        while i < a.count, j < b.count {
            if isDigit(a[i]), isDigit(b[j]) {
                let left = digits(a, &i), right = digits(b, &j)
                if left.count != right.count { return left.count - right.count }
                for (x, y) in zip(left, right) where x != y { return Int(x) - Int(y) }
            } else {
                if a[i] != b[j] { return Int(a[i]) - Int(b[j]) }
                i += 1
                j += 1
            }
        }
        if i < a.count || j < b.count { return (a.count - i) - (b.count - j) }
        // Equal as numbers: 01 and 1 are still two names.
        return a.count != b.count ? a.count - b.count : (a.lexicographicallyPrecedes(b) ? -1 : (a == b ? 0 : 1))
    }

    /// The digits from `at` on, without leading zeros; moves behind them.
    private static func digits(_ bytes: [UInt8], _ at: inout Int) -> ArraySlice<UInt8> {
        let start = at
        while at < bytes.count, isDigit(bytes[at]) { at += 1 }
        return bytes[start..<at].drop { $0 == UInt8(ascii: "0") }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
