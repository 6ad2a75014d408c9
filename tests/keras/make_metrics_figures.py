"""Writes figures/metrics.json: metrics of Keras on fixed arrays, and in short trainings.

Needs Keras 3 with any backend: `KERAS_BACKEND=torch python tests/keras/make_metrics_figures.py`.
`tests/python/test_keras_metrics.py` reads the file.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
from make_losses_figures import plain

FIGURES = Path(__file__).parent / "figures" / "metrics.json"
ROWS, UNITS, FEATURES = 26, 4, 3
BATCHES = (11, ROWS)  # ends of the batches that metrics are updated with
BATCH, EPOCHS = 8, 2

# Class, settings, targets and predictions on arrays.
CASES = [
    ("Mean", {}, None, "outputs"),
    ("Sum", {}, None, "outputs"),
    ("Mean", {}, None, "column"),
    ("Accuracy", {}, "binary", "rounded"),
    ("BinaryAccuracy", {}, "binary", "probabilities"),
    ("BinaryAccuracy", {"threshold": 0.7}, "flags", "column"),
    ("CategoricalAccuracy", {}, "one_hot", "normalized"),
    ("SparseCategoricalAccuracy", {}, "labels", "normalized"),
    ("TopKCategoricalAccuracy", {"k": 2}, "one_hot", "outputs"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "labels", "outputs"),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, "labels", "ids"),
    ("MeanSquaredError", {}, "values", "outputs"),
    ("MeanAbsoluteError", {}, "values", "outputs"),
    ("MeanAbsolutePercentageError", {}, "values", "outputs"),
    ("MeanSquaredLogarithmicError", {}, "counts", "outputs"),
    ("RootMeanSquaredError", {}, "values", "outputs"),
    ("CosineSimilarity", {}, "values", "outputs"),
    ("LogCoshError", {}, "values", "outputs"),
    ("R2Score", {}, "values", "outputs"),
    ("R2Score", {"class_aggregation": None}, "values", "outputs"),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, "values", "outputs"),
    ("R2Score", {"num_regressors": 3}, "values", "outputs"),
    ("Hinge", {}, "binary", "outputs"),
    ("SquaredHinge", {}, "signs", "outputs"),
    ("CategoricalHinge", {}, "one_hot", "outputs"),
    ("KLDivergence", {}, "distributions", "normalized"),
    ("Poisson", {}, "counts", "probabilities"),
    ("BinaryCrossentropy", {}, "binary", "probabilities"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, "binary", "outputs"),
    ("CategoricalCrossentropy", {}, "one_hot", "normalized"),
    (
        "CategoricalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.2},
        *("one_hot", "outputs"),
    ),
    ("SparseCategoricalCrossentropy", {}, "labels", "normalized"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, "labels", "normalized"),
    *(
        (name, {}, "binary", "probabilities")
        for name in ("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives")
    ),
    ("TruePositives", {"thresholds": [0.7, 0.2]}, "binary", "probabilities"),
    ("FalseNegatives", {"thresholds": [0.0, 0.5, 1.0]}, "binary", "probabilities"),
    *(
        (name, settings, targets, outputs)
        for name in ("Precision", "Recall")
        for settings, targets, outputs in (
            ({}, "binary", "probabilities"),
            ({}, "flags", "column"),
            ({"thresholds": 0.3}, "binary", "probabilities"),
            ({"thresholds": [0.2, 0.9, 0.5]}, "binary", "probabilities"),
            ({"top_k": 2}, "binary", "outputs"),
            ({"class_id": 1}, "one_hot", "normalized"),
            ({"top_k": 1, "class_id": 3}, "one_hot", "normalized"),
        )
    ),
    *(
        ("AUC", {"curve": curve, "summation_method": method}, "binary", "probabilities")
        for curve in ("ROC", "PR", "PRGAIN")
        for method in ("interpolation", "minoring", "majoring")
    ),
    ("AUC", {}, "flags", "column"),
    ("AUC", {"num_thresholds": 5}, "binary", "probabilities"),
    ("AUC", {"thresholds": [0.15, 0.9, 0.4]}, "binary", "probabilities"),
    ("AUC", {"thresholds": [0.25, 0.5, 0.75], "curve": "PR"}, "binary", "probabilities"),
    ("AUC", {"from_logits": True}, "binary", "outputs"),
    ("AUC", {"multi_label": True}, "binary", "probabilities"),
    ("AUC", {"multi_label": True, "num_labels": UNITS, "curve": "PR"}, "binary", "probabilities"),
    ("AUC", {"multi_label": True, "thresholds": [0.15, 0.4]}, "binary", "probabilities"),
    (
        "AUC",
        {"multi_label": True, "label_weights": [1.0, 2.0, 0.0, 3.0]},
        *("binary", "probabilities"),
    ),
    ("AUC", {"label_weights": [1.0, 2.0, 0.0, 3.0]}, "binary", "probabilities"),
    *(
        (name, settings, targets, outputs)
        for name in ("F1Score", "FBetaScore")
        for settings, targets, outputs in (
            ({}, "one_hot", "normalized"),
            ({"average": "micro"}, "one_hot", "normalized"),
            ({"average": "macro"}, "one_hot", "normalized"),
            ({"average": "weighted"}, "one_hot", "normalized"),
            ({"threshold": 0.4}, "binary", "probabilities"),
        )
    ),
    ("FBetaScore", {"beta": 2.0, "average": "macro"}, "one_hot", "normalized"),
    *(
        (name, {limited: value, **settings}, targets, outputs)
        for name, limited in (
            ("SensitivityAtSpecificity", "specificity"),
            ("SpecificityAtSensitivity", "sensitivity"),
            ("PrecisionAtRecall", "recall"),
            ("RecallAtPrecision", "precision"),
        )
        for value, settings, targets, outputs in (
            (0.4, {}, "binary", "probabilities"),
            (0.7, {}, "flags", "column"),
            (1.0, {}, "flags", "column"),
            (0.3, {"class_id": 1}, "one_hot", "normalized"),
            (0.4, {"num_thresholds": 1}, "binary", "probabilities"),
            (0.4, {"num_thresholds": 2}, "binary", "outputs"),
            (0.6, {"num_thresholds": 7}, "binary", "probabilities"),
        )
    ),
    # With float32, since Keras truncates weights to integers otherwise.
    *(
        (name, {**settings, "dtype": "float32"}, targets, outputs)
        for name, settings, targets, outputs in (
            ("IoU", {"num_classes": UNITS, "target_class_ids": [2, 0]}, "labels", "guesses"),
            (
                "IoU",
                {"num_classes": UNITS, "target_class_ids": [1], "sparse_y_pred": False},
                *("labels", "normalized"),
            ),
            ("MeanIoU", {"num_classes": UNITS}, "labels", "guesses"),
            ("MeanIoU", {"num_classes": UNITS, "ignore_class": 1}, "labels", "guesses"),
            ("MeanIoU", {"num_classes": UNITS + 2}, "labels", "guesses"),
            ("BinaryIoU", {}, "flags", "column"),
            ("BinaryIoU", {"threshold": 0.3, "target_class_ids": [1]}, "flags", "column"),
            (
                "OneHotIoU",
                {"num_classes": UNITS, "target_class_ids": [0, 3]},
                *("one_hot", "normalized"),
            ),
            (
                "OneHotIoU",
                {"num_classes": UNITS, "target_class_ids": [0, 3], "sparse_y_pred": True},
                *("one_hot", "guesses"),
            ),
            ("OneHotMeanIoU", {"num_classes": UNITS}, "one_hot", "normalized"),
            (
                "OneHotMeanIoU",
                {"num_classes": UNITS, "ignore_class": 2},
                *("one_hot", "normalized"),
            ),
        )
    ),
    ("PearsonCorrelation", {}, "values", "outputs"),
    ("ConcordanceCorrelation", {}, "values", "outputs"),
    ("ConcordanceCorrelation", {}, "counts", "probabilities"),
]

# Models: target, loss, last activation, metrics, and whether classes are weighted. Each metric is
# plain and weighted.
TRAININGS = [
    (
        *("flags", "binary_crossentropy", "sigmoid"),
        [
            "accuracy",
            "mae",
            "AUC",
            "Precision",
            "Recall",
            ("AUC", {"name": "pr", "curve": "PR"}),
            ("F1Score", {"average": "micro", "threshold": 0.5}),
            ("BinaryAccuracy", {"threshold": 0.6, "name": "at_60"}),
            "BinaryCrossentropy",
            ("RecallAtPrecision", {"precision": 0.6, "name": "recall_at"}),
            ("SpecificityAtSensitivity", {"sensitivity": 0.6, "name": "specificity_at"}),
            ("BinaryIoU", {"name": "iou", "dtype": "float32"}),
        ],
        {0: 1.0, 1: 3.0},
    ),
    (
        *("one_hot", "categorical_crossentropy", "softmax"),
        [
            "accuracy",
            ("F1Score", {}),
            ("F1Score", {"average": "macro", "name": "f1_macro"}),
            ("Precision", {"class_id": 1}),
            ("TopKCategoricalAccuracy", {"k": 2}),
            ("AUC", {"multi_label": True}),
            "KLDivergence",
            ("OneHotMeanIoU", {"num_classes": UNITS, "name": "iou", "dtype": "float32"}),
        ],
        None,
    ),
    (
        *("labels", "sparse_categorical_crossentropy", "softmax"),
        [
            "accuracy",
            ("SparseTopKCategoricalAccuracy", {"k": 2}),
            "SparseCategoricalCrossentropy",
            (
                "MeanIoU",
                {"num_classes": UNITS, "sparse_y_pred": False, "name": "iou", "dtype": "float32"},
            ),
        ],
        {0: 0.5, 2: 2.0},
    ),
    (
        *("values", "mse", "linear"),
        [
            *("R2Score", "RootMeanSquaredError", "CosineSimilarity", "LogCoshError"),
            *("mape", "mse", "PearsonCorrelation", "ConcordanceCorrelation"),
        ],
        None,
    ),
    ("signs", "hinge", "tanh", ["Hinge", "SquaredHinge", "CategoricalHinge"], None),
]


def make_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)
    labels = rng.integers(0, UNITS, ROWS)
    binary = rng.integers(0, 2, (ROWS, UNITS))
    arrays = {
        "values": rng.normal(size=(ROWS, UNITS)),
        "counts": rng.poisson(2.0, (ROWS, UNITS)),
        "binary": binary,
        "signs": 2 * binary - 1,
        "flags": binary[:, 0],
        "one_hot": np.eye(UNITS)[labels],
        "distributions": rng.dirichlet(np.ones(UNITS), ROWS),
        "outputs": rng.normal(size=(ROWS, UNITS)),
        "probabilities": rng.uniform(size=(ROWS, UNITS)),
        "normalized": rng.dirichlet(np.ones(UNITS), ROWS),
        "column": rng.uniform(size=ROWS),
        "rounded": rng.integers(0, 2, (ROWS, UNITS)),
        "ids": np.argsort(rng.uniform(size=(ROWS, UNITS)), axis=1),
        "weights": rng.uniform(0.0, 2.0, ROWS),
        "x": rng.normal(size=(ROWS, FEATURES)),
        "kernel": rng.normal(size=(FEATURES, UNITS)),
        "bias": rng.normal(size=UNITS) / 2,
        "guesses": rng.integers(-1, UNITS + 1, ROWS),  # of classes, some out of range
    }
    arrays["weights"][[3, 10, 20]] = 0
    arrays = {name: each.astype(np.float32) for name, each in arrays.items()}
    arrays["labels"] = labels.astype(np.int32)
    return arrays


def figures_of(metric, arrays, targets, outputs, weighted) -> list:
    """The result after each batch, and after a reset and the last one alone."""
    results, first = [], 0
    for stop in (*BATCHES, None):
        if stop is None:
            metric.reset_state()
            first, stop = BATCHES[0], ROWS
        given = [] if targets is None else [arrays[targets][first:stop]]
        weights = arrays["weights"][first:stop] if weighted else None
        metric.update_state(*given, arrays[outputs][first:stop], sample_weight=weights)
        results.append(plain(keras.ops.convert_to_numpy(metric.result())))
        first = stop
    return results


def values_of(arrays) -> list[dict]:
    results = []
    for name, settings, targets, outputs in CASES:
        figures = [
            figures_of(getattr(keras.metrics, name)(**settings), arrays, targets, outputs, weighted)
            for weighted in (False, True)
        ]
        case = {"metric": name, "settings": settings, "y_true": targets, "y_pred": outputs}
        results.append({**case, "figures": figures})
    return results


def make_metric(described):
    """A name in lower case as it is; a class otherwise, whose name counts no other instances."""
    if isinstance(described, str):
        if described[0].islower():
            return described
        described = (described, {})
    kind, settings = described
    names = {"AUC": "auc", "Precision": "precision", "Recall": "recall"}
    if kind in names:
        settings = {"name": names[kind], **settings}
    return getattr(keras.metrics, kind)(**settings)


def train(arrays, target, loss, activation, metrics, class_weight) -> dict:
    units = 1 if target == "flags" else UNITS
    y = arrays[target][:, np.newaxis] if units == 1 else arrays[target]
    model = keras.Sequential(
        [keras.Input((FEATURES,)), keras.layers.Dense(units, activation=activation)]
    )
    model.set_weights([arrays["kernel"][:, :units], arrays["bias"][:units]])
    model.compile(
        keras.optimizers.SGD(0.1),
        loss,
        metrics=[make_metric(each) for each in metrics],
        weighted_metrics=[make_metric(each) for each in metrics],
    )
    weights, kept = arrays["weights"], ROWS - 6
    history = model.fit(
        arrays["x"][:kept],
        y[:kept],
        batch_size=BATCH,
        epochs=EPOCHS,
        shuffle=False,
        sample_weight=None if class_weight else weights[:kept],
        class_weight=class_weight,
        validation_data=(arrays["x"][kept:], y[kept:], weights[kept:]),
        verbose=0,
    )
    tested = model.evaluate(arrays["x"], y, batch_size=BATCH, verbose=0, return_dict=True)
    return {
        "y_true": target,
        "loss": loss,
        "activation": activation,
        "metrics": metrics,
        "class_weight": class_weight,
        "history": {name: plain(np.array(each)) for name, each in history.history.items()},
        "tested": {name: plain(each) for name, each in tested.items()},
    }


def train_two_outputs(arrays) -> dict:
    x = keras.Input((FEATURES,))
    outputs = [
        keras.layers.Dense(UNITS, activation="softmax", name="a")(x),
        keras.layers.Dense(1, activation="sigmoid", name="b")(x),
    ]
    model = keras.Model(x, outputs)
    kernel, bias = arrays["kernel"], arrays["bias"]
    model.set_weights([kernel, bias, kernel[:, :1], bias[:1]])
    model.compile(
        keras.optimizers.SGD(0.1),
        ["categorical_crossentropy", "binary_crossentropy"],
        metrics=[["accuracy"], ["accuracy", make_metric("AUC")]],
        weighted_metrics=[[make_metric(("F1Score", {"average": "macro"}))], ["accuracy"]],
    )
    history = model.fit(
        arrays["x"],
        [arrays["one_hot"], arrays["flags"]],
        batch_size=BATCH,
        epochs=EPOCHS,
        shuffle=False,
        sample_weight=[arrays["weights"], arrays["weights"][::-1]],
        verbose=0,
    )
    return {name: plain(np.array(each)) for name, each in history.history.items()}


def main() -> None:
    arrays = make_arrays()
    pairs = [f"{json.dumps(k)}: {json.dumps(plain(v))}" for k, v in arrays.items()]
    values = [json.dumps(each) for each in values_of(arrays)]
    trainings = [json.dumps(train(arrays, *each)) for each in TRAININGS]
    sections = {
        "keras": json.dumps(keras.__version__),
        "batch": BATCH,
        "epochs": EPOCHS,
        "arrays": "{\n" + ",\n".join(pairs) + "\n}",
        "values": "[\n" + ",\n".join(values) + "\n]",
        "trainings": "[\n" + ",\n".join(trainings) + "\n]",
        "two_outputs": json.dumps(train_two_outputs(arrays)),
    }
    lines = ",\n".join(f'"{name}": {section}' for name, section in sections.items())
    FIGURES.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
