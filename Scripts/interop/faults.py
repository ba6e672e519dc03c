"""Faults that conversions make in silence, written to disk by numpy: validate must find each, against the sound file and the reference."""
import json

import numpy as np

NETWORKS = ["deep-relu-20-64-32-16-10", "leaky-mix", "seed-4-8-3", "smooth-zoo", "float64-net"]


def parameters(folder):
    """The canonical parameters of a network, in order, from its reference."""
    with np.load(folder / "reference.npz") as reference:
        return {k.removeprefix("param."): reference[k] for k in reference.files if k.startswith("param.")}


def squared(parity, network):
    """The index of a square kernel of the network, or None."""
    p = parameters(parity / network)
    return next((k for k, v in p.items() if k.endswith("kernel") and v.shape[0] == v.shape[1]), None)


def run(mlpconv, parity, folder):
    results = []

    def expect(label, network, values, status, spec=None, precision="float64"):
        path = folder / "fault.npz"
        np.savez(path, **values)
        spec_path = parity / network / "spec.json"
        if spec is not None:
            spec_path = folder / "fault.json"
            spec_path.write_text(json.dumps(spec))
        got, report, text = mlpconv("validate", path, "--network", spec_path, "--reference", parity / network / "reference.npz",
                                    "--precision", precision, "--json", "--quiet")
        results.append((f"{network}: {label} ({precision})", None if got == status else f"status {got}, expected {status}: {text or report}"))

    stage1 = [s.parent.name for s in sorted(parity.glob("*/spec.json")) if json.loads(s.read_text())["stage"] == 1]
    square = [n for n in stage1 if squared(parity, n)]
    for network in NETWORKS:
        sound = parameters(parity / network)
        expect("sound", network, sound, 0)
        expect("sound", network, sound, 0, precision="float32")
        kernels = [k for k in sound if k.endswith("kernel")]
        for precision in ("float64", "float32"):
            biases = [k for k in sound if k.endswith("bias") and np.any(sound[k])]
            if biases:
                expect("a zeroed bias", network, {**sound, biases[0]: np.zeros_like(sound[biases[0]])}, 1, precision=precision)
            kernel = kernels[0]
            rounded = sound[kernel].astype(np.float16).astype(sound[kernel].dtype)
            if np.any(rounded != sound[kernel]):
                expect("one kernel rounded to float16", network, {**sound, kernel: rounded}, 1, precision=precision)
    for network in square:
        sound = parameters(parity / network)
        kernel = squared(parity, network)
        expect("a transposed square kernel", network, {**sound, kernel: np.ascontiguousarray(sound[kernel].T)}, 1)
    for network in stage1:
        sound = parameters(parity / network)
        shapes = {}
        for name in [k for k in sound if k.endswith("kernel")]:
            shapes.setdefault(sound[name].shape, []).append(name)
        pair = next((names for names in shapes.values() if len(names) > 1), None)
        if pair:
            expect("two layers swapped", network, {**sound, pair[0]: sound[pair[1]], pair[1]: sound[pair[0]]}, 1)
        spec = json.loads((parity / network / "spec.json").read_text())
        for layer in spec["layers"]:
            if layer.get("activation", {}).get("name") == "leaky_relu":
                layer["activation"]["slope"] *= 1.5
                expect("a wrong leaky slope", network, sound, 1, spec=spec)
                break
    # Networks made here, where the fixtures have too few: a square middle layer, two equal shapes, leaky slopes.
    results.extend(planted(mlpconv, folder))
    return results


def planted(mlpconv, folder):
    results = []
    for seed, (width, slope) in enumerate([(6, 0.1), (9, 0.2), (12, 0.3)]):
        r = np.random.default_rng(seed)
        widths = [5, width, width, width, 3]
        sound = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:])):
            sound[f"L{i}.kernel"] = r.normal(0, 1 / np.sqrt(a), (a, b)).astype(np.float32)
            sound[f"L{i}.bias"] = r.normal(0, 0.1, b).astype(np.float32)
        network = "5-" + "-".join(f"{width}:leaky_relu({slope})" for _ in range(3)) + "-3:softmax"
        np.savez(folder / "sound.npz", **sound)
        cases = {
            "a transposed square kernel": {**sound, "L1.kernel": np.ascontiguousarray(sound["L1.kernel"].T)},
            "a zeroed bias": {**sound, "L1.bias": np.zeros(width, np.float32)},
            "two layers swapped": {**sound, "L1.kernel": sound["L2.kernel"], "L2.kernel": sound["L1.kernel"]},
            "one kernel rounded to float16": {**sound, "L1.kernel": sound["L1.kernel"].astype(np.float16).astype(np.float32)},
        }
        for label, values in cases.items():
            np.savez(folder / "fault.npz", **values)
            for precision in ("float64", "float32"):
                status, _, text = mlpconv("validate", folder / "sound.npz", folder / "fault.npz", "--network", network, "--precision", precision, "--json", "--quiet")
                results.append((f"file against file, {network}: {label} ({precision})", None if status == 1 else f"status {status}: {text}"))
        # A slope lost on the way: the same weights, each file with its own idea of the network.
        mlpconv("convert", folder / "sound.npz", folder / "sound.mlpb", "--network", network, "--force")
        mlpconv("convert", folder / "sound.npz", folder / "slope.mlpb", "--network", network.replace(f"leaky_relu({slope})", "leaky_relu(0.01)"), "--force")
        for precision in ("float64", "float32"):
            status, _, text = mlpconv("validate", folder / "sound.mlpb", folder / "slope.mlpb", "--precision", precision, "--json", "--quiet")
            results.append((f"file against file, {network}: a wrong leaky slope ({precision})", None if status == 1 else f"status {status}: {text}"))
        status, report, text = mlpconv("validate", folder / "sound.npz", folder / "sound.npz", "--network", network, "--json", "--quiet")
        results.append((f"file against itself, {network}", None if status == 0 and report["comparisons"][0]["bitwise"] else f"status {status}: {text}"))
    return results
