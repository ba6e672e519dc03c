"""The rows of the table: for each, what ours and the peer are asked, on which data, and how much of it there is."""
from dataclasses import dataclass, field


@dataclass
class Sizes:
    """Of one run: MiB of the large files, of those to be compressed, and how many small tensors."""
    big: int
    packed: int
    small: int


SIZES = {"full": Sizes(256, 32, 2000), "quick": Sizes(16, 4, 200)}
STEP = [784, 512, 512, 10]


@dataclass
class Row:
    name: str
    peer: str
    ours_request: dict
    peer_request: dict
    # The set of tensors it works on; None for a network.
    data: str | None = None
    # Made before the row is run, untimed: (by whom, request).
    needs: list = field(default_factory=list)
    # Whether a smaller file is part of the result.
    sized: bool = False


def rows(path):
    """Every row; `path` gives the place of a file by its name."""
    found = []

    def write(name, peer, data, format, peer_job, **options):
        found.append(Row(
            name, peer, dict(job="write", input=path(data + ".safetensors"), output=path("ours." + format), format=format, threads=1, **options),
            dict(job="write " + peer_job, input=path(data + ".safetensors"), output=path("peer." + format)), data, sized="compression" in options))

    def read(name, peer, data, format, file, peer_job, peer_file=None, job="read", made=()):
        found.append(Row(
            name, peer, dict(job=job, input=path(file), format=format), dict(job=peer_job, input=path(peer_file or file)), data, list(made)))

    def ours_makes(data, format, file):
        return ("ours", dict(job="write", input=path(data + ".safetensors"), output=path(file), format=format))

    def peer_makes(data, job, file):
        return ("peer", dict(job="write " + job, input=path(data + ".safetensors"), output=path(file)))

    for data, words in (("big", "large"), ("small", "many small")):
        mlpb, npz, h5 = (f"{data}.{end}" for end in ("mlpb", "npz", "h5"))
        tensors = data + ".safetensors"
        write(f"mlpb write, {words}", "safetensors (no checksums)", data, "mlpb", "safetensors")
        read(f"mlpb read, {words}", "safetensors", data, "mlpb", mlpb, "safetensors", tensors, made=[ours_makes(data, "mlpb", mlpb)])
        read(f"mlpb verify every byte, {words}", "safetensors load", data, "mlpb", mlpb, "safetensors", tensors, job="verify", made=[ours_makes(data, "mlpb", mlpb)])
        read(f"mlpb open, {words}", "safe_open + keys", data, "mlpb", mlpb, "safe_open", tensors, job="open", made=[ours_makes(data, "mlpb", mlpb)])
        write(f"safetensors write, {words}", "safetensors", data, "safetensors", "safetensors")
        read(f"safetensors read, {words}", "safetensors", data, "safetensors", tensors, "safetensors")
        write(f"npz stored write, {words}", "np.savez", data, "npz", "np.savez")
        read(f"npz stored read, {words}", "np.load", data, "npz", npz, "np.load", made=[peer_makes(data, "np.savez", npz)])
        write(f"hdf5 contiguous write, {words}", "h5py", data, "hdf5", "h5py")
        read(f"hdf5 contiguous read, {words}", "h5py", data, "hdf5", h5, "h5py", made=[peer_makes(data, "h5py", h5)])

    for kind in ("normal", "bf16", "sparse60"):
        data = f"packed-{kind}"
        write(f"npz deflate write, {kind}", "np.savez_compressed", data, "npz", "np.savez_compressed", compression="deflate")
        read(f"npz deflate read, {kind}", "np.load", data, "npz", data + ".npz", "np.load", made=[peer_makes(data, "np.savez_compressed", data + ".npz")])
    data = "packed-normal"
    write("hdf5 gzip write, normal", "h5py shuffle + gzip 4", data, "hdf5", "h5py gzip", compression="deflate")
    read("hdf5 gzip + shuffle read, normal", "h5py", data, "hdf5", data + ".h5", "h5py", made=[peer_makes(data, "h5py gzip", data + ".h5")])

    for source, job in (("h5", "h5py + safetensors"), ("npz", "npz + safetensors")):
        maker = "h5py" if source == "h5" else "np.savez"
        found.append(Row(
            f"convert {source} to mlpb, large", job.replace("npz", "np.load"),
            dict(job="convert", input=path("big." + source), output=path("ours.mlpb"), format="mlpb"),
            dict(job=job, input=path("big." + source), output=path("peer.safetensors")), "big", [peer_makes("big", maker, "big." + source)]))
    for job, more in (("np.array_equal", {}), ("np.allclose", dict(atol=1e-8, rtol=1e-5))):
        pair = dict(input=path("big.npz"), other=path("big2.npz"))
        found.append(Row(
            f"diff of two npz, {'with tolerance' if more else 'exact'}", job, dict(job="diff", **pair, **more), dict(job=job, **pair), "big",
            [peer_makes("big", "np.savez", "big.npz"), peer_makes("big", "np.savez", "big2.npz")]))

    for dtype in ("float32", "float64"):
        for count in (1, 32, 256):
            request = dict(job="step", widths=STEP, rows=count, dtype=dtype)
            found.append(Row(f"step {'-'.join(map(str, STEP))}, batch {count}, {dtype}", "numpy by hand", request, dict(request)))
    return found


def make_request(data, size, path):
    """What makes the set of tensors `data`."""
    request = dict(job="make", output=path(data + ".safetensors"))
    if data == "small":
        return request | dict(small=size.small)
    if data == "big":
        return request | dict(mib=size.big, tensors=4)
    return request | dict(mib=size.packed, tensors=2, kind=data.removeprefix("packed-"))
