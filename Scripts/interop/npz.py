"""numpy against what mlpconv writes as npz and npy: every dtype, rank, order, name and compression, by np.load(allow_pickle=False) and zipfile.

Usage by hand: npz.py PATH-OF-THE-COMMAND. check.py calls run().
"""
import io, subprocess, sys, tempfile, zipfile
from pathlib import Path

import numpy as np

KINDS = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]


def arrays():
    random = np.random.default_rng(7)
    out = {}
    for kind in KINDS:
        raw = random.integers(0, 2 if kind == "?" else 256, 24 * np.dtype(kind).itemsize, dtype=np.uint8)
        out[f"dtype/{np.dtype(kind).name}"] = raw.view(kind).reshape(4, 6)
    for shape in [(), (1,), (0,), (3, 0, 2), (2, 3, 4, 5), (1,) * 32, (700, 900)]:
        out[f"shape {list(shape)}"] = random.standard_normal(shape).astype("f4")
    out["void"] = random.integers(0, 256, 12, dtype=np.uint8).view("V2")
    for name in ["", "λ/weight:0", "e\u0301", "\u00e9", "..", "a b", "x\n", "quote\"'"]:
        out[name] = random.standard_normal(3)
    return out


def same(a, b):
    return a.dtype.newbyteorder("=") == b.dtype.newbyteorder("=") and a.shape == b.shape and \
        np.ascontiguousarray(a.astype(a.dtype.newbyteorder("<"))).tobytes() == np.ascontiguousarray(b.astype(b.dtype.newbyteorder("<"))).tobytes()


def fault_of_archive(path, want, compressed):
    """What is wrong with the archive; None when numpy reads from it exactly what is wanted, in this order."""
    with np.load(path, allow_pickle=False) as archive:
        if archive.files != list(want):
            return f"numpy sees {archive.files[:5]}, not {list(want)[:5]}"
        for name, array in want.items():
            if not same(archive[name], array):
                return f"{name!r}: numpy reads {archive[name].dtype} {archive[name].shape}, not {array.dtype} {array.shape}, or other bytes"
    raw = Path(path).read_bytes()
    with zipfile.ZipFile(path) as archive:
        if archive.testzip():
            return f"zipfile refuses {archive.testzip()}"
        for info in archive.infolist():
            name, extra = (int.from_bytes(raw[info.header_offset + at:info.header_offset + at + 2], "little") for at in (26, 28))
            if (info.header_offset + 30 + name + extra) % 64:
                return f"{info.filename!r} is not aligned to 64 bytes"
            if info.date_time != (1980, 1, 1, 0, 0, 0) or info.create_system != 3:
                return f"{info.filename!r} has a date or a system of its own"
            if not compressed and info.compress_type != zipfile.ZIP_STORED:
                return f"{info.filename!r} is compressed"
        if compressed and zipfile.ZIP_DEFLATED not in {i.compress_type for i in archive.infolist()}:
            return "nothing is compressed"
    return None


def sources(folder, want):
    """The same arrays, stored in the ways that numpy and others store them."""
    np.savez(folder / "plain.npz", **want)
    np.savez_compressed(folder / "compressed.npz", **want)
    np.savez(folder / "fortran.npz", **{k: np.array(v, order="F") for k, v in want.items()})
    np.savez(folder / "bigendian.npz", **{k: v if v.dtype.kind == "V" else v.astype(v.dtype.newbyteorder(">")) for k, v in want.items()})
    with open(folder / "stream.npz", "wb") as out:  # what does not seek gets data descriptors
        class Pipe(io.RawIOBase):
            def writable(self): return True
            def write(self, data): return out.write(data)
        with zipfile.ZipFile(Pipe(), "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in want.items():
                with archive.open(name + ".npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
    return ["plain", "compressed", "fortran", "bigendian", "stream"]


def run(mlpconv, folder):
    """[(label, None or what is wrong)]; mlpconv(*arguments) gives (status, JSON or None, text of stderr)."""
    results, want = [], arrays()

    def convert(source, target, *options):
        status, _, text = mlpconv("convert", source, target, "--force", "--quiet", *options)
        return None if status == 0 else f"convert gave {status}: {text}"

    folder = Path(folder)
    for source in sources(folder, want):
        written = {}
        for label, options in [("stored", []), ("deflate", ["--compression", "deflate"])] + [(f"deflate {n}", ["--compression", "deflate", "--level", str(n)]) for n in (1, 9)]:
            out = folder / "out.npz"
            why = convert(folder / f"{source}.npz", out, "--to", "npz", *options) or fault_of_archive(out, want, label != "stored")
            results.append((f"numpy {source}.npz -> npz, {label}", why))
            written[label] = out.read_bytes() if not why else None
        results.append((f"numpy {source}.npz -> npz is the same bytes as from plain.npz", None if source == "plain" or written["stored"] == first else "they differ"))
        if source == "plain":
            first = written["stored"]
    for name, array in list(want.items())[:len(KINDS) + 7]:
        for order in "CF":
            source, out = folder / "in.npy", folder / "out.npy"
            np.save(source, np.asarray(array, order=order))
            why = convert(source, out, "--to", "npy")
            if not why:
                read = np.load(out, allow_pickle=False)
                why = None if same(read, array) else "numpy reads something else"
            if not why and array.size and np.load(out, mmap_mode="r").offset % 64:
                why = "the data are not aligned to 64 bytes"
            results.append((f"numpy {name!r} in {order} order -> npy", why))
    return results


def main():
    def mlpconv(*arguments):
        done = subprocess.run([sys.argv[1], *map(str, arguments)], capture_output=True, text=True)
        return done.returncode, None, done.stderr.strip()

    with tempfile.TemporaryDirectory() as folder:
        results = run(mlpconv, folder)
    for label, why in results:
        if why:
            print(f"FAILED  {label}: {why}")
    failed = sum(1 for _, why in results if why)
    print(f"{len(results) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
