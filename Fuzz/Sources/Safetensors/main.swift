import Harness
import Safetensors

let codec = SafetensorsCodec()
// Most inputs are changed in their header alone, whose length is then made to fit; half of these get offsets and data that fit their shapes.
fuzz { exercise($0, as: codec) } mutate: { bytes, choices, limit in
    guard limit > 8, !choices.once(in: 8), let length = bytes.field(0, 8), let header = bytes.part(8, length) else { return changed(bytes, limit: limit) }
    let data = bytes[(8 + length)...]
    var text = changedJSON(Array(header), &choices, limit: limit - 8), count = data.count
    if choices.once(in: 2), let settled = settled(text) { (text, count) = settled }
    var next = [UInt8](repeating: 0, count: 8) + text
    next.setField(0, 8, text.count)
    return next + resized(data, to: min(count, max(limit - next.count, 0)))
}
