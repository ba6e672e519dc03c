#!/usr/bin/env python3
"""What the reference reader finds in a safetensors file, as one JSON document a file: name, dtype, shape, sha256, and the metadata.

usage: safetensors.py FILE...      (needs numpy and safetensors; exit status 1 for a file that it refuses)
"""
import sys
# This script has the package's name: its own folder must not be searched first.
sys.path = [path for path in sys.path if not path.rstrip("/").endswith("Scripts/interop")]
import hashlib, json
import safetensors

DTYPES = {"BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32", "U64": "uint64",
          "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64", "C64": "complex64",
          "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}

status = 0
for path in sys.argv[1:]:
    try:
        with open(path, "rb") as file:
            # The reference implementation checks the file and gives each tensor's packed bytes.
            tensors = safetensors.deserialize(file.read())
        with safetensors.safe_open(path, framework="numpy") as handle:
            metadata = handle.metadata() or {}
    except safetensors.SafetensorError as error:
        print(f"{path}: {error}", file=sys.stderr)
        status = 1
        continue
    listing = [{"name": name, "dtype": DTYPES[tensor["dtype"]], "shape": list(tensor["shape"]), "sha256": hashlib.sha256(tensor["data"]).hexdigest()}
               for name, tensor in sorted(tensors)]
    print(json.dumps({"file": path, "tensors": listing, "metadata": metadata}, ensure_ascii=False))
sys.exit(status)
