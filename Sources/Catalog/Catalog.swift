public import Checkpoints
public import HDF5Container
import HDF5
import Keras
import MLPB
import NPZ
import ONNX
import PyTorch
import Safetensors

/// The one ordered list of formats. A format is a folder under `Sources/Codecs`, a row in the manifest's table and a line here.
public enum Catalog {
    /// - Parameter hdf5: who describes HDF5 files and lays out new ones: the command gives a helper process, the library libhdf5 in this process.
    public static func registry(hdf5: some HDF5Describer & HDF5Layouter) -> CodecRegistry {
        registry(describer: hdf5, layouter: hdf5)
    }

    public static func registry(describer: any HDF5Describer, layouter: any HDF5Layouter) -> CodecRegistry {
        CodecRegistry([
            MLPBCodec(),
            NPZCodec(),
            NPYCodec(),
            PyTorchCodec(),
            HDF5Codec(describer: describer, layouter: layouter),
            KerasLegacyCodec(describer: describer, layouter: layouter),
            KerasWeightsCodec(describer: describer, layouter: layouter),
            KerasArchiveCodec(describer: describer, layouter: layouter),
            ONNXCodec(),
            SafetensorsCodec(),
        ])
    }
}
