import Harness
import Safetensors

let codec = SafetensorsCodec()
// Half of the inputs are changed in their header alone, whose length is then made to fit, and the data to what the header claims.
fuzz { exercise($0, as: codec) } mutate: { bytes, choices, limit in
    guard choices.once(in: 2), let length = bytes.field(0, 8), let header = bytes.part(8, length) else { return changed(bytes, limit: limit) }
    let text = changed(Array(header), limit: max(limit - 8, 0))
    var next = [UInt8](repeating: 0, count: 8) + text
    next.setField(0, 8, text.count)
    let claimed = largestEnd(text)
    if claimed <= limit - min(next.count, limit) {
        let data = bytes[(8 + length)...].prefix(claimed)
        next += data + [UInt8](repeating: 1, count: claimed - data.count)
    } else {
        next += bytes[(8 + length)...]
    }
    return next
}
