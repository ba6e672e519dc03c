import StrictJSON
import TestSupport
import Testing

@Suite("inspect --tensor prints the values of one tensor")
struct TensorValueTests {
    /// A version 2.0 `.npy` file.
    private func npy(_ type: String, _ shape: String, _ bytes: [UInt8]) -> [UInt8] {
        let text = Array("{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }\n".utf8)
        return [0x93] + Array("NUMPY".utf8) + [2, 0] + (0..<4).map { UInt8(text.count >> (8 * $0) & 255) } + text + bytes
    }

    private func words(_ values: [UInt64]) -> [UInt8] { values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } } }

    private func values(_ file: [UInt8], _ options: [String] = []) throws -> JSONValue {
        try withTemporaryFolder { folder in
            try write(file, to: "\(folder)/a.npy")
            let outcome = try Command.mlpconv(["inspect", "\(folder)/a.npy", "--tensor", "", "--json"] + options, limit: 30)
            #expect(outcome.status == 0 && !outcome.signalled && !outcome.timedOut)
            return try #require(try outcome.json["values"])
        }
    }

    @Test("beside an empty axis another may claim any size: nothing is walked, nothing is allocated", arguments: ["(0, 1000000000000000)", "(1000000000000000, 0)"])
    func emptyBesideHuge(shape: String) throws {
        #expect(try values(npy("<f4", shape, [])) == [])
    }

    @Test("integers beyond 2^53 are strings, booleans are booleans, and what is no finite number is named")
    func json() throws {
        #expect(try values(npy("<u8", "(3,)", words([1 << 53, 1 << 53 + 1, .max]))) == [.number("9007199254740992"), "9007199254740993", "18446744073709551615"])
        #expect(try values(npy("<i8", "(2,)", words([UInt64(bitPattern: .min), 7]))) == ["-9223372036854775808", 7])
        #expect(try values(npy("|b1", "(2,)", [1, 0])) == [true, false])
        let odd: [Double] = [.nan, .infinity, -.infinity, -0.5]
        #expect(try values(npy("<f8", "(4,)", words(odd.map(\.bitPattern)))) == ["NaN", "Infinity", "-Infinity", .number("-0.5")])
        #expect(try values(npy("<c16", "(1,)", words([1.5, -2].map(\Double.bitPattern)))) == ["1.5-2.0j"])
    }

    @Test("a slice counts from either end, in steps of any size")
    func slices() throws {
        let file = npy("<u8", "(2, 5)", words(Array(0..<10)))
        #expect(try values(file, ["--slice", "-1,1::2"]) == [[6, 8]])
        #expect(try values(file, ["--slice", ":,-2:"]) == [[3, 4], [8, 9]])
        #expect(try values(file, ["--slice", "::9223372036854775807,3"]) == [[3]])
        #expect(try values(file, ["--slice", "-9223372036854775808:,9:"]) == [])
    }

    @Test("what is no slice is a wrong command line; a slice that does not fit the tensor is a mismatch")
    func wrong() throws {
        for text in ["a:b", "1:2:0", "1:2:3:4", ""] {
            #expect(try Command.mlpconv(["inspect", "x.npy", "--tensor", "", "--slice", text]).status == 64, "\(text)")
        }
        try withTemporaryFolder { folder in
            try write(npy("<u8", "(2,)", words([1, 2])), to: "\(folder)/a.npy")
            for text in ["0,0", "2", "-3"] {
                let outcome = try Command.mlpconv(["inspect", "\(folder)/a.npy", "--tensor", "", "--slice", text, "--json"])
                #expect(try outcome.status == 2 && outcome.json["error"]?["code"]?.string == "mismatch", "\(text)")
            }
        }
    }
}
