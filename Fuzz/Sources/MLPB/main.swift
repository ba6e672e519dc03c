import Harness
import MLPB

let codec = MLPBCodec()
// Most inputs are changed where they lie, and get the checksums that their bytes ask for, so that more than the first checksum is tried.
fuzz { exercise($0, as: codec) } mutate: { bytes, choices, limit in
    let next = choices.once(in: 4) ? changed(bytes, limit: limit) : changedInPlace(bytes, &choices)
    return choices.once(in: 8) ? next : repaired(next)
}
