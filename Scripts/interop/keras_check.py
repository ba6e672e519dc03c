"""Keras itself against the Keras files that we write: it loads them, predicts the reference's outputs, and has the reference's gradients.

Usage: keras_check.py FOLDER-OF-THE-COMMAND, under the Python of Scripts/interop/environment keras. Ends with "N passed, N failed"; the status is 1
when one failed. Keras runs on JAX, in float64 where the network is.
"""
import json, logging, os, subprocess, sys, tempfile, warnings
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"
import jax
import jax.numpy as jnp
import keras
import numpy as np

logging.getLogger("absl").setLevel(logging.ERROR)
TARGETS = {"keras": ".keras", "keras-h5": ".h5", "keras-weights": ".weights.h5"}
# With the sources that have configs and optimizers of their own, every network once in each form.
SOURCES = {"model.npz": TARGETS, "keras2.h5": ["keras"], "keras3.keras": ["keras-h5"], "keras3_legacy.h5": ["keras"]}
# Networks that Keras has no config for, with the word that our refusal must hold; Specs/Keras.md lists them.
NO_CONFIG = {"gelu-tanh": "gelu_tanh"}
EPSILON = {"float16": 1e-2, "bfloat16": 5e-2, "float32": 2e-5, "float64": 1e-12}


def scaled(found, wanted):
    """The largest difference, relative to the largest value."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    if found.shape != wanted.shape:
        return np.inf
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    top = max(float(np.max(np.abs(wanted), initial=0, where=np.isfinite(wanted))), 1e-30)
    return float(np.max(np.where(same, 0, np.abs(found - wanted)), initial=0)) / top


def gradients(model, x, loss_of):
    """d loss / d variable by the reference's loss on the logits, for every trainable variable, in order."""
    trainable = [v.value for v in model.trainable_variables]
    rest = [v.value for v in model.non_trainable_variables]

    def loss(values):
        out, _ = model.stateless_call(values, rest, x, training=False)
        return loss_of(out)

    return jax.grad(loss)(trainable)


def loss_of(spec, reference):
    """The loss of the spec on the model's output; None for an output that has lost its logits' digits."""
    kind, batch = spec["loss"]["kind"], len(reference["x"])
    dense = jnp.asarray(reference["y.dense"])
    if kind == "mse":
        return lambda out: jnp.mean((out - dense) ** 2)
    if kind.startswith("softmax_ce"):
        return lambda out: -jnp.sum(dense * jnp.log(out)) / batch
    return lambda out: -jnp.mean(dense * jnp.log(out) + (1 - dense) * jnp.log1p(-out))


def parameter_order(model, spec):
    """Canonical names in the order of the model's trainable variables."""
    names = []
    numbers = {}
    for p in spec["parameters"]:
        layer, part = p["name"].split(".")
        if part not in ("moving_mean", "moving_var"):
            numbers.setdefault(int(layer[1:]), []).append(part)
    for layer, parts in sorted(numbers.items()):
        names += [f"L{layer}.{part}" for part in parts]
    return names


def prove(model, spec, reference, precision, target):
    x = reference["x"].astype(precision if precision == "float64" else "float32")
    found = np.asarray(model(x, training=False)).astype(np.float64)
    if (worst := scaled(found, reference["f64.output"])) > EPSILON[precision]:
        return f"its prediction is {worst:.1e} off"
    if target != "keras" or precision not in ("float32", "float64") or spec["id"].startswith(("extreme", "exact")):
        return None  # a loss of probabilities that have reached 0 or 1 has no gradient to compare
    names = parameter_order(model, spec)
    for name, gradient in zip(names, gradients(model, jnp.asarray(x), loss_of(spec, reference)), strict=True):
        if (worst := scaled(gradient, reference[f"f64.grad.{name}"])) > 50 * EPSILON[precision]:
            return f"its gradient of {name} is {worst:.1e} off"
    return None


def run(mlpconv, parity, folder):
    results = []
    for path in sorted(parity.glob("*/spec.json")):
        network, spec = path.parent.name, json.loads(path.read_text())
        precision = spec.get("dtype", "float32")
        # A Sequential model casts its input to the global policy, whatever its layers' are.
        keras.config.set_dtype_policy("float64" if precision == "float64" else "float32")
        with np.load(path.parent / "reference.npz") as file:
            reference = {k: file[k] for k in file.files}
        twin = None
        for source, targets in [(path.parent / s, t) for s, t in SOURCES.items() if (path.parent / s).exists()]:
            for target in targets:
                extension = TARGETS[target]
                label = f"{network}/{source.name} -> {target}, loaded by Keras {keras.__version__}"
                out = folder / f"{network}{extension}"
                status, document, text = mlpconv("convert", source, out, "--to", target, "--network", path, "--allow-loss", "--verify", "--force", "--json")
                word = NO_CONFIG.get(network)
                if word and target != "keras-weights":
                    results.append((label, None if status == 2 and word in text else f"status {status}, expected a refusal that names {word}: {text}"))
                    continue
                if status != 0:
                    results.append((label, f"convert gave {status}: {text}"))
                    continue
                if word:
                    continue
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        if target == "keras-weights":
                            twin.load_weights(out)
                            model = twin
                        else:
                            model = keras.models.load_model(out)
                            twin = twin or keras.models.clone_model(model)
                    results.append((label, prove(model, spec, reference, precision, target)))
                except Exception as error:
                    results.append((label, f"Keras: {type(error).__name__}: {str(error)[:600]}"))
    return results


def main():
    command = str(Path(sys.argv[1]).resolve() / "mlpconv")
    parity = Path(__file__).resolve().parents[2] / "Fixtures" / "parity"

    def mlpconv(*arguments):
        done = subprocess.run([command, *map(str, arguments)], capture_output=True, text=True, timeout=300)
        return done.returncode, None, done.stderr.strip()

    with tempfile.TemporaryDirectory() as folder:
        results = run(mlpconv, parity, Path(folder))
    failed = [(label, why) for label, why in results if why]
    for label, why in failed:
        print(f"FAILED  {label}: {why}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
