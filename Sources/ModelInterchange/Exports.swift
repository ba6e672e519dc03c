// One import gives a loader all it needs: tensors, checkpoints, networks, passes, conversions, proofs.
@_exported public import Architecture
@_exported public import Checkpoints
@_exported public import Conversion
@_exported public import Dialects
@_exported public import MLP
@_exported public import Parity
@_exported public import Tensors
