import Architecture
import Checkpoints
import Dialects
import Harness
import StrictJSON
import Tensors

// The input is JSON: {"format": text, "tensors": {name: sizes}, "metadata": {key: text}, "network": what a user says it is}. No network is an answer; one that is recognised
// must be whole.
fuzz { bytes in
    guard let json = try? JSONReader.read(bytes, allowingNonFinite: true), let members = json["tensors"]?.members, members.count <= 500 else { return .refused }
    var index = CheckpointIndex(tensors: [])
    for member in members {
        let sizes = (member.value.array ?? []).compactMap(\.int)
        if let info = try? TensorInfo(name: member.key, dtype: .float32, sizes: sizes) { index.tensors.append(info) }
    }
    for member in json["metadata"]?.members ?? [] { index.metadata[member.key] = member.value.string }
    var hints = RecognitionHints()
    if let network = json["network"] { hints.network = try? NetworkDescription(json: network) }
    let recognition = Recognition(of: index, format: json["format"]?.string ?? "npz", hints: hints)
    guard let network = recognition.network else {
        promise(recognition.failure != nil && recognition.bindings.isEmpty, "there is neither a network nor a reason")
        return .opened
    }
    promise(recognition.bindings.map(\.parameter) == network.parameters.map(\.name), "a network is recognised, and its bindings are not its parameters")
    promise(recognition.bindings.allSatisfy { index.tensors.indices.contains($0.tensor) }, "a binding leads to no tensor")
    return .read
} mutate: { bytes, choices, limit in changedJSON(bytes, &choices, limit: limit) }
