/// The random numbers of a seeded batch: SplitMix64, read at any index (PARITY-1 to PARITY-3 in Specs/Parity.md).
public struct SeededStream: Sendable, Hashable {
    /// The streams that are in use.
    public enum Purpose: UInt64, Sendable, CaseIterable { case x = 1, targets = 2, probe = 3 }

    private let base: UInt64

    public init(seed: UInt64, _ purpose: Purpose) {
        base = Self.mix(Self.mix(seed) &+ purpose.rawValue)
    }

    /// The 64 bits at `index`.
    public subscript(index: Int) -> UInt64 {
        Self.mix(base &+ (UInt64(truncatingIfNeeded: index) &+ 1) &* 0x9E37_79B9_7F4A_7C15)
    }

    /// A multiple of 2^-23 in [-1, 1), exact in float32 (PARITY-4).
    public func unit(at index: Int) -> Double {
        Double(Int(self[index] >> 40) - 1 << 23) * 0x1p-23
    }

    /// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
    static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
