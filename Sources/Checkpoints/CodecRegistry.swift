
/// The formats that are known, in order; picks one by content.
public struct CodecRegistry: Sendable {
    public let codecs: [any CheckpointCodec]

    public init(_ codecs: [any CheckpointCodec]) { self.codecs = codecs }

    public func codec(named name: String) -> (any CheckpointCodec)? { codecs.first { $0.name == name } }

    /// The codec that an output of this name is written in: the one whose extension fits, the longest first (`.weights.h5` before `.h5`), and
    /// of several the first.
    public func codec(forOutput path: String) -> (any CheckpointCodec)? {
        let fits = codecs.flatMap { codec in codec.extensions.filter { path.lowercased().hasSuffix(".\($0)") }.map { (codec, $0.utf8.count) } }
        let longest = fits.map(\.1).max()
        return fits.first { $0.1 == longest }?.0
    }

    /// Each codec's confidence, in the registry's order.
    public func detection(of input: CheckpointInput) -> [(codec: any CheckpointCodec, confidence: Confidence)] {
        codecs.map { ($0, $0.confidence(in: input)) }
    }

    /// The codec whose confidence is highest; the file's extension decides only between equals. Throws `notRecognised` or `ambiguous`.
    public func recognise(_ input: CheckpointInput) throws(CheckpointError) -> any CheckpointCodec {
        let scores = detection(of: input)
        let best = scores.map(\.confidence).max() ?? .none
        guard best > .none else { throw notRecognised(input) }
        let tied = scores.filter { $0.confidence == best }.map(\.codec)
        if tied.count == 1 { return tied[0] }
        let byName = tied.filter { codec in codec.extensions.contains { input.name.hasSuffix(".\($0)") } }
        if byName.count == 1 { return byName[0] }
        let names = tied.map(\.name).joined(separator: ", ")
        throw CheckpointError(.ambiguous, "it could be any of \(names); say which with --from").at(file: input.name)
    }

    /// Opens `input` as `format`, or as what it is recognised to be. Errors name the file and the format.
    public func open(_ input: CheckpointInput, as format: String? = nil, limits: Limits = .default) throws(CheckpointError) -> (codec: any CheckpointCodec, checkpoint: any Checkpoint) {
        let chosen: any CheckpointCodec
        if let format {
            guard let codec = codec(named: format) else { throw unknown(format) }
            chosen = codec
        } else {
            chosen = try recognise(input)
        }
        do throws(CheckpointError) {
            return (chosen, try chosen.open(input, limits: limits))
        } catch {
            throw error.at(file: input.name, format: chosen.name)
        }
    }

    public func unknown(_ format: String) -> CheckpointError {
        CheckpointError(.unsupported, "there is no format \(quoted(format)); the formats are \(codecs.map(\.name).joined(separator: ", "))")
    }

    private func notRecognised(_ input: CheckpointInput) -> CheckpointError {
        let known = codecs.map(\.name).joined(separator: ", ")
        let what = input.head.isEmpty ? "the file is empty" : "its first bytes are \(input.head.prefix(8).map { hex($0) }.joined(separator: " "))"
        return CheckpointError(.notRecognised, "not a format that is read here (\(known)): \(what); if you know what it is, say so with --from").at(file: input.name)
    }

    private func hex(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return text.count == 1 ? "0" + text : text
    }
}
