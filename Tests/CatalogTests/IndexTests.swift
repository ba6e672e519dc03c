import Checkpoints
import Tensors
import TestSupport
import Testing

@Suite("Every format: what an index says beside tensors") struct IndexTests {
    /// The formats with a place for text.
    static let withText = Format.writable.filter { ($0.codec as? any WritableCheckpointCodec)?.keepsMetadata == true }

    static let metadata = Metadata([
        ("z", "last first"), ("plain", "text"), ("empty", ""), ("é", "composed"), ("e\u{301}", "decomposed"), ("model_config", "{\"class_name\": \"Sequential\", \"λ\": [1, 2.5]}"),
        ("nobody@home", "no tensor of that name"), ("layer/w@unit", "of a tensor"), ("layer@note", "of a group"), ("a b/c", "spaces and slashes"), ("quote\"", "\"\\\n\t\u{1F600}"),
        ("long", String(repeating: "{\"é\": 1}\n", count: 15_000)), ("mlpconv.network", "{\"input\": 4}"), ("mlpconv.dialect", "keras"), ("format", "pt"),
    ])

    @Test("metadata of any text comes back key for key", arguments: withText)
    func text(format: Format) throws {
        let writer = try format.writer
        for compression in WriteOptions.Compression.allCases {
            var options = WriteOptions()
            options.compression = compression
            let source = try MemoryCheckpoint([.sample("layer/w"), .sample("b")], metadata: Self.metadata)
            guard let bytes = try writtenOrRefused(source, as: writer, options: options) else { continue }
            let read = try writer.open(bytes)
            try read.verifyRemainder()
            expectSame(read.index.metadata, Self.metadata)
        }
    }

    @Test("metadata alone, without a tensor, come back", arguments: withText)
    func textAlone(format: Format) throws {
        let writer = try format.writer
        let metadata = Metadata([("a", "1"), ("b", "2")])
        expectSame(try writer.open(written(MemoryCheckpoint([], metadata: metadata), as: writer)).index.metadata, metadata)
    }

    @Test("a key or a text that a format cannot hold is refused, not bent", arguments: withText)
    func impossibleText(format: Format) throws {
        let writer = try format.writer
        for (key, text) in [("", "no key"), ("nul\0", "in the key"), ("k", "nul \0 in the text"), (".", "a dot"), ("a/", "a slash"), ("@", "at"), (String(repeating: "k", count: 70_000), "a long key")] {
            let metadata = Metadata([(key, text)])
            let source = try MemoryCheckpoint([.sample("w")], metadata: metadata)
            guard let bytes = try writtenOrRefused(source, as: writer) else { continue }
            let read = try writer.open(bytes)
            #expect(Array((read.index.metadata[key] ?? "none").utf8) == Array(text.utf8) && read.index.metadata.keys.count == 1, "\(key.prefix(20).debugDescription): \(read.index.metadata.keys)")
        }
    }

    @Test("a format without a place for text says so", arguments: Format.writable)
    func noPlace(format: Format) throws {
        let writer = try format.writer
        let source = try MemoryCheckpoint([.sample("")], metadata: Metadata([("k", "v")]))
        guard writer.objection(to: source.index.tensors[0]) == nil, let bytes = try writtenOrRefused(source, as: writer) else { return }
        #expect((try writer.open(bytes).index.metadata["k"] == "v") == writer.keepsMetadata)
    }

    @Test("tied tensors come back tied", arguments: withText)
    func ties(format: Format) throws {
        let writer = try format.writer
        let tensors = try [
            MemoryTensor.sample("embed/w", .float32, [30, 4], seed: 7), .sample("x", .float32, [5]), .sample("head/w", .float32, [30, 4], seed: 7),
            .sample("b2", .bfloat16, [9], seed: 2), .sample("b1", .bfloat16, [9], seed: 2), .sample("b0", .bfloat16, [9], seed: 2),
        ]
        let source = MemoryCheckpoint(tensors, ties: [[0, 2], [3, 4, 5]])
        let read = try writer.open(written(source, as: writer))
        #expect(read.index.ties == source.index.ties)
        #expect(read.index.metadata.isEmpty)
        try expectContent(read, tensors, format)
    }

    @Test("tensors of equal bytes that are not tied stay apart", arguments: withText)
    func equalIsNotTied(format: Format) throws {
        let writer = try format.writer
        let tensors = try [MemoryTensor.sample("a", .float32, [50], seed: 3), .sample("b", .float32, [50], seed: 3)]
        let read = try writer.open(written(MemoryCheckpoint(tensors), as: writer))
        #expect(read.index.ties.isEmpty)
        try expectContent(read, tensors, format)
    }

    @Test("an optimizer's kind, step, settings and slots come back", arguments: withText)
    func optimizer(format: Format) throws {
        let writer = try format.writer
        let tensors = try ["w", "opt/m", "opt/v", "opt/iteration"].map { try MemoryTensor.sample($0) }
        for state in [
            OptimizerState(kind: "Adam", step: 41, settings: Metadata([("lr", "0.001"), ("β1", "0.9"), ("empty", "")]), slots: [
                .init(tensor: "opt/m", slot: "m", parameter: "w"), .init(tensor: "opt/v", slot: "v", parameter: "w"), .init(tensor: "opt/iteration", slot: "iteration", parameter: nil),
            ]),
            OptimizerState(kind: nil, step: nil, slots: [.init(tensor: "opt/m", slot: "momentum", parameter: nil)]),
            OptimizerState(kind: "sgd", step: .max),
        ] {
            let read = try writer.open(written(MemoryCheckpoint(tensors, metadata: Metadata([("k", "v")]), optimizer: state), as: writer))
            #expect(read.index.optimizer == state)
            expectSame(read.index.metadata, Metadata([("k", "v")]))
        }
    }

    @Test("types that a container cannot name, and two bytes without meaning, keep what they are", arguments: withText)
    func narrowTypes(format: Format) throws {
        let writer = try format.writer
        let tensors = try [DType.bfloat16, .void16, .float8_e4m3fn, .float8_e5m2, .complex64, .complex128, .bool, .uint16].map { try MemoryTensor.sample("t/\($0.rawValue)", $0, [3, 4]) }
        let held = tensors.filter { writer.objection(to: $0.info) == nil }
        #expect(held.contains { $0.info.dtype == .bfloat16 })
        let read = try writer.open(written(MemoryCheckpoint(held), as: writer))
        try expectContent(read, held, format)
        #expect(read.index.metadata.isEmpty)
    }

    private func expectSame(_ found: Metadata, _ wanted: Metadata) {
        // By bytes: Swift takes two normal forms for one.
        func lines(_ metadata: Metadata) -> [[UInt8]] { metadata.entries.map { Array("\($0.key)\u{0}\($0.text)".utf8) }.sorted { $0.lexicographicallyPrecedes($1) } }
        #expect(lines(found) == lines(wanted), "\(found.keys) instead of \(wanted.keys)")
    }
}
