import Architecture
import StrictJSON

/// The loss that a model was compiled with.
enum KerasLoss {
    /// Nil where none is named, or one that is not run, or one that does not fit the head (probabilities taken as logits); a note then says why.
    ///
    /// `categorical_crossentropy` is `softmax_ce`: its one-hot labels are classes; soft ones are an input's business, not the file's.
    static func loss(_ json: JSONValue?, head: Activation, notes: inout [String]) -> Loss? {
        guard var json, !json.isNull else { return nil }
        // One loss for one output may stand in a list or under the output's name.
        if let list = json.array { json = list.count == 1 ? list[0] : .null }
        if let members = json.members, json["class_name"] == nil, json["config"] == nil { json = members.count == 1 ? members[0].value : .null }
        var config = json["config"]
        var name = json.string ?? json["class_name"]?.string
        if name == "function" || name == "builtin_function" {
            name = config?.string
            config = nil
        }
        guard let name else { return nil }
        let plain = (name.split(separator: ">").last.map(String.init) ?? name).lowercased().filter { $0 != "_" }
        let fromLogits = config?["from_logits"]?.bool ?? false
        if let smoothing = config?["label_smoothing"]?.double, smoothing != 0 {
            notes.append("the compiled loss smooths labels by \(smoothing), which is not run; it is left open")
            return nil
        }
        var reduction = Loss.Reduction.mean
        switch config?["reduction"]?.string {
        case nil, "sum_over_batch_size"?, "auto"?, "mean"?: break
        case "sum"?: reduction = .sum
        case let other?:
            notes.append("the compiled loss has the reduction \(other), which is not run; it is left open")
            return nil
        }
        let kind: Loss.Kind, fits: Bool
        switch plain {
        case "categoricalcrossentropy", "sparsecategoricalcrossentropy":
            kind = .softmaxCE
            fits = fromLogits ? head == .linear : head == .softmax
        case "binarycrossentropy":
            kind = .bce
            fits = fromLogits ? head == .linear : head == .sigmoid
        case "mse", "meansquarederror":
            kind = .mse
            fits = true
        default:
            notes.append("the compiled loss \(name) is not run; it is left open")
            return nil
        }
        guard fits else {
            notes.append("the compiled loss \(name)\(fromLogits ? " from logits" : "") does not go with the \(head.name) head; it is left open")
            return nil
        }
        return Loss(kind, reduction: reduction)
    }
}
