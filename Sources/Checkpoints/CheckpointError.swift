public import ByteIO

/// Why a checkpoint could not be read, adapted or written: one code, one sentence, and the place.
public struct CheckpointError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        case io, notRecognised, ambiguous, malformed, unsupported, limit, mismatch
        case exists, lossRefused, verifyFailed, networkNeeded
    }

    /// Where. Each floor fills in what it knows as the error rises; what a lower floor said stays.
    public struct Place: Sendable {
        public var file: String?
        public var format: String?
        public var tensor: String?
        public var offset: Int?
        public init(file: String? = nil, format: String? = nil, tensor: String? = nil, offset: Int? = nil) {
            self.file = file
            self.format = format
            self.tensor = tensor
            self.offset = offset
        }
    }

    public var code: Code
    /// What was found, what was expected, and what to do; without the place, without control characters.
    public var message: String
    public var place: Place

    public init(_ code: Code, _ message: String, tensor: String? = nil, offset: Int? = nil) {
        self.code = code
        self.message = message
        self.place = Place(tensor: tensor, offset: offset)
    }

    public init(_ error: IOError) {
        code = error.code == EEXISTCode ? .exists : error.code == IOError.overLimit ? .limit : .io
        message = error.description
        place = Place(file: error.path, offset: error.offset)
    }

    /// The same error with what was not yet known of its place.
    public func at(file: String? = nil, format: String? = nil, tensor: String? = nil, offset: Int? = nil) -> CheckpointError {
        var error = self
        error.place.file = place.file ?? file
        error.place.format = place.format ?? format
        error.place.tensor = place.tensor ?? tensor
        error.place.offset = place.offset ?? offset
        return error
    }

    /// `model.npz: tensor "dense/kernel": the message`. Names from the file are printed as JSON strings, so no control byte passes.
    public var description: String {
        var text = ""
        if let file = place.file { text += "\(printable(file)): " }
        if let tensor = place.tensor { text += "tensor \(quoted(tensor)): " }
        text += printable(message)
        if let offset = place.offset, !message.contains("offset") { text += " (offset \(offset))" }
        return text
    }
}

private let EEXISTCode: Int32 = 17
