/// A lone string as numpy writes it, `np.savez(..., activation="relu")`: no tensor, but text under the array's name (NPZ-29).
enum NPZText {
    /// The longest member that is looked at.
    static let maxCount = 1 << 16

    /// The text in a whole `.npy` member of one `<U` element; nil for anything else, and for what is no valid text.
    static func text(_ member: [UInt8]) -> String? {
        guard let count = try? NPYHeader.count(from: Array(member.prefix(NPYHeader.prefixCount)), available: member.count),
              let header = try? NPYHeader(Array(member.prefix(count))), header.sizes.isEmpty, let code = header.code, let mark = code.firstIndex(of: "U"),
              let size = Int(code[code.index(after: mark)...]), size >= 0, size <= maxCount, member.count - count == size * 4
        else { return nil }
        var text = String.UnicodeScalarView()
        for start in stride(from: count, to: member.count, by: 4) {
            let bytes = member[start..<start + 4]
            let value = (code.hasPrefix(">") ? Array(bytes) : bytes.reversed()).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            guard let scalar = Unicode.Scalar(value) else { return nil }
            text.append(scalar)
        }
        // numpy pads with zeros.
        while text.last == "\0" { text.removeLast() }
        return String(text)
    }
}
