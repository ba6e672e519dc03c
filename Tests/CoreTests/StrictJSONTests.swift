import StrictJSON
import Testing

@Suite("JSON is read strictly")
struct StrictJSONTests {
    @Test("what it reads it writes back the same", arguments: [
        #"{"a":[1,2.5,-0,1e10,true,false,null,"x"],"b":{}}"#, "[]", #""\u0001é😀""#, "12345678901234567890", #"[[[[]]],{"":[{}]}]"#,
    ])
    func roundTrip(text: String) throws {
        #expect(try JSONReader.read(text).text() == text)
        #expect(try JSONReader.read(try JSONReader.read(text).text(pretty: true)).text() == text)
    }

    @Test("a malformed text is refused at the byte that is wrong", arguments: [
        ("", 0), ("[1,]", 3), ("{\"a\":1,}", 7), ("[1] 2", 4), ("nul", 0), ("01", 1), ("\"a", 2), ("[\"\u{1}\"]", 2), ("{\"a\" 1}", 5), ("-", 1), ("[1 2]", 3),
        ("NaN", 0), ("\"\\ud800\"", 7), ("{\"a\":1,\"a\":2}", 7), ("\"\\x\"", 3),
    ])
    func malformed(text: String, offset: Int) throws {
        let error = #expect(throws: JSONReader.Failure.self) { try JSONReader.read(text) }
        #expect(error?.offset == offset, "\(String(describing: error))")
    }

    @Test("nesting is bounded, and a deep text exhausts nothing")
    func depth() throws {
        let deep = String(repeating: "[", count: 1_000_000)
        #expect(throws: JSONReader.Failure.self) { try JSONReader.read(deep) }
        #expect(try JSONReader.read(String(repeating: "[", count: 128) + String(repeating: "]", count: 128)).array != nil)
        #expect(throws: JSONReader.Failure.self) { try JSONReader.read(String(repeating: "[", count: 129) + String(repeating: "]", count: 129)) }
    }

    @Test("bytes that are not UTF-8 are refused")
    func utf8() {
        #expect(throws: JSONReader.Failure.self) { try JSONReader.read([0x22, 0xFF, 0x22]) }
    }

    @Test("Python's NaN and Infinity are read as strings where that is asked for")
    func nonFinite() throws {
        #expect(try JSONReader.read("[NaN,-Infinity,Infinity]", allowingNonFinite: true).array?.compactMap(\.double).count == 3)
    }

    @Test("numbers follow CLI.md: non-finite as strings, integers beyond 2^53 as strings, doubles read back the same")
    func numbers() {
        #expect(JSONValue.real(.nan).text() == #""NaN""#)
        #expect(JSONValue.real(-.infinity).text() == #""-Infinity""#)
        #expect(JSONValue.integer(1 << 53).text() == "9007199254740992")
        #expect(JSONValue.integer((1 << 53) + 1).text() == #""9007199254740993""#)
        for value in [0.1, 1e300, .leastNonzeroMagnitude, -0.0, 3.0, 1e15, 123456789.125] { #expect(Double(JSONValue.real(value).text()) == value) }
    }

    @Test("a large array is read in linear time")
    func linear() throws {
        let text = "[" + String(repeating: "1,", count: 200_000) + "1]"
        #expect(try JSONReader.read(text).array?.count == 200_001)
    }
}
