"""Writes Fixtures/keras/written-*: models that Keras 3 itself saved, and in `written.json` what each file holds in the order in
which it is to be read, as Keras' own variables say it: each layer's trainable before its other
variables in legacy files, `vars/<i>` by number in the new ones.

    KERAS_BACKEND=jax python keras_cases_real.py [FOLDER] [--large]      (keras 3.15.1, jax, h5py)
"""
import hashlib, io, json, os, sys, warnings, zipfile
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
warnings.filterwarnings("ignore")
import h5py
import numpy as np
import keras
from keras import layers as L

HERE = os.path.dirname(os.path.abspath(__file__))
args = [a for a in sys.argv[1:] if not a.startswith("-")]
OUT = args[0] if args else os.path.join(HERE, "..", "keras")
os.makedirs(OUT, exist_ok=True)
CASES = []
keras.utils.set_random_seed(1)


def record(name, a):
    a = np.asarray(a)
    return dict(name=name, dtype=str(a.dtype), shape=list(a.shape), sha256=hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest())


def legacy(model, file):
    """Keras' own order: for each layer its trainable, then its other variables, by their paths; then the optimizer's."""
    model.save(os.path.join(OUT, file))
    tensors = []
    for layer in model.layers:
        for v in layer.trainable_weights + layer.non_trainable_weights:
            tensors.append(record(f"model_weights/{layer.name}/{v.path}", v.numpy()))
    if getattr(model, "optimizer", None) is not None:
        for v in model.optimizer.variables:
            tensors.append(record(f"optimizer_weights/{v.path}", v.numpy()))
    CASES.append(dict(file=file, codec="keras-h5", tensors=tensors))


def natural(path):
    import re
    return [[(0, int(w), "") if w.isdigit() else (1, 0, w) for w in re.split(r"(\d+)", part) if w] for part in path.split("/")]


def stored(f):
    found = {}
    def visit(name, o):
        if isinstance(o, h5py.Dataset):
            a = o[()]
            r = record(name, a)
            if o.attrs.get("dtype") == "bfloat16":
                r["dtype"] = "bfloat16"
            found[name] = r
    f.visititems(visit)
    def place(n):
        top = n.split("/")[0]
        return (1 if top == "metrics" else 2 if top == "optimizer" else 0), natural(n)
    return [found[n] for n in sorted(found, key=place)]


def modern(model, stem, **more):
    path = os.path.join(OUT, stem + ".keras")
    model.save(path)
    # The date and the zip's times say nothing. What still changes from run to run are ids of objects in the config.
    with zipfile.ZipFile(path) as z:
        members = [(i.filename, z.read(i)) for i in z.infolist()]
    with zipfile.ZipFile(path, "w") as z:
        for name, data in members:
            if name == "metadata.json":
                data = json.dumps({**json.loads(data), "date_saved": "2026-01-01@00:00:00"}).encode()
            z.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    weights = dict(members)["model.weights.h5"]
    with h5py.File(io.BytesIO(weights)) as f:
        CASES.append(dict(file=stem + ".keras", codec="keras", tensors=stored(f), **more))
    path = os.path.join(OUT, stem + ".weights.h5")
    model.save_weights(path)
    with h5py.File(path) as f:
        CASES.append(dict(file=stem + ".weights.h5", codec="keras-weights", tensors=stored(f)))


def trained(model, loss="mse", optimizer=None):
    model.compile(optimizer or keras.optimizers.Adam(0.01), loss)
    x = np.random.default_rng(0).random((4,) + model.input_shape[1:]).astype("float32")
    model.fit(x, np.asarray(model(x)) * 0.5, epochs=1, verbose=0)
    return model


# Twelve dense layers, every third frozen, with normalization: functional, names of its own.
x = y = keras.Input((3,), name="features")
for k in range(12):
    y = L.Dense(3, activation="tanh", name=f"fc_{11 - k}", trainable=k % 3 != 1)(y)
    if k % 4 == 0:
        y = L.BatchNormalization(name=f"bn_{k}", trainable=k != 4)(y)
deep = trained(keras.Model(x, y, name="deep"))
legacy(deep, "written-deep.h5")
modern(deep, "written-deep")

# A model in a model, a wrapper, a layer without weights, dropout's seeds.
inner = keras.Sequential([keras.Input((4,)), L.Dense(4, activation="relu"), L.Dense(4)], name="block")
x = keras.Input((4,))
y = L.Dense(2, name="head")(L.Dropout(0.1, seed=1)(inner(x)))
outer = trained(keras.Model(x, y, name="outer"), optimizer=keras.optimizers.SGD(0.01, momentum=0.9))
legacy(outer, "written-nested.h5")
modern(outer, "written-nested")

# No MLP: an embedding, a recurrent wrapper.
x = keras.Input((5,), dtype="int32")
y = L.Dense(2)(L.Bidirectional(L.LSTM(3))(L.Embedding(7, 4)(x)))
modern(keras.Model(x, y, name="words"), "written-words")

# Types: bfloat16 by name, by policy, mixed; the optimizer's variables.
typed = keras.Sequential([keras.Input((3,)), L.Dense(3, dtype="bfloat16", name="a"), L.Dense(3, dtype="mixed_bfloat16", name="b"),
                          L.Dense(2, dtype="float16", name="c")], name="typed")
legacy(typed, "written-typed.h5")
modern(typed, "written-typed")
allb = keras.Sequential([keras.Input((3,)), L.Dense(3, dtype="bfloat16"), L.Dense(2, dtype="bfloat16")], name="allb")
allb.compile("adam", "mse")
allb.optimizer.build(allb.trainable_variables)
legacy(allb, "written-bfloat16.h5")

# A class of one's own with a list of layers and a variable of its own.
@keras.saving.register_keras_serializable("shop")
class Own(keras.Model):
    def __init__(self, **kw):
        super().__init__(**kw)
        self.blocks = [L.Dense(2) for _ in range(3)]
        self.out = L.Dense(1)
        self.scale = self.add_weight(shape=(), name="scale")
    def call(self, x):
        for b in self.blocks:
            x = b(x)
        return self.out(x) * self.scale
own = Own(name="own")
own(np.zeros((1, 2), "float32"))
modern(own, "written-subclassed")

# Quantized to int8.
q = keras.Sequential([keras.Input((4,)), L.Dense(4), L.Dense(2)], name="q")
q.quantize("int8")
modern(q, "written-int8")

# A vocabulary among the assets, normalization's statistics, a loss scale around the optimizer, a function of one's own.
norm = L.Normalization()
norm.adapt(np.arange(12, dtype="float32").reshape(4, 3))
@keras.saving.register_keras_serializable("shop")
def swish2(x):
    return x * keras.ops.sigmoid(2 * x)
scaled = trained(keras.Sequential([keras.Input((3,)), norm, L.Dense(2, activation=swish2), L.Lambda(lambda t: t + 1)], name="scaled"),
                 optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)))
modern(scaled, "written-scaled")

if "--large" in sys.argv:
    sys.setrecursionlimit(100_000)
    # Lists over 64,512 bytes: 1,200 layers of long names.
    many = [L.Dense(1, use_bias=False, name=f"a_layer_whose_name_is_so_long_that_all_of_them_do_not_fit_{k}") for k in range(1200)]
    legacy(keras.Sequential([keras.Input((1,))] + many, name="long"), "written-long.h5")

with open(os.path.join(OUT, "written.json"), "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(e, ensure_ascii=False) for e in CASES) + "\n]\n")
