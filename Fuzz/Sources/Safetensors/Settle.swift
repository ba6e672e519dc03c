import StrictJSON

/// The header `text` with `data_offsets` that follow each other as shapes and dtypes ask, and the size of the data; nil when it is none that could be so.
func settled(_ text: [UInt8]) -> (text: [UInt8], count: Int)? {
    guard var members = (try? JSONReader.read(text))?.members else { return nil }
    var end = 0
    for place in members.indices where members[place].key != "__metadata__" {
        guard var fields = members[place].value.members, let offsets = fields.firstIndex(where: { $0.key == "data_offsets" }) else { continue }
        let bits = widths[members[place].value["dtype"]?.string ?? ""] ?? 8
        var count = bits
        for axis in members[place].value["shape"]?.array ?? [] {
            let (product, overflow) = count.multipliedReportingOverflow(by: max(axis.int ?? 1, 0))
            guard !overflow, product <= 1 << 18 else { return nil }
            count = product
        }
        fields[offsets].value = .array([.integer(end), .integer(end + count / 8)])
        end += count / 8
        members[place].value = .object(fields)
    }
    return (Array(JSONValue.object(members).text().utf8), end)
}

private let widths = [
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64,
]
