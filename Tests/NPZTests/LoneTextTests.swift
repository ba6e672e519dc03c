@testable import NPZ
import Testing

@Suite("A lone string in an archive")
struct LoneTextTests {
    /// A `.npy` of version 1.0 with `code`, `shape` and `data`.
    private func member(_ code: String, _ shape: String, _ data: [UInt8]) -> [UInt8] {
        let header = Array("{'descr': '\(code)', 'fortran_order': False, 'shape': \(shape), }\n".utf8)
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count), 0] + header + data
    }

    // NPZ-29
    @Test("its text is read in either byte order, without numpy's padding; whatever else it may be is no text", arguments: [
        ("<U4", "()", [114, 0, 0, 0, 101, 0, 0, 0, 0x41, 0xF6, 1, 0, 0, 0, 0, 0], "re\u{1F641}"), (">U1", "()", [0, 0, 0, 120], "x"), ("<U0", "()", [], ""),
        ("<U1", "(1,)", [120, 0, 0, 0], nil), ("<U1", "()", [0, 0xD8, 0, 0], nil), ("<U1", "()", [0, 0, 0, 1], nil), ("<U2", "()", [120, 0, 0, 0], nil),
        ("<f4", "()", [0, 0, 0, 0], nil), ("<U4611686018427387905", "()", [0, 0, 0, 0], nil), ("|S1", "()", [120], nil),
    ] as [(String, String, [UInt8], String?)])
    func text(code: String, shape: String, data: [UInt8], expected: String?) {
        #expect(NPZText.text(member(code, shape, data)) == expected)
        #expect(NPZText.text(Array(member(code, shape, data).prefix(9))) == nil)
    }
}
