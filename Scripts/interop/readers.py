"""The foreign readers: each gives {name: (dtype, shape, sha256 of little-endian, row-major bytes)} of a file, by the format's own library."""
import hashlib, json, subprocess, sys
from pathlib import Path

import h5py
import numpy as np
import safetensors

ROOT = Path(__file__).resolve().parents[2]


def digest(raw):
    return hashlib.sha256(raw).hexdigest()


def described(array, dtype=None):
    array = np.asarray(array)
    little = array if array.dtype.byteorder in "|=<" else array.astype(array.dtype.newbyteorder("<"))
    return dtype or array.dtype.name, list(array.shape), digest(np.ascontiguousarray(little).tobytes())


def read_npz(path):
    with np.load(path, allow_pickle=False) as archive:
        return {name: described(archive[name], "V2" if archive[name].dtype == np.dtype("V2") else None) for name in archive.files}


def read_hdf5(path):
    out = {}

    def visit(name, node):
        if isinstance(node, h5py.Dataset):
            value = node[()]
            kind = node.dtype
            out[name] = described(value, "V2" if kind == np.dtype("V2") else None)

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return out


SAFETENSORS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "V2", "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
               "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool", "C64": "complex64"}


def read_safetensors(path):
    header = json.loads(Path(path).read_bytes()[8:8 + int.from_bytes(Path(path).read_bytes()[:8], "little")])
    ours = json.loads(header.get("__metadata__", {}).get("mlpconv.dtypes", "{}"))
    # deserialize is the reference reader itself, below the layer that numpy's missing bfloat16 would stop.
    raw = Path(path).read_bytes()
    return {name: ("V2" if ours.get(name) == "void16" else SAFETENSORS[t["dtype"]], list(t["shape"]), digest(bytes(t["data"]))) for name, t in safetensors.deserialize(raw)}


def read_mlpb(path):
    # The independent reader that was written from Specs/MLPB.md.
    done = subprocess.run([sys.executable, str(ROOT / "Specs" / "mlpb_reader.py"), str(path)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"mlpb_reader.py: {done.stderr.strip()[-300:]}")
    names = {"bfloat16": "V2", "void16": "V2"}
    return {t["name"]: (names.get(t["dtype"], t["dtype"]), t["shape"], t["sha256"]) for t in json.loads(done.stdout)["tensors"]}


READERS = {"npz": read_npz, "hdf5": read_hdf5, "safetensors": read_safetensors, "mlpb": read_mlpb}
