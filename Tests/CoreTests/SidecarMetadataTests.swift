import Checkpoints
import Tensors
import Testing

@Suite struct SidecarMetadataTests {
    private func index() throws -> CheckpointIndex {
        try CheckpointIndex(
            tensors: [
                TensorInfo(name: "a/é", dtype: .bfloat16, sizes: [2]), TensorInfo(name: "a/e\u{301}", dtype: .float32, sizes: [2]),
                TensorInfo(name: "", dtype: .float32, sizes: [2]), TensorInfo(name: "m", dtype: .float8_e5m2, sizes: [3]),
            ],
            metadata: Metadata([("note", "kept \" as it is"), ("e\u{301}", "nfd"), ("é", "nfc")]),
            ties: [[1, 2]],
            optimizer: OptimizerState(kind: "Adam", step: 1 << 60, settings: Metadata([("lr", "0.001")]),
                                      slots: [.init(tensor: "m", slot: "m", parameter: "a/é"), .init(tensor: "", slot: "iteration", parameter: nil)]))
    }

    @Test("what a container cannot say is written as text and restored from it")
    func roundTrip() throws {
        let whole = try index()
        let text = whole.sidecar { $0 == .bfloat16 || $0.byteCount == 1 }
        #expect(text.keys.count == 6)
        // The container gives the types back without their names.
        var read = try CheckpointIndex(tensors: whole.tensors.map {
            try TensorInfo(name: $0.name, dtype: $0.dtype == .bfloat16 ? .void16 : $0.dtype == .float8_e5m2 ? .uint8 : $0.dtype, shape: $0.shape)
        })
        read.restore(from: text)
        #expect(read.tensors.map(\.dtype) == whole.tensors.map(\.dtype))
        #expect(read.metadata == whole.metadata)
        #expect(read.metadata["é"] == "nfc" && read.metadata["e\u{301}"] == "nfd")
        #expect(read.ties == whole.ties)
        #expect(read.optimizer == whole.optimizer)
    }

    @Test("text that does not fit the file stays text and changes nothing", arguments: [
        (MetadataKey.ties, "[[\"a\",\"nobody\"]]"), (MetadataKey.ties, "[[\"a\",\"a\"]]"), (MetadataKey.ties, "[[\"a\",\"wide\"]]"), (MetadataKey.ties, "{"),
        (MetadataKey.dtypes, "{\"a\":\"float7\"}"), (MetadataKey.dtypes, "[]"),
        (MetadataKey.optimizer, "{\"settings\":{},\"slots\":[{\"tensor\":\"nobody\",\"slot\":\"m\"}]}"), (MetadataKey.optimizer, "7"),
    ])
    func misfit(key: String, text: String) throws {
        let tensors = try [TensorInfo(name: "a", dtype: .float32, sizes: [2]), TensorInfo(name: "wide", dtype: .float64, sizes: [2])]
        var read = CheckpointIndex(tensors: tensors)
        read.restore(from: Metadata([(key, text)]))
        #expect(read.tensors == tensors && read.ties.isEmpty && read.optimizer == nil)
        #expect(read.metadata[key] == text)
    }

    @Test("a dtype of another size is not believed")
    func otherSize() throws {
        var read = try CheckpointIndex(tensors: [TensorInfo(name: "a", dtype: .float32, sizes: [2])])
        read.restore(from: Metadata([(MetadataKey.dtypes, "{\"a\":\"float64\"}")]))
        #expect(read.tensors[0].dtype == .float32)
    }

    @Test("names that differ only in Unicode normalisation are two tensors")
    func normalisation() throws {
        let index = try index()
        #expect(index.position(of: "a/é") == 0)
        #expect(index.position(of: "a/e\u{301}") == 1)
    }
}
