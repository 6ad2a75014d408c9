"""Writes figures/losses.json: losses of Keras on fixed arrays, and histories of short trainings.

Needs Keras 3 with any backend: `KERAS_BACKEND=torch python tests/keras/make_losses_figures.py`.
`tests/python/test_keras_losses.py` reads the file.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np

FIGURES = Path(__file__).parent / "figures" / "losses.json"
ROWS, UNITS, FEATURES, HIDDEN = 22, 4, 3, 5
BATCH, EPOCHS = 8, 3
RATES = {"MeanAbsolutePercentageError": 1e-4}  # of SGD; 0.05 for the others
REDUCTIONS = ("none", "sum_over_batch_size", "sum", "mean", "mean_with_sample_weight")

# Class, settings, targets, predictions on arrays, and last activation in training.
CASES = [
    ("MeanSquaredError", {}, "values", "outputs", "linear"),
    ("MeanAbsoluteError", {}, "values", "outputs", "linear"),
    ("MeanAbsolutePercentageError", {}, "values", "outputs", "linear"),
    ("MeanSquaredLogarithmicError", {}, "counts", "outputs", "softplus"),
    ("Huber", {}, "values", "outputs", "linear"),
    ("Huber", {"delta": 0.4}, "values", "outputs", "linear"),
    ("LogCosh", {}, "values", "outputs", "linear"),
    ("CosineSimilarity", {}, "values", "outputs", "linear"),
    ("Poisson", {}, "counts", "probabilities", "softplus"),
    ("Hinge", {}, "binary", "outputs", "linear"),
    ("Hinge", {}, "signs", "outputs", "tanh"),
    ("SquaredHinge", {}, "binary", "outputs", "linear"),
    ("SquaredHinge", {}, "signs", "outputs", "linear"),
    ("CategoricalHinge", {}, "one_hot", "outputs", "linear"),
    ("KLDivergence", {}, "distributions", "normalized", "softmax"),
    ("BinaryCrossentropy", {}, "binary", "probabilities", "sigmoid"),
    (
        "BinaryCrossentropy",
        {"from_logits": True, "label_smoothing": 0.2},
        *("binary", "outputs", "linear"),
    ),
    ("BinaryFocalCrossentropy", {}, "binary", "probabilities", "sigmoid"),
    (
        "BinaryFocalCrossentropy",
        {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5, "label_smoothing": 0.1},
        *("binary", "probabilities", "sigmoid"),
    ),
    (
        "BinaryFocalCrossentropy",
        {"from_logits": True, "gamma": 3.0},
        *("binary", "outputs", "linear"),
    ),
    ("CategoricalCrossentropy", {}, "one_hot", "normalized", "softmax"),
    (
        "CategoricalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        *("one_hot", "outputs", "linear"),
    ),
    ("CategoricalFocalCrossentropy", {}, "one_hot", "normalized", "softmax"),
    (
        "CategoricalFocalCrossentropy",
        {"alpha": [0.1, 0.2, 0.3, 0.4], "gamma": 0.5, "label_smoothing": 0.1},
        *("one_hot", "probabilities", "softmax"),
    ),
    (
        "CategoricalFocalCrossentropy",
        {"from_logits": True, "alpha": 0.5},
        *("one_hot", "outputs", "linear"),
    ),
    ("SparseCategoricalCrossentropy", {}, "labels", "normalized", "softmax"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "labels", "outputs", "linear"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, "labels", "normalized", "softmax"),
    (
        "SparseCategoricalCrossentropy",
        {"ignore_class": -1, "from_logits": True},
        *("labels_with_none", "outputs", "linear"),
    ),
]
# Losses of each family are trained with every reduction.
REDUCED = [
    ("MeanSquaredError", {}, "values", "linear"),
    ("SparseCategoricalCrossentropy", {}, "labels", "softmax"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, "labels", "softmax"),
]


def make_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    labels = rng.integers(0, UNITS, ROWS)
    arrays = {
        "values": rng.normal(size=(ROWS, UNITS)),
        "counts": rng.poisson(2.0, (ROWS, UNITS)),
        "binary": rng.integers(0, 2, (ROWS, UNITS)),
        "distributions": rng.dirichlet(np.ones(UNITS), ROWS),
        "outputs": rng.normal(size=(ROWS, UNITS)),
        "probabilities": rng.uniform(size=(ROWS, UNITS)),
        "normalized": rng.dirichlet(np.ones(UNITS), ROWS),
        "weights": rng.uniform(0.0, 2.0, ROWS),
        "x": rng.normal(size=(ROWS, FEATURES)),
        "kernel_0": rng.normal(size=(FEATURES, HIDDEN)) / 2,
        "bias_0": rng.normal(size=HIDDEN) / 4,
        "kernel_1": rng.normal(size=(HIDDEN, UNITS)) / 2,
        "bias_1": rng.normal(size=UNITS) / 4,
    }
    arrays["signs"] = 2 * arrays["binary"] - 1
    arrays["one_hot"] = np.eye(UNITS)[labels]
    arrays["weights"][[3, 10]] = 0
    arrays = {name: each.astype(np.float32) for name, each in arrays.items()}
    arrays["labels"] = labels.astype(np.int32)
    arrays["labels_with_none"] = np.where(np.arange(ROWS) % 5 == 1, -1, labels).astype(np.int32)
    return arrays


def plain(value) -> object:
    """JSON with the shortest decimals that restore each float32."""
    array = np.asarray(value)
    if array.dtype.kind == "f":
        if array.ndim:
            return [plain(each) for each in array]
        return float(str(np.float32(array)))
    return array.tolist()


def values_of(arrays) -> list[dict]:
    results = []
    for name, settings, targets, outputs, _ in CASES:
        y_true, y_pred = arrays[targets], arrays[outputs]
        figures = {}
        for reduction in REDUCTIONS:
            loss = getattr(keras.losses, name)(reduction=reduction, **settings)
            for key, weights in (("", None), ("weighted ", arrays["weights"])):
                value = keras.ops.convert_to_numpy(loss(y_true, y_pred, sample_weight=weights))
                figures[key + reduction] = plain(value)
        case = {"loss": name, "settings": settings, "y_true": targets, "y_pred": outputs}
        results.append({**case, "figures": figures})
    return results


def train(arrays, name, settings, targets, activation, weighted) -> dict:
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(HIDDEN, activation="tanh"),
            keras.layers.Dense(UNITS, activation=activation),
        ]
    )
    model.set_weights([arrays[f"{kind}_{at}"] for at in (0, 1) for kind in ("kernel", "bias")])
    loss = getattr(keras.losses, name)(**settings)
    rate = RATES.get(name, 0.05)
    model.compile(keras.optimizers.SGD(rate), loss)
    weights = arrays["weights"] if weighted else None
    history = model.fit(
        arrays["x"],
        arrays[targets],
        batch_size=BATCH,
        epochs=EPOCHS,
        shuffle=False,
        sample_weight=weights,
        verbose=0,
    )
    tested = model.evaluate(
        arrays["x"], arrays[targets], batch_size=BATCH, sample_weight=weights, verbose=0
    )
    return {
        "loss": name,
        "settings": settings,
        "y_true": targets,
        "activation": activation,
        "weighted": weighted,
        "rate": rate,
        "history": plain(history.history["loss"]),
        "tested": plain(tested),
        "kernel": plain(model.get_weights()[2]),
    }


def trainings_of(arrays) -> list[dict]:
    chosen = [(name, settings, y, last) for name, settings, y, _, last in CASES]
    for name, settings, y, last in REDUCED:
        chosen += [(name, {**settings, "reduction": each}, y, last) for each in REDUCTIONS[1:]]
    return [train(arrays, *case, weighted) for case in chosen for weighted in (False, True)]


def main() -> None:
    arrays = make_arrays()
    content = {
        "keras": keras.__version__,
        "batch": BATCH,
        "epochs": EPOCHS,
        "arrays": {name: plain(each) for name, each in arrays.items()},
        "values": values_of(arrays),
        "trainings": trainings_of(arrays),
    }
    FIGURES.parent.mkdir(exist_ok=True)
    lines = [f'"keras": "{content.pop("keras")}"']
    for key in ("batch", "epochs"):
        lines.append(f'"{key}": {content.pop(key)}')
    pairs = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in content["arrays"].items())
    lines.append(f'"arrays": {{\n{pairs}\n}}')
    for key in ("values", "trainings"):
        items = ",\n".join(json.dumps(each) for each in content[key])
        lines.append(f'"{key}": [\n{items}\n]')
    FIGURES.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
