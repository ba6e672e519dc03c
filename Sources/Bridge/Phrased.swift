public import Checkpoints
public import Dialects

extension NetworkCheckpoint {
    /// This network in a dialect's names and axes, our network text with it. Throws `unsupported` where the dialect cannot name such a network.
    public func phrased(as dialect: Dialect) throws(CheckpointError) -> MappedCheckpoint {
        let recognition = Recognition(of: index, format: "mlpb")
        let adaptations = try recognition.adaptations(of: index, to: dialect)
        var metadata = index.metadata
        metadata[MetadataKey.network] = recognition.networkText(of: index, after: adaptations)
        metadata[MetadataKey.dialect] = dialect.rawValue
        return try MappedCheckpoint(self, adaptations, metadata: metadata)
    }
}
