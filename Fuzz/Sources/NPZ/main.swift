import Harness
import NPZ

let codec = NPZCodec()
// Three of four inputs are archives written anew, with one member changed and every checksum right; the others are changed where they lie,
// half of them with their checksums repaired.
fuzz { exercise($0, as: codec) } mutate: { bytes, choices, limit in
    if !choices.once(in: 4), var archive = Archive(bytes) {
        archive.change(&choices, limit: limit)
        let next = archive.bytes(&choices)
        if next.count <= limit { return next }
    }
    let next = choices.once(in: 2) ? changed(bytes, limit: limit) : changedInPlace(bytes, &choices)
    return choices.once(in: 2) ? next : withChecksums(next)
}
