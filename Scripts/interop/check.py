"""Interop: every shipped network file, converted to every format we write, read by the reader that owns that format.

Values must be identical to what the framework that saved the file said (Fixtures/parity/index.json), gradients of source and copy equal bit
for bit, faults planted on disk by Python found, and what validate says of each file against PyTorch's reference true.
Usage: check.py FOLDER-OF-THE-COMMAND. Ends with "N passed, N failed"; the status is 1 when one failed.
"""
import json, subprocess, sys, tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faults
from readers import READERS, ROOT

MLPCONV = str(Path(sys.argv[1]).resolve() / "mlpconv")
PARITY = ROOT / "Fixtures" / "parity"
TARGETS = {"mlpb": ".mlpb", "npz": ".npz", "hdf5": ".h5", "safetensors": ".safetensors"}
# Why a file does not convert or prove like the others; Specs/Interop.md shows this table. Anything that is not here must pass.
LOSSY = {"generic_float16.h5": "a copy rounded to float16"}
# Files that lost what their two bytes mean: the user says it. A Keras 2 weights file has no config that could.
READ_AS = {"model_bf16_V2.npz": "*=bfloat16", "model_bf16_bits_u16.npz": "*=bfloat16", "bfloat16-net/keras2_weights.h5": "*=bfloat16"}


def mlpconv(*arguments):
    done = subprocess.run([MLPCONV, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    try:
        document = json.loads(done.stdout) if done.stdout.strip() else None
    except json.JSONDecodeError:
        document = None
    return done.returncode, document, done.stderr.strip()


def is_source(name):
    return name.endswith((".npz", ".h5", ".keras", ".safetensors")) and not name.startswith(("reference", "resume"))


def canonical(dtype):
    return "V2" if dtype in ("bfloat16", "void16") else dtype


def expected(entry):
    """{name: (dtype, shape, sha256)} as the framework's own reader saw it; a .keras file's names without the member."""
    return {t["name"].split(":", 1)[1] if entry["path"].endswith(".keras") else t["name"]: (canonical(t["dtype"]), t["shape"], t["sha256"])
            for t in entry["tensors"] if t["dtype"] != "string"}


def convert_one(job):
    network, source, entry, target, folder = job
    label = f"{network}/{source.name} -> {target}"
    out = folder / f"{network}.{source.name}{TARGETS[target]}"
    status, ledger, text = mlpconv("convert", source, out, "--to", target, "--drop", "unsupported", "--json", "--quiet", "--verify", "--force")
    if status != 0:
        return label, f"convert gave {status}: {text or ledger}"
    want = expected(entry)
    try:
        got = READERS[target](out)
    except Exception as error:
        return label, f"the foreign reader failed: {error!r}"
    if set(got) != set(want):
        return label, f"names differ: {sorted(set(got) ^ set(want))[:4]}"
    for name, value in want.items():
        if (got[name][0], got[name][1], got[name][2]) != (value[0], list(value[1]), value[2]):
            return label, f"{name}: wrote {got[name][:2]} {got[name][2][:8]}, the framework saved {value[:2]} {value[2][:8]}"
    given = ["--network", PARITY / network / "spec.json"]
    if meaning := READ_AS.get(source.name) or READ_AS.get(f"{network}/{source.name}"):
        given += ["--read-as", meaning]
    status, report, text = mlpconv("validate", source, out, *given, "--json", "--quiet")
    if status != 0 or not report["comparisons"][0]["bitwise"]:
        return label, f"validate gave {status}, bitwise {report and report.get('comparisons', [{}])[0].get('bitwise')}: {text}"
    out.unlink()
    return label, None


def prove_one(job):
    network, source, precision = job
    label = f"{network}/{source.name} against PyTorch's reference in {precision}"
    given = ["--network", PARITY / network / "spec.json"]
    if meaning := READ_AS.get(source.name) or READ_AS.get(f"{network}/{source.name}"):
        given += ["--read-as", meaning]
    status, report, text = mlpconv("validate", source, *given, "--reference", PARITY / network / "reference.npz", "--precision", precision, "--json", "--quiet")
    if source.name in LOSSY:
        return label, None if status in (0, 1) else f"validate gave {status}: {text}"
    if status != 0:
        return label, f"validate gave {status}: {text or json.dumps(report)[:400]}"
    if precision == "float64":
        worst = max(q["scaled"] for q in report["comparisons"][0]["quantities"])
        if worst > 1e-12:
            return label, f"the largest scaled difference is {worst}"
    return label, None


def carries_network(path):
    """Whether a file says itself which network it is: whole Keras models do, weights and arrays do not."""
    return path.name.endswith(".keras") or path.name.startswith(("keras2", "keras3")) and "weights" not in path.name and path.suffix == ".h5"


def carried_one(job):
    network, source, folder = job
    label = f"{network}/{source.name} alone, renamed, in an empty folder, without --network"
    with tempfile.TemporaryDirectory(dir=folder) as empty:
        alone = Path(empty) / "x.bin"
        alone.write_bytes(source.read_bytes())
        for precision in ("float64", "float32"):
            status, report, text = mlpconv("validate", alone, "--reference", PARITY / network / "reference.npz", "--precision", precision, "--json", "--quiet")
            if status != 0:
                return label, f"validate in {precision} gave {status}: {text or json.dumps(report)[:400]}"
            worst = max(q["scaled"] for q in report["comparisons"][0]["quantities"])
            if precision == "float64" and worst > 1e-12:
                return label, f"the largest scaled difference is {worst}"
    return label, None


def numpy_own(folder):
    """What npz.py checks of odd dtypes, names and sizes, by numpy."""
    import npz
    return npz.run(mlpconv, folder)


def main():
    index = json.loads((PARITY / "index.json").read_text())
    entries = {e["path"]: e for e in index["files"]}
    results = []
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(2) as pool:
        folder = Path(temporary)
        conversions, proofs = [], []
        for spec in sorted(PARITY.glob("*/spec.json")):
            network, stage = spec.parent.name, json.loads(spec.read_text())["stage"]
            for source in sorted(spec.parent.iterdir()):
                if not is_source(source.name):
                    continue
                entry = entries[f"{network}/{source.name}"]
                conversions += [(network, source, entry, target, folder) for target in TARGETS]
                proofs += [(network, source, p) for p in ("float64", "float32")]
        results += pool.map(convert_one, conversions)
        results += pool.map(prove_one, proofs)
        results += pool.map(carried_one, [(n, s, folder) for n, s, _ in proofs[::2] if carries_network(s)])
        results += faults.run(mlpconv, PARITY, folder)
        results += numpy_own(folder)
    failed = [(label, why) for label, why in results if why]
    for label, why in failed:
        print(f"FAILED  {label}: {why}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
