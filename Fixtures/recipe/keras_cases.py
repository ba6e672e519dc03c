"""Writes Fixtures/keras: Keras files of shapes that the networks of Fixtures/parity do not have, with h5py and zipfile alone, as
keras' legacy_h5_format.py and saving_lib.py lay them out. `cases.json` says what each holds, in the order in which it is to be read.

    python keras_cases.py ../keras
"""
import hashlib, io, json, os, sys, zipfile
import h5py
import numpy as np

OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "keras")
CASES = []


def values(name, shape, dtype="<f4"):
    """Bytes that follow from the name: float32 in (-1, 1), or the upper halves of such as two bytes without a type."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    a = (np.random.Generator(np.random.PCG64(seed)).random(shape) * 2 - 1).astype("<f4")
    if dtype == "V2":
        return (np.asarray(a).view("<u4") >> 16).astype("<u2").view("V2") if a.ndim else np.array((a.reshape(1).view("<u4") >> 16).astype("<u2").view("V2")[0])
    return np.asarray(a.astype(dtype))


class Case:
    def __init__(self, file, codec, **more):
        self.entry = dict(file=file, codec=codec, tensors=[], **more)
        self.path = os.path.join(OUT, file)
        CASES.append(self.entry)

    def tensor(self, path, a, dtype=None):
        """Notes that `path` is to be read next."""
        names = {"float32": "float32", "float64": "float64", "int64": "int64", "float16": "float16", "|V2": "void16", "void16": "void16"}
        self.entry["tensors"].append(dict(name=path, dtype=dtype or names[str(a.dtype)], shape=list(a.shape),
                                          sha256=hashlib.sha256(a.tobytes()).hexdigest()))


def put(group, name, a):
    group.create_dataset(name, data=a)


def text_list(obj, name, items, piece=None, kind="S"):
    """An attribute as Keras saves it: bytes of fixed length, or variable-length UTF-8; cut into `piece` items where that is given."""
    if not items:
        obj.attrs[name] = items
        return
    def one(key, part):
        if kind == "S":
            obj.attrs[key] = [s.encode() for s in part]
        else:
            obj.attrs.create(key, data=part, dtype=h5py.string_dtype("utf-8"))
    if piece is None:
        one(name, items)
        return
    for k in range(0, len(items), piece):
        one(f"{name}{k // piece}", items[k:k + piece])


def layer(case, base, name, weights, dtype="<f4", says=None, **how):
    """A layer's group with its list; `weights` are (name, shape) in the list's order."""
    group = base.create_group(name)
    text_list(group, "weight_names", [w for w, _ in weights], **how)
    for w, shape in weights:
        path = f"{group.name}/{w}".strip("/")
        a = values(path, shape, dtype)
        put(group, w, a)
        case.tensor(path, a, says)
    return group


def sequential(layers, name="sequential"):
    return json.dumps({"class_name": "Sequential", "config": {"name": name, "layers": layers}})


def dense(name, units, **more):
    return {"class_name": "Dense", "config": {"name": name, "units": units, "activation": "relu", **more}}


def whole(f, config, version="2.15.0", training=None):
    f.attrs["keras_version"] = version
    f.attrs["backend"] = "tensorflow"
    f.attrs["model_config"] = config
    if training:
        f.attrs["training_config"] = training
    return f.create_group("model_weights")


# Twelve dense layers: by text dense_10 and dense_11 would come after dense_1. Whole model, optimizer, every list cut in pieces.
c = Case("split_lists.h5", "keras-h5", metadata={"model_weights@layer_names": json.dumps([f"dense_{k}" if k else "dense" for k in range(12)], separators=(",", ":"))})
names = [f"dense_{k}" if k else "dense" for k in range(12)]
with h5py.File(c.path, "w") as f:
    g = whole(f, sequential([dense(n, 3) for n in names]))
    text_list(g, "layer_names", names, piece=5)
    for n in names:
        layer(c, g, n, [(f"{n}/kernel:0", (3, 3)), (f"{n}/bias:0", (3,))], piece=1)
    o = f.create_group("optimizer_weights")
    slots = ["iteration:0"] + [f"Adam/{s}/{n}/{w}:0" for n in names for w in ("kernel", "bias") for s in "mv"]
    text_list(o, "weight_names", slots, piece=7)
    for s in slots:
        a = np.array(7, "<i8") if s == "iteration:0" else values(s, (3, 3) if "kernel" in s else (3,))
        put(o, s, a)
        c.tensor("optimizer_weights/" + s, a)

# The lists rule, whatever the names: layers from last to first, bias before kernel, texts of variable length, names that are no ASCII,
# two layers whose names differ only in their normal form.
c = Case("order_of_lists.h5", "keras-h5")
names = ["z", "dense_10", "dense_9", "caf\u00e9", "cafe\u0301", "a"]
with h5py.File(c.path, "w") as f:
    f.attrs["backend"] = "tensorflow"
    text_list(f, "layer_names", names, kind="U")
    for n in names:
        layer(c, f, n, [(f"{n}/bias:0", (2,)), (f"{n}/kernel:0", (2, 2))], kind="U")

# Frozen layers list trainable weights first, then the others; a layer without weights; top-level weights; a dataset that no list names.
c = Case("frozen_and_top_level.h5", "keras-h5")
with h5py.File(c.path, "w") as f:
    g = whole(f, sequential([dense("hidden", 4, trainable=False), {"class_name": "BatchNormalization", "config": {"name": "norm"}}]), "3.15.1",
              json.dumps({"loss": "mse", "optimizer_config": {"class_name": "SGD", "config": {"learning_rate": 0.01}}}))
    text_list(g, "layer_names", ["hidden", "flat", "norm"])
    layer(c, g, "hidden", [("sequential/hidden/kernel", (4, 4)), ("sequential/hidden/bias", (4,))])
    layer(c, g, "flat", [])
    layer(c, g, "norm", [(f"sequential/norm/{w}", (4,)) for w in ("gamma", "beta", "moving_mean", "moving_variance")])
    layer(c, g, "top_level_model_weights", [("scale", ())])
    a = values("extra", (2,))
    put(f, "extra", a)
    c.tensor("extra", a)

# A model in a model: its weights are all under the outer layer's group; links of several scopes.
c = Case("nested.h5", "keras-h5")
with h5py.File(c.path, "w") as f:
    inner = {"class_name": "Functional", "config": {"name": "block", "layers": [dense("inner", 3), dense("inner_1", 3)]}}
    g = whole(f, sequential([inner, dense("head", 2)]))
    text_list(g, "layer_names", ["block", "head"])
    layer(c, g, "block", [(f"{n}/{w}:0", s) for n in ("inner", "inner_1") for w, s in (("kernel", (3, 3)), ("bias", (3,)))])
    layer(c, g, "head", [("head/kernel:0", (3, 2)), ("head/bias:0", (2,))])

# Keras 1: flat names, no version; Keras before 1.0: nb_layers.
c = Case("keras1_weights.h5", "keras-h5")
with h5py.File(c.path, "w") as f:
    text_list(f, "layer_names", ["dense_1", "activation_1", "dense_2"])
    layer(c, f, "dense_1", [("dense_1_W", (4, 5)), ("dense_1_b", (5,))])
    layer(c, f, "activation_1", [])
    layer(c, f, "dense_2", [("dense_2_W", (5, 2)), ("dense_2_b", (2,))])

c = Case("keras0_weights.h5", "keras-h5")
with h5py.File(c.path, "w") as f:
    f.attrs["nb_layers"] = 11
    for k in range(11):
        g = f.create_group(f"layer_{k}")
        g.attrs["nb_params"] = 0 if k % 2 else 2
        for p, shape in enumerate([] if k % 2 else [(3, 3), (3,)]):
            a = values(f"layer_{k}/param_{p}", shape)
            put(g, f"param_{p}", a)
            c.tensor(f"layer_{k}/param_{p}", a)

# Two bytes without a type: bfloat16 where the layer's config says so in any of its manners, lost where it says another thing or nothing.
def policy(name, kind="DTypePolicy"):
    return {"module": "keras", "class_name": kind, "config": {"name": name}, "registered_name": None}
c = Case("bfloat16_policies.h5", "keras-h5")
with h5py.File(c.path, "w") as f:
    inner = {"class_name": "Sequential", "config": {"name": "block", "layers": [dense("one", 2, dtype="bfloat16"), dense("two", 2, dtype=policy("mixed_bfloat16"))]}}
    wrapper = {"class_name": "TimeDistributed", "config": {"name": "wrapped", "layer": dense("within", 2, dtype="bfloat16")}}
    layers = [("text", "bfloat16", True), ("object", policy("bfloat16"), True), ("keras2", policy("bfloat16", "Policy"), True),
              ("quantized", policy("int8_from_bfloat16"), True), ("mixed", policy("mixed_bfloat16"), False), ("half", "float16", False), ("silent", None, False)]
    g = whole(f, sequential([dense(n, 2, **({"dtype": d} if d else {})) for n, d, _ in layers] + [inner, wrapper]))
    text_list(g, "layer_names", [n for n, _, _ in layers] + ["block", "wrapped", "not_in_the_config"])
    for n, _, is_b in layers:
        layer(c, g, n, [(f"{n}/kernel:0", (2, 2))], "V2", "bfloat16" if is_b else "void16")
    b = g.create_group("block")
    text_list(b, "weight_names", ["one/kernel:0", "two/kernel:0"])
    for n in ("one", "two"):
        a = values("block/" + n, (2, 2), "V2")
        put(b, f"{n}/kernel:0", a)
        c.tensor(f"model_weights/block/{n}/kernel:0", a, "bfloat16" if n == "one" else "void16")
    layer(c, g, "wrapped", [("wrapped/kernel:0", (2, 2))], "V2", "bfloat16")
    layer(c, g, "not_in_the_config", [("kernel:0", (2,))], "V2", "void16")

# The optimizer's follow when all of the model's are bfloat16.
c = Case("bfloat16_optimizer.h5", "keras-h5")
with h5py.File(c.path, "w") as f:
    g = whole(f, sequential([dense("d", 2, dtype="bfloat16")]), "3.15.1")
    text_list(g, "layer_names", ["d"])
    layer(c, g, "d", [("sequential/d/kernel", (2, 2))], "V2", "bfloat16")
    o = f.create_group("optimizer_weights")
    slots = ["adam/iteration", "adam/sequential_d_kernel_momentum", "adam/sequential_d_kernel_velocity"]
    text_list(o, "weight_names", slots)
    for s in slots:
        a = np.array(1, "<i8") if s.endswith("iteration") else values(s, (2, 2), "V2")
        put(o, s, a)
        c.tensor("optimizer_weights/" + s, a, None if s.endswith("iteration") else "bfloat16")

# Compressed by its owner, as h5repack leaves it.
c = Case("compressed.h5", "keras-h5")
with h5py.File(c.path, "w") as f:
    text_list(f, "layer_names", ["d"])
    g = f.create_group("d")
    text_list(g, "weight_names", ["d/kernel:0"])
    a = values("compressed", (40, 30), "<f8")
    g.create_dataset("d/kernel:0", data=a, chunks=(16, 16), compression="gzip", shuffle=True)
    c.tensor("d/d/kernel:0", a)

# Damaged or foreign.
def broken(file, says, code="malformed"):
    return Case(file, "keras-h5", error=code, says=says)

c = broken("missing_weight.h5", "dense/bias:0")
with h5py.File(c.path, "w") as f:
    text_list(f, "layer_names", ["dense"])
    g = f.create_group("dense")
    text_list(g, "weight_names", ["dense/kernel:0", "dense/bias:0"])
    put(g, "dense/kernel:0", values("k", (2, 2)))
c = broken("missing_optimizer_weight.h5", "iteration:0")
with h5py.File(c.path, "w") as f:
    g = whole(f, sequential([]))
    text_list(g, "layer_names", ["d"])
    text_list(g.create_group("d"), "weight_names", [])
    text_list(f.create_group("optimizer_weights"), "weight_names", ["iteration:0"])
c = broken("numbers_for_names.h5", "list of names")
with h5py.File(c.path, "w") as f:
    f.attrs["layer_names"] = np.arange(3)
c = broken("config_is_no_json.h5", "model_config is not JSON")
with h5py.File(c.path, "w") as f:
    text_list(whole(f, '{"class_name": "Sequential", '), "layer_names", [])
c = broken("config_names_code.h5", '"posix"')
with h5py.File(c.path, "w") as f:
    text_list(whole(f, sequential([{"module": "posix", "class_name": "system", "config": {}}])), "layer_names", [])
c = broken("soft_link_outside.h5", "soft link", "unsupported")
with h5py.File(c.path, "w") as f:
    text_list(f, "layer_names", ["d"])
    g = f.create_group("d")
    text_list(g, "weight_names", ["kernel:0"])
    put(g, "kernel:0", values("k", (2, 2)))
    g["bias:0"] = h5py.SoftLink("/nowhere")

# `.weights.h5`: thirteen dense layers and an optimizer of 25 variables, written in the order of their names as text.
def variables(f, case, entries):
    for path, a, says in sorted(entries, key=lambda e: e[0]):
        d = f.create_dataset(path, data=a)
        if says == "bfloat16":
            d.attrs["dtype"] = "bfloat16"
    for path, a, says in entries:
        case.tensor(path, a, says)

c = Case("thirteen_dense.weights.h5", "keras-weights", metadata={"layers/dense_12/vars@name": "head"})
with h5py.File(c.path, "w") as f:
    entries = [(f"layers/dense{'_' + str(k) if k else ''}/vars/{i}", None, None) for k in range(13) for i in (0, 1)]
    entries = [(p, values(p, (2, 2) if p.endswith("0") else (2,)), None) for p, _, _ in entries]
    entries += [(f"optimizer/vars/{i}", np.array(i, "<i8") if i == 0 else values(f"o{i}", (2,)), None) for i in range(25)]
    variables(f, c, entries)
    f.create_group("vars").attrs["name"] = "sequential"
    for k in range(13):
        f[f"layers/dense{'_' + str(k) if k else ''}/vars"].attrs["name"] = "head" if k == 12 else f"hidden_{k}"

# A subclassed model: attributes in place of `layers`, a list as `container`, its own variables at the root; one bfloat16 with Keras' attribute.
c = Case("subclassed.weights.h5", "keras-weights")
with h5py.File(c.path, "w") as f:
    variables(f, c, [("block/layers/dense/vars/0", values("a", (2, 2)), None), ("block/layers/dense_2/vars/0", values("b", (2, 2)), None),
                     ("block/layers/dense_10/vars/0", values("c", (2, 2)), None), ("container/dense/vars/0", values("d", (2, 2)), None),
                     ("container_1/dense/vars/0", values("e", (2, 2), "V2"), "bfloat16"), ("out/vars/0", values("f", (2, 2), "V2"), "void16"),
                     ("vars/0", values("g", ()), None), ("optimizer/vars/0", np.array(3, "<i8"), None)])

# TensorFlow 2.13's name for `layers`.
c = Case("checkpoint_dependencies.weights.h5", "keras-weights")
with h5py.File(c.path, "w") as f:
    variables(f, c, [(f"_layer_checkpoint_dependencies/dense{s}/vars/{i}", values(f"{s}{i}", (3,)), None) for s in ("", "_1") for i in (0, 1)])


def archive(file, members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(os.path.join(OUT, file), "w", method) as z:
        for name, data in members:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            z.writestr(info, data)


def h5_bytes(fill):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as f:
        fill(f)
    return buffer.getvalue()


META = json.dumps({"keras_version": "3.0.0", "date_saved": "2024-01-02@03:04:05", "extra": {"n": 1}})

# bfloat16 without Keras' attribute: the layer's name leads to its config; a subclassed part without a name has what all layers have.
for file, method in (("bfloat16_old.keras", zipfile.ZIP_STORED), ("bfloat16_old_deflated.keras", zipfile.ZIP_DEFLATED)):
    c = Case(file, "keras", metadata={"keras_version": "3.0.0", "extra": '{"n":1}', "layers/dense/vars@name": "fc"})
    def fill(f):
        variables(f, c, [("layers/dense/vars/0", values("a", (2, 2), "V2"), "bfloat_config"), ("layers/dense/vars/1", values("b", (2,)), None)])
        f["layers/dense/vars"].attrs["name"] = "fc"
    data = h5_bytes(fill)
    c.entry["tensors"][0]["dtype"] = "bfloat16"
    archive(file, [("metadata.json", META), ("config.json", sequential([dense("fc", 2, dtype=policy("bfloat16"))])), ("model.weights.h5", data)], method)

# Other members are listed; folders are not; Python's bare Infinity is read.
c = Case("assets_and_infinity.keras", "keras", unsupported=["assets/vocabulary.txt"])
data = h5_bytes(lambda f: variables(f, c, [("layers/dense/vars/0", values("a", (2, 2)), None)]))
archive(c.entry["file"], [("metadata.json", META), ("config.json", sequential([dense("fc", 2, max_value=float("inf"))])), ("model.weights.h5", data),
                          ("assets/", b""), ("assets/vocabulary.txt", b"one\ntwo\n")])

c = Case("npz_weights.keras", "keras", error="unsupported", says="model.weights.npz")
archive(c.entry["file"], [("metadata.json", META), ("config.json", sequential([])), ("model.weights.npz", b"PK")])
c = Case("metadata_is_no_json.keras", "keras", error="malformed", says="metadata.json is not")
archive(c.entry["file"], [("metadata.json", b"[]"), ("config.json", sequential([])), ("model.weights.h5", data)])
c = Case("weights_are_no_hdf5.keras", "keras", error="notRecognised", says="model.weights.h5")
archive(c.entry["file"], [("metadata.json", META), ("config.json", sequential([])), ("model.weights.h5", b"not HDF5")])

# An HDF5 file with a dataset beyond its end: the offset is told from the start of the archive.
c = Case("weights_beyond.keras", "keras", error="malformed", says="in model.weights.h5: the data ends early")
beyond = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bad-input", "hdf5", "contig_beyond.h5"), "rb").read()
archive(c.entry["file"], [("config.json", sequential([])), ("model.weights.h5", beyond)])

# Keras says of every function that it is of the module builtins: that is no reason to refuse.
c = Case("builtin_function.keras", "keras")
data = h5_bytes(lambda f: variables(f, c, [("layers/dense/vars/0", values("a", (2, 2)), None)]))
config = json.loads(sequential([dense("fc", 2)]))
config["compile_config"] = {"loss": {"module": "builtins", "class_name": "function", "config": "my_loss", "registered_name": "function"}}
archive(c.entry["file"], [("config.json", json.dumps(config)), ("model.weights.h5", data)])

with open(os.path.join(OUT, "cases.json"), "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(e, ensure_ascii=False) for e in CASES) + "\n]\n")
