"""Metrics give the values of Keras, on arrays and in short trainings (tests/keras)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw

STORED = json.loads((Path(__file__).parents[1] / "keras" / "figures" / "metrics.json").read_text())
ARRAYS = {
    name: np.array(values, np.int32 if name == "labels" else np.float32)
    for name, values in STORED["arrays"].items()
}
ROWS = len(ARRAYS["x"])
ENDS = (11, ROWS)  # of the batches that the stored values are of


def name_of(case: dict[str, Any]) -> str:
    settings = "-".join(f"{key}={value}" for key, value in case["settings"].items())
    return f"{case['metric']}-{case['y_true']}-{settings}"


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", STORED["values"], ids=name_of)
def test_a_metric_of_arrays_has_the_values_of_keras(case: dict[str, Any], weighted: bool) -> None:
    metric = getattr(gw.metrics, case["metric"])(**case["settings"])
    first, found = 0, []
    for stop in (*ENDS, None):
        if stop is None:
            metric.reset_state()
            first, stop = ENDS
        given = [ARRAYS[name][first:stop] for name in (case["y_true"], case["y_pred"]) if name]
        weights = ARRAYS["weights"][first:stop] if weighted else None
        found.append(metric(*given, sample_weight=weights))
        first = stop
    # Keras adds float32, this package float64; differences of sums may miss 0 by some 1e-6.
    for one, other in zip(found, case["figures"][weighted], strict=True):
        np.testing.assert_allclose(one, other, rtol=5e-6, atol=5e-6)


def make_metric(described: Any) -> Any:
    if isinstance(described, str):
        return described if described[0].islower() else getattr(gw.metrics, described)()
    kind, settings = described
    return getattr(gw.metrics, kind)(**settings)


def check_logs(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """The names in any order, and the values: sums of float32 in other orders."""
    assert sorted(found) == sorted(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=2e-5, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("case", STORED["trainings"], ids=lambda case: case["y_true"])
def test_metrics_of_a_training_have_the_values_of_keras(case: dict[str, Any]) -> None:
    x, y = ARRAYS["x"], ARRAYS[case["y_true"]]
    units = 1 if case["y_true"] == "flags" else ARRAYS["kernel"].shape[1]
    model = gw.Sequential(
        [gw.Input((x.shape[1],)), gw.layers.Dense(units, activation=case["activation"])]
    )
    model.set_weights([ARRAYS["kernel"][:, :units], ARRAYS["bias"][:units]])
    model.compile(
        gw.optimizers.SGD(0.1),
        case["loss"],
        metrics=[make_metric(each) for each in case["metrics"]],
        weighted_metrics=[make_metric(each) for each in case["metrics"]],
    )
    weights, kept = ARRAYS["weights"], ROWS - 6
    classes = case["class_weight"] and {int(k): each for k, each in case["class_weight"].items()}
    history = model.fit(
        x[:kept],
        y[:kept],
        batch_size=STORED["batch"],
        epochs=STORED["epochs"],
        shuffle=False,
        sample_weight=None if classes else weights[:kept],
        class_weight=classes,
        validation_data=(x[kept:], y[kept:], weights[kept:]),
        verbose=0,
    )
    check_logs(history.history, case["history"])
    tested = model.evaluate(x, y, batch_size=STORED["batch"], verbose=0, return_dict=True)
    check_logs(tested, case["tested"])


def test_metrics_of_two_outputs_have_the_values_of_keras() -> None:
    x = gw.Input((ARRAYS["x"].shape[1],))
    kernel, bias = ARRAYS["kernel"], ARRAYS["bias"]
    outputs = [
        gw.layers.Dense(kernel.shape[1], activation="softmax", name="a")(x),
        gw.layers.Dense(1, activation="sigmoid", name="b")(x),
    ]
    model = gw.Model(x, outputs)
    model.set_weights([kernel, bias, kernel[:, :1], bias[:1]])
    model.compile(
        gw.optimizers.SGD(0.1),
        ["categorical_crossentropy", "binary_crossentropy"],
        metrics=[["accuracy"], ["accuracy", gw.metrics.AUC()]],
        weighted_metrics={"a": [gw.metrics.F1Score(average="macro")], "b": ["accuracy"]},
    )
    history = model.fit(
        ARRAYS["x"],
        [ARRAYS["one_hot"], ARRAYS["flags"]],
        batch_size=STORED["batch"],
        epochs=STORED["epochs"],
        shuffle=False,
        sample_weight=[ARRAYS["weights"], ARRAYS["weights"][::-1]],
        verbose=0,
    )
    check_logs(history.history, STORED["two_outputs"])
