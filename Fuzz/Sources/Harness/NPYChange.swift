/// `array`, a `.npy` file, with another header: one made of choices, with data of the size it claims, or its own text changed and its length made to fit.
public func changedNPY(_ array: [UInt8], _ choices: inout Choices, limit: Int) -> [UInt8] {
    let wide = (array.field(6, 1) ?? 1) > 1
    let start = wide ? 12 : 10
    guard limit > 2048, array.count >= start, let length = array.field(8, wide ? 4 : 2), let text = array.part(start, length) else { return changed(array, limit: limit) }
    let data = array[(start + length)...]
    switch choices.next() % 8 {
    case 0: return changed(array, limit: limit)
    case 1, 2:
        let next = changed(Array(text), limit: min(max(text.count + 32, 64), 1024))
        return header(next, wide: wide) + resized(data, to: min(data.count, limit - 1100))
    case 3: return changedInPlace(array, &choices)
    default:
        let (descr, size) = descriptions[Int.random(in: descriptions.indices, using: &choices)]
        var axes: [Int] = [], count = size
        for _ in 0..<choices.next() % 5 {
            let axis = [0, 1, 1, 2, 3, 5, 17, 64][Int.random(in: 0..<8, using: &choices)]
            if count * axis <= 4096 || axis == 0 { axes.append(axis); count *= axis }
        }
        let order = choices.once(in: 2) ? "True" : "False"
        let shape = axes.count == 1 ? "(\(axes[0]),)" : "(" + axes.map(String.init).joined(separator: ", ") + ")"
        var made = Array("{'descr': \(descr), 'fortran_order': \(order), 'shape': \(shape), }".utf8)
        while (start + made.count + 1) % 16 != 0 { made.append(0x20) }
        made.append(0x0A)
        return header(made, wide: wide) + resized(data, to: count)
    }
}

private func header(_ text: [UInt8], wide: Bool) -> [UInt8] {
    var out: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, wide ? 2 : 1, 0] + [UInt8](repeating: 0, count: wide ? 4 : 2)
    out.setField(8, wide ? 4 : 2, text.count)
    return out + text
}

/// What numpy writes for `descr`, and the bytes of an element.
private let descriptions: [(String, Int)] = [
    ("'<f4'", 4), ("'>f4'", 4), ("'<f8'", 8), ("'>f8'", 8), ("'<f2'", 2), ("'>f2'", 2), ("'|b1'", 1), ("'|u1'", 1), ("'|i1'", 1), ("'<u2'", 2), ("'>i2'", 2),
    ("'<i4'", 4), ("'>u4'", 4), ("'<i8'", 8), ("'>u8'", 8), ("'<c8'", 8), ("'>c16'", 16), ("'|V2'", 2), ("'<V2'", 2), ("'|V3'", 3), ("'|S5'", 5), ("'<U2'", 8), ("'|O'", 8),
    ("'<M8[ns]'", 8), ("'<m8'", 8), ("'<f16'", 16), ("'|f4'", 4), ("'=i8'", 8), ("'<f0'", 1), ("'<V0'", 1), ("[('a', '<f4'), ('b', '|u1')]", 5), ("[('a', '<f4', (2, 3))]", 24),
    ("'<f99999999999'", 1), ("''", 1), ("None", 1), ("('<f4', (2,))", 8),
]
