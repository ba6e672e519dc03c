import ByteIO
import HDF5
import Harness
import Keras

// The input is what a helper process could answer, and the file: its length in four bytes, a description's payload, the file's bytes.
fuzz { bytes in
    guard let count = bytes.field(0, 4), let wire = bytes.part(4, count), let description = Answer(Array(wire)) else { return .refused }
    let file = DescribedFile(Array(bytes[(4 + count)...]))
    return max(
        exercise(file, as: ReadOnly(HDF5Codec(describer: description, layouter: NoLayouter()))),
        exercise(file, as: KerasLegacyCodec(describer: description)),
        exercise(file, as: KerasWeightsCodec(describer: description)))
} mutate: { bytes, choices, limit in
    guard let count = bytes.field(0, 4), let wire = bytes.part(4, count) else { return changed(bytes, limit: limit) }
    switch choices.next() % 8 {
    case 0: return changed(bytes, limit: limit)
    case 1...4: return changedInPlace(bytes, &choices, in: 4..<4 + wire.count)
    case 5: return changedInPlace(bytes, &choices)
    default:
        let next = changed(Array(wire), limit: min(wire.count + 64, limit - 4))
        var out: [UInt8] = [0, 0, 0, 0]
        out.setField(0, 4, next.count)
        return out + next + bytes[(4 + count)...].prefix(limit - 4 - next.count)
    }
}
