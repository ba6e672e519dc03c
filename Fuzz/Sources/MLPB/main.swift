import Harness
import MLPB

let codec = MLPBCodec()
// Seven of eight inputs get the checksums and lengths that their bytes ask for, so that more than the first checksum is tried.
fuzz { exercise($0, as: codec) } mutate: { bytes, choices, limit in
    let next = changed(bytes, limit: limit)
    return choices.once(in: 8) ? next : repaired(next)
}
