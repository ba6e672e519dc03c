public import Dialects
public import Tensors

/// What the user asked of a conversion. An option consents to what it names, and to nothing else.
public struct ConversionOptions {
    public enum Drop: String, Sendable, CaseIterable { case optimizer, metadata, unsupported }

    /// Only tensors whose source names match one of these; empty for all.
    public var include: [Glob] = []
    /// Not these.
    public var exclude: [Glob] = []
    public var renames: [RenameRule] = []
    /// Floats are cast to this; other elements stay.
    public var dtype: DType?
    /// Names and axes become this framework's; nil keeps them.
    public var dialect: Dialect?
    public var drop: Set<Drop> = []
    /// Consent to every loss.
    public var allowsLoss = false
    /// Re-read what was written, before it replaces anything, and compare it with the source.
    public var verifies = false
    /// Replace a file that exists.
    public var replaces = false
    /// Plan and check; write nothing.
    public var isDryRun = false

    public init() {}
}
