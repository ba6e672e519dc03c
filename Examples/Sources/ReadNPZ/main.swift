import Checkpoints
import NPZ

let archive = try NPZCodec().open(CheckpointInput(path: CommandLine.arguments[1]), limits: .default)
for (position, tensor) in archive.index.tensors.enumerated() {
    print(tensor.name, tensor.dtype, tensor.shape, try archive.array(ofTensorAt: position).count, "bytes")
}
