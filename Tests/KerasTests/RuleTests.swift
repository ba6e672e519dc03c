@testable import Keras
import Checkpoints
import StrictJSON
import Tensors
import Testing

// KERAS-31.
@Test("paths sort part by part with numbers as numbers, of any length, and different names are never equal")
func sortsNaturally() {
    let inOrder = ["a", "a/1", "dense", "dense/vars/2", "dense/vars/10", "dense_1", "dense_2", "dense_10", "dense_10b", "dense_010c", "densenet",
                   "x9", "x99999999999999999999998", "x99999999999999999999999", "x100000000000000000000000"]
    let shuffled = inOrder.reversed() + []
    #expect(NaturalOrder.sorted(shuffled).map { shuffled[$0] } == inOrder)
    for a in ["01", "1", "001", "a01b1", "a1b01", "a1b1"] {
        for b in ["01", "1", "001", "a01b1", "a1b01", "a1b1"] {
            let order = NaturalOrder.compare(Array(a.utf8), Array(b.utf8))
            #expect((order == 0) == (a == b) && order.signum() == -NaturalOrder.compare(Array(b.utf8), Array(a.utf8)).signum(), "\(a) \(b)")
        }
    }
}

// KERAS-5.
@Test("a policy gives the type of a layer's variables: as text, as an object, mixed, quantized, by default")
func readsPolicies() throws {
    func type(_ json: String) throws -> DType? { KerasPolicies.variableType(try JSONReader.read(json)) }
    #expect(try type(#""bfloat16""#) == .bfloat16)
    #expect(try type(#"{"class_name":"Policy","config":{"name":"bfloat16"}}"#) == .bfloat16)
    #expect(try type(#"{"module":"keras","class_name":"DTypePolicy","config":{"name":"mixed_bfloat16"}}"#) == .float32)
    #expect(try type(#"{"class_name":"QuantizedDTypePolicy","config":{"name":"int8_from_mixed_bfloat16"}}"#) == .float32)
    #expect(try type(#"{"class_name":"DTypePolicyMap","config":{"default_policy":{"class_name":"DTypePolicy","config":{"name":"bfloat16"}},"policy_map":{}}}"#) == .bfloat16)
    #expect(try type(#"{"config":{"name":{"config":{"name":{"config":{"name":{"config":{"name":{"config":{"name":"bfloat16"}}}}}}}}}}"#) == nil)
    #expect(try type("null") == nil)
    #expect(KerasPolicies.variableType(nil) == nil)
}

// KERAS-40, KERAS-41.
@Test("a config that names a module of Python's library is refused wherever it stands; what Keras itself writes is not")
func refusesForeignCode() {
    func refusal(_ text: String) -> CheckpointError.Code? {
        do throws(CheckpointError) { _ = try JSONConfig(text, from: "config.json", limits: .default, remedy: "-") } catch { return error.code }
        return nil
    }
    for (module, name) in [("os", "system"), ("os.path", "join"), ("posix", "system"), ("subprocess", "Popen"), ("builtins", "exec"), ("sys", "exit"),
                           ("importlib", "import_module"), ("_posixsubprocess", "fork_exec"), ("ctypes.util", "x"), ("pickle", "loads")] {
        #expect(refusal(#"{"config":{"layers":[{"a":[{"module":"\#(module)","class_name":"\#(name)","config":{}}]}]}}"#) == .malformed, "\(module)")
    }
    #expect(refusal(#"{"module":"builtins","class_name":"function","config":"eval"}"#) == .malformed)
    #expect(refusal(#"{"module":"builtins","class_name":"function","config":"mse","registered_name":"function"}"#) == nil)
    #expect(refusal(#"{"module":"my_package.os","class_name":"Layer","config":{"module":"os"}}"#) == nil)
    #expect(refusal(#"{"module":"__main__","class_name":"Layer","config":{}}"#) == nil)
    #expect(refusal("[]") == .malformed)
    #expect(refusal(#"{"a":NaN}"#) == nil)
    #expect(refusal(#"{"a":1,"a":2}"#) == .malformed)
    #expect(refusal(String(repeating: #"{"a":"#, count: 200) + "1" + String(repeating: "}", count: 200)) == .malformed)
}
