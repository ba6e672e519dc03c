/// A name with its numbers taken out: `dense_10` is `dense` and [10], `layers.0` is `layers.#` and [0]. Of names with one skeleton the numbers
/// give the order, as numbers: dense < dense_2 < dense_10.
struct NumberedName: Hashable {
    let skeleton: String
    let numbers: [Int]

    init(_ name: String) {
        var skeleton = "", numbers: [Int] = [], digits = ""
        func close() {
            guard !digits.isEmpty else { return }
            // A run of digits too long for a number stays text.
            if let value = Int(digits) {
                numbers.append(value)
                skeleton += "#"
            } else {
                skeleton += digits
            }
            digits = ""
        }
        for character in name {
            if character.isASCII, character.isWholeNumber { digits.append(character) } else {
                close()
                skeleton.append(character)
            }
        }
        close()
        // The first of a numbered family has no number: dense, dense_1.
        self.skeleton = skeleton.hasSuffix("_#") ? String(skeleton.dropLast(2)) : skeleton
        self.numbers = numbers
    }

    static func precedes(_ a: [Int], _ b: [Int]) -> Bool { a.lexicographicallyPrecedes(b) }
}

/// How far the order in which a file lists its tensors can be trusted to be the order of layers.
enum FileOrder {
    /// The format defines it (Keras' layer_names, a config).
    case authoritative
    /// As written by the producer.
    case kept
    /// By name, or none.
    case lost
}

/// `names` in the order of layers, as far as names and file tell: members of one numbered family stand in numeric order; where the file's order
/// is lost, families stand in the order of their names.
/// - Returns: Positions in `names`.
func layerOrder(of names: [String], file: FileOrder) -> [Int] {
    guard file != .authoritative else { return Array(names.indices) }
    let numbered = names.map(NumberedName.init)
    func before(_ a: Int, _ b: Int) -> Bool { (numbered[a].numbers, a) < (numbered[b].numbers, b) }
    if file == .lost {
        return names.indices.sorted {
            numbered[$0].skeleton == numbered[$1].skeleton ? before($0, $1) : numbered[$0].skeleton < numbered[$1].skeleton
        }
    }
    var families: [String: [Int]] = [:]
    for index in names.indices { families[numbered[index].skeleton, default: []].append(index) }
    var order = Array(names.indices)
    for members in families.values {
        for (place, member) in zip(members, members.sorted(by: before)) { order[place] = member }
    }
    return order
}

private func < (a: ([Int], Int), b: ([Int], Int)) -> Bool {
    a.0 == b.0 ? a.1 < b.1 : NumberedName.precedes(a.0, b.0)
}
