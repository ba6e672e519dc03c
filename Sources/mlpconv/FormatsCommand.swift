import ArgumentParser
import Checkpoints
import Dialects
import StrictJSON

/// `mlpconv formats`: what is read and written, from the one list of the catalog.
struct Formats: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists the formats, their extensions, and what is read and written.")

    @Flag(help: "Print one JSON document.")
    var json = false

    func run() throws {
        let codecs = Session.registry.codecs
        if json {
            Console.print(.array(codecs.map { codec in
                [
                    "name": .string(codec.name),
                    "extensions": .strings(codec.extensions),
                    "reads": true,
                    "writes": .bool(codec is any WritableCheckpointCodec),
                    "dialects": .strings(Dialect.spoken(in: codec)),
                ]
            }))
            return
        }
        var table = Table([.left, .left, .left, .left])
        table.add([Console.styled("format", .bold), "", "", "extensions"])
        for codec in codecs {
            table.add([codec.name, "reads", codec is any WritableCheckpointCodec ? "writes" : "", codec.extensions.map { ".\($0)" }.joined(separator: " ")])
        }
        for line in table.lines(indent: 0) { Console.print(line) }
    }
}

extension Dialect {
    /// The dialects that tensors in `codec`'s files are written in: a framework's own format speaks its own, a neutral one any.
    static func spoken(in codec: any CheckpointCodec) -> [String] {
        if codec.name.hasPrefix("keras") { return [Dialect.keras.rawValue] }
        return [Dialect.keep, .canonical, .keras, .torch, .sklearn, .flax].map(\.rawValue)
    }
}
