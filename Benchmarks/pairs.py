"""Runs ours and the peer in turns, row by row, and prints the table. Pairs during which others used the machine are dropped.

usage: pairs.py PROGRAM FOLDER [--quick] [--pairs N] [--only TEXT] [--record]
"""
import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time

from rows import SIZES, make_request, rows

# Both sides on one thread and one core: what a busy neighbour takes, it takes from both. Above this many processors' worth of other work a pair is dropped.
OTHERS = 1.1
# A timed request takes at least this long, by repeating what is short: the contention figure has a resolution of 10 ms.
LEAST = 0.2


class Worker:
    """A process that answers a line with a line."""

    def __init__(self, command, core):
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
        pin = (lambda: os.sched_setaffinity(0, {core})) if core is not None else None
        self.name = os.path.basename(command[-1])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, preexec_fn=pin)

    def ask(self, request, repeat=1):
        self.process.stdin.write(json.dumps(request | {"repeat": repeat}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended while it ran {request}")
        answer = json.loads(line)
        if "error" in answer:
            raise SystemExit(f"{self.name}: {request}: {answer['error']}")
        return answer


def busy():
    """Processor seconds that all processes have used, where the system tells."""
    try:
        with open("/proc/stat") as file:
            fields = [int(text) for text in file.readline().split()[1:]]
        return (sum(fields[:3]) + sum(fields[5:8])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return None


def timed(worker, request, repeat):
    """Seconds of one run, the whole answer, and how many processors others kept busy meanwhile."""
    before, began = busy(), time.monotonic()
    answer = worker.ask(request, repeat)
    wall, after = time.monotonic() - began, busy()
    others = None if before is None else max(after - before - answer["cpu"], 0) / wall
    return answer["seconds"], answer, others


def run(row, ours, peer, wanted):
    """One row: warm up, settle how often each side repeats, then pairs in changing order."""
    for side, request in row.needs:
        if not os.path.exists(request["output"]):
            (ours if side == "ours" else peer).ask(request)
    repeats = []
    for worker, request in ((ours, row.ours_request), (peer, row.peer_request)):
        worker.ask(request)
        repeats.append(max(1, min(5000, round(LEAST / max(worker.ask(request)["seconds"], 1e-6)))))
    clean, all_pairs, sizes = [], [], None
    for number in range(wanted * 3):
        order = [(ours, row.ours_request, repeats[0]), (peer, row.peer_request, repeats[1])]
        results = [timed(*side) for side in (order if number % 2 == 0 else reversed(order))]
        a, b = results if number % 2 == 0 else reversed(results)
        sizes = (a[1]["bytes"], b[1]["bytes"])
        all_pairs.append((a[0], b[0]))
        if all(side[2] is None or side[2] <= OTHERS for side in (a, b)):
            clean.append((a[0], b[0]))
        if len(clean) >= wanted or (len(clean) == 0 and number + 1 >= wanted + 2):
            break
    pairs = clean if len(clean) >= wanted else all_pairs
    seconds = [statistics.median(side) for side in zip(*pairs)]
    return {
        "job": row.name, "peer": row.peer, "ours_seconds": seconds[0], "peer_seconds": seconds[1],
        "ratio": statistics.median(b / a for a, b in pairs), "size_ratio": sizes[0] / sizes[1] if row.sized else None,
        "pairs": len(pairs), "dropped": len(all_pairs) - len(pairs), "contended": len(clean) < wanted,
    }


def duration(seconds):
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def line(result):
    size = f"{result['size_ratio']:.4f}" if result["size_ratio"] else ""
    mark = " ~" if result["contended"] else ""
    return [result["job"], duration(result["ours_seconds"]), result["peer"], duration(result["peer_seconds"]), f"{result['ratio']:.2f}x{mark}", size]


HEADER = ["job", "ours", "peer", "peer's", "ratio", "size / peer's"]


def machine():
    """The machine and the versions, in words."""
    def first(command):
        text = subprocess.run(command, capture_output=True, text=True).stdout.strip()
        return text.splitlines()[0] if text else "unknown"

    model, system = platform.processor() or platform.machine(), platform.platform()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            model = next((text.split(":", 1)[1].strip() for text in file if text.startswith("model name")), model)
        with open("/etc/os-release") as file:
            system = next((text.split("=", 1)[1].strip().strip('"') for text in file if text.startswith("PRETTY_NAME=")), system)
        system += f", Linux {platform.release()}"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    import h5py
    import numpy
    import safetensors
    swift = re.search(r"Swift version ([\w.]+)", first(["swift", "--version"]))
    return (f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB of memory, {system}. Swift {swift.group(1) if swift else 'unknown'}; numpy {numpy.__version__}, "
            f"h5py {h5py.__version__} with HDF5 {h5py.version.hdf5_version}, safetensors {safetensors.__version__}, Python {platform.python_version()}.")


def document(results, size, load):
    table = ["| " + " | ".join(HEADER) + " |", "|---|---|---|---|---|---|"] + ["| " + " | ".join(line(result)) + " |" for result in results]
    contended = sum(result["contended"] for result in results)
    state = (f"Other processes used the machine while {contended} of {len(results)} rows were measured (marked `~`; load average {load:.1f} at the start): their "
             "times are too long, and their ratios are rough." if contended else f"The machine was otherwise idle (load average {load:.1f} at the start).")
    return "\n".join([
        "# The last run of `make bench`", "",
        f"Machine: {machine()}", "", state, "",
        f"Large is 4 tensors of float32, {size.big} MiB together; small are {size.small} tensors of 4 to 64 KiB; what is compressed is {size.packed} MiB of normal numbers, of "
        "such rounded to bfloat16, or with 60 % zeros. Each side is one process on one core and one thread, both on the same core, in turns; a figure is the median of at least five "
        "pairs after a warm-up, the ratio the median of the pairs' ratios (above 1 ours is faster). Files are in the page cache, and neither side syncs. Reading gives all tensors "
        "in memory of their own. A step is forward, softmax cross-entropy, and back to every parameter and the input.", "",
        *table, ""])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("--quick", action="store_true", help="small files: to try the benchmarks, not to quote them")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--record", action="store_true", help="write Benchmarks/RESULTS.md")
    options = parser.parse_args()
    size, load = SIZES["quick" if options.quick else "full"], os.getloadavg()[0]
    data = os.path.join(options.folder, "data")
    shutil.rmtree(data, ignore_errors=True)
    os.makedirs(data)
    path = lambda name: os.path.join(data, name)
    chosen = [row for row in rows(path) if options.only in row.name]
    if not chosen:
        raise SystemExit(f"no row's name contains {options.only!r}")
    # In a virtual machine memory that was never used is ten times slower to touch than any of this; what is freed here is used next.
    touched = bytearray(b"\1") * (size.big << 23)
    del touched
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [None]
    ours = Worker([options.program], cores[-1])
    peer = Worker([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers.py")], cores[-1])
    widths, results, made = [41, 9, 27, 9, 10, 13], [], set()
    show = lambda cells: print("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths)).rstrip(), flush=True)
    show(HEADER)
    with open(os.path.join(options.folder, "results.jsonl"), "w") as lines:
        for row in chosen:
            if row.data and row.data not in made:
                peer.ask(make_request(row.data, size, path))
                made.add(row.data)
            results.append(run(row, ours, peer, options.pairs))
            show(line(results[-1]))
            lines.write(json.dumps(results[-1]) + "\n")
            lines.flush()
    shutil.rmtree(data)
    if any(result["contended"] for result in results):
        print(f"~ others used the machine meanwhile: fewer than {options.pairs} pairs were left alone")
    if options.record:
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "RESULTS.md"), "w") as file:
            file.write(document(results, size, load))


if __name__ == "__main__":
    main()
