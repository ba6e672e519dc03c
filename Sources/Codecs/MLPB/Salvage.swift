public import Checkpoints

extension MLPBCodec {
    /// Finds in a damaged file every tensor that is proven whole, with the texts that are, as a checkpoint to write in any format.
    ///
    /// Nothing of the file is believed but what its own checksum proves: heads and feet from their places or from the index (MLPB-90),
    /// whichever is whole. `lost` names the others, with the reason; tensors whose name is lost too are told by their number.
    /// Throws `notRecognised` when no part of an MLPB file is found, `io` when the file cannot be read.
    public func salvage(_ input: CheckpointInput, limits: Limits = .default) throws(CheckpointError) -> (checkpoint: any Checkpoint, lost: [CheckpointIndex.Unsupported]) {
        var finds = Finds(input.source, limits: limits)
        try finds.search()
        guard !finds.isEmpty else {
            throw CheckpointError(.notRecognised, "no part of an MLPB file is found in it").at(file: input.name)
        }
        let checkpoint = try SalvagedCheckpoint(finds, limits: limits)
        return (checkpoint, checkpoint.lost)
    }
}
