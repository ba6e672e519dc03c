import Checkpoints
import StrictJSON

/// Our own texts in a file that we wrote: the member `mlpconv.json` beside the pickle, which torch never opens (PT-27).
struct TorchSidecar {
    static let memberName = "mlpconv.json"
    /// Names that a pickle's containers spell in another way: as read -> as they were.
    static let namesKey = "mlpconv.names"

    let metadata: Metadata
    private var names: [[UInt8]: String] = [:]

    init(json bytes: [UInt8]) throws(CheckpointError) {
        let fault = CheckpointError(.malformed, "the member \(Self.memberName) is no JSON object of texts")
        guard let value = try? JSONReader.read(bytes), let members = value.members else { throw fault }
        var metadata = Metadata()
        for member in members {
            guard let text = member.value.string else { throw fault }
            if member.key == Self.namesKey {
                guard let names = (try? JSONReader.read(text))?.members else { throw fault }
                for name in names {
                    guard let original = name.value.string else { throw fault }
                    self.names[Array(name.key.utf8)] = original
                }
            } else {
                metadata[member.key] = text
            }
        }
        self.metadata = metadata
    }

    func original(of name: String) -> String? { names[Array(name.utf8)] }
}
