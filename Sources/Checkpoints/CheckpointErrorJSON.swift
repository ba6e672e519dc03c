public import StrictJSON

extension CheckpointError {
    /// The document of CLI.md: `{"error":{"code","message","file","tensor","offset"}}`; what is not known is null.
    public var json: JSONValue {
        let unknown = JSONValue.null
        return ["error": [
            "code": .string(code.rawValue),
            "message": .string(message),
            "file": place.file.map { .string($0) } ?? unknown,
            "format": place.format.map { .string($0) } ?? unknown,
            "tensor": place.tensor.map { .string($0) } ?? unknown,
            "offset": place.offset.map { .integer($0) } ?? unknown,
        ]]
    }
}
