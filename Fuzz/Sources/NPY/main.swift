import Harness
import NPZ

let codec = NPYCodec()
fuzz { exercise($0, as: codec) } mutate: { bytes, choices, limit in changedNPY(bytes, &choices, limit: limit) }
