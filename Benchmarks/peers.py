"""The peers' side of `make bench`: a line in, a line out, as mlpconv-bench. What a job needs is prepared at its first request, untimed."""
import gc
import json
import os
import sys
import time

import h5py
import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

_arrays = (None, None)
_steps = (None, None)


def arrays(path):
    global _arrays
    if _arrays[0] != path:
        _arrays = (None, None)
        _arrays = (path, load_file(path))
    return _arrays[1]


def weights(count, kind, seed):
    random = np.random.default_rng(seed)
    values = random.standard_normal(count, dtype=np.float32)
    values *= np.float32(0.02)
    if kind == "sparse60":
        values[random.random(count, dtype=np.float32) < 0.6] = 0
    if kind == "bf16":
        bits = values.view(np.uint32)
        bits += 0x7FFF + (bits >> 16 & 1)
        bits &= 0xFFFF0000
    return values


def make(request):
    """A file of random weights: `tensors` equal ones of `mib` together, or, with `small`, that many from 4 to 64 KiB."""
    kind = request.get("kind", "normal")
    if request.get("small"):
        random = np.random.default_rng(0)
        sizes = np.exp(random.uniform(np.log(1024), np.log(16384), request["small"])).astype(int)
        data = {f"layers.{i // 8}.block{i % 8}.weight": weights(int(size), kind, i) for i, size in enumerate(sizes)}
    else:
        rows = (request["mib"] << 20) // 4 // 1024 // request["tensors"]
        data = {f"model.layers.{i}.weight": weights(rows * 1024, kind, i).reshape(rows, 1024) for i in range(request["tensors"])}
    save_file(data, request["output"])
    return lambda: None


def save_h5(path, data, **options):
    with h5py.File(path, "w") as file:
        for name, values in data.items():
            chosen = dict(options)
            if options:
                chosen["chunks"] = tuple(min(size, limit) for size, limit in zip(values.shape, (256, 1024) if values.ndim == 2 else (262144,)))
            file.create_dataset(name, data=values, **chosen)


def read_h5(path):
    with h5py.File(path, "r") as file:
        return {name: file[name][()] for name in file}


def read_npz(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def open_safetensors(path):
    with safe_open(path, "np") as file:
        return list(file.keys())


def equal_npz(first, second, tolerance):
    with np.load(first) as a, np.load(second) as b:
        same = np.allclose if tolerance else np.array_equal
        if not all(same(a[name], b[name]) for name in a.files):
            raise ValueError("the files differ")


def step(request):
    """One step of an MLP by hand: ReLU, softmax cross-entropy, gradients of every parameter and of the input."""
    widths, rows, dtype = request["widths"], request["rows"], np.dtype(request["dtype"])
    random = np.random.default_rng(1)
    kernels = [(random.uniform(-1, 1, (a, b)) * 0.05).astype(dtype) for a, b in zip(widths, widths[1:])]
    biases = [np.zeros(b, dtype) for b in widths[1:]]
    x = random.uniform(-1, 1, (rows, widths[0])).astype(dtype)
    classes, row = np.arange(rows) * 7 % widths[-1], np.arange(rows)

    def run():
        values = [x]
        for layer, (kernel, bias) in enumerate(zip(kernels, biases)):
            z = values[-1] @ kernel
            z += bias
            if layer + 1 < len(kernels):
                np.maximum(z, 0, out=z)
            values.append(z)
        z = values.pop()
        z -= z.max(axis=1, keepdims=True)
        delta = np.exp(z)
        total = delta.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - z[row, classes]).mean()
        delta /= total
        delta[row, classes] -= 1
        delta /= rows
        gradients = []
        for layer in reversed(range(len(kernels))):
            gradients += [values[layer].T @ delta, delta.sum(axis=0)]
            delta = delta @ kernels[layer].T
            if layer:
                delta *= values[layer] > 0
        if not np.isfinite(loss):
            raise ValueError("the loss is not finite")
        return gradients, delta

    return run


def job(request):
    global _steps
    name, path, output = request["job"], request.get("input"), request.get("output")
    if name == "step":
        if _steps[0] != request:
            _steps = (dict(request), step(request))
        return _steps[1]
    if name == "np.allclose":
        return lambda: equal_npz(path, request["other"], True)
    if name == "np.array_equal":
        return lambda: equal_npz(path, request["other"], False)
    if name.startswith("write "):
        data = arrays(path)
        return {
            "write np.savez": lambda: np.savez(output, **data),
            "write np.savez_compressed": lambda: np.savez_compressed(output, **data),
            "write safetensors": lambda: save_file(data, output),
            "write h5py": lambda: save_h5(output, data),
            "write h5py gzip": lambda: save_h5(output, data, compression="gzip", compression_opts=4, shuffle=True),
        }[name]
    return {
        "make": lambda: make(request)(),
        "np.load": lambda: read_npz(path),
        "safetensors": lambda: load_file(path),
        "safe_open": lambda: open_safetensors(path),
        "h5py": lambda: read_h5(path),
        "h5py + safetensors": lambda: save_file(read_h5(path), output),
        "npz + safetensors": lambda: save_file(read_npz(path), output),
    }[name]


def measure(request):
    count = max(request.pop("repeat", 1), 1)
    run, output, seconds = job(request), request.get("output"), 0.0
    start = time.process_time()
    for _ in range(count):
        if output and os.path.exists(output):
            os.unlink(output)
        began = time.perf_counter()
        kept = run()
        seconds += time.perf_counter() - began
        del kept
    return {"seconds": seconds / count, "cpu": time.process_time() - start, "bytes": os.path.getsize(output) if output else None}


if __name__ == "__main__":
    gc.disable()
    for line in sys.stdin:
        try:
            answer = measure(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
        gc.collect()
