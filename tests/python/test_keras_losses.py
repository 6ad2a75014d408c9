"""Losses give the values of Keras, on arrays and in short trainings (tests/keras)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw

STORED = json.loads((Path(__file__).parents[1] / "keras" / "figures" / "losses.json").read_text())
ARRAYS = {
    name: np.array(values, np.int32 if name.startswith("labels") else np.float32)
    for name, values in STORED["arrays"].items()
}


def name_of(case: dict[str, Any]) -> str:
    settings = "-".join(f"{key}={value}" for key, value in case["settings"].items())
    return f"{case['loss']}-{case['y_true']}-{settings}"


@pytest.mark.parametrize("case", STORED["values"], ids=name_of)
def test_a_loss_of_arrays_has_the_values_of_keras(case: dict[str, Any]) -> None:
    y_true, y_pred = ARRAYS[case["y_true"]], ARRAYS[case["y_pred"]]
    for key, expected in case["figures"].items():
        weights = ARRAYS["weights"] if key.startswith("weighted ") else None
        reduction = key.removeprefix("weighted ")
        loss = getattr(gw.losses, case["loss"])(reduction=reduction, **case["settings"])
        found = loss(y_true, y_pred, sample_weight=weights)
        # Both in float32, whose logarithms and powers differ in the last digits.
        np.testing.assert_allclose(found, expected, rtol=3e-6, atol=1e-6, err_msg=key)
        assert found.dtype == np.float32
        assert np.ndim(found) == (1 if reduction == "none" else 0)


@pytest.mark.parametrize(
    "case", STORED["trainings"], ids=lambda case: f"{name_of(case)}-{case['weighted']}"
)
def test_a_training_has_the_losses_of_keras(case: dict[str, Any]) -> None:
    x, y = ARRAYS["x"], ARRAYS[case["y_true"]]
    units = ARRAYS["kernel_1"].shape[1]
    model = gw.Sequential(
        [
            gw.Input((x.shape[1],)),
            gw.layers.Dense(ARRAYS["kernel_0"].shape[1], activation="tanh"),
            gw.layers.Dense(units, activation=case["activation"]),
        ]
    )
    model.set_weights([ARRAYS[f"{kind}_{at}"] for at in (0, 1) for kind in ("kernel", "bias")])
    loss = getattr(gw.losses, case["loss"])(**case["settings"])
    model.compile(gw.optimizers.SGD(case["rate"]), loss)
    settings: dict[str, Any] = {"batch_size": STORED["batch"], "verbose": 0}
    settings["sample_weight"] = ARRAYS["weights"] if case["weighted"] else None
    history = model.fit(x, y, epochs=STORED["epochs"], shuffle=False, **settings)
    # Float32 sums in other orders over nine steps; a wrong gradient is off in the second digit.
    np.testing.assert_allclose(history.history["loss"], case["history"], rtol=2e-5)
    np.testing.assert_allclose(model.evaluate(x, y, **settings), case["tested"], rtol=2e-5)
    np.testing.assert_allclose(model.get_weights()[2], case["kernel"], rtol=2e-4, atol=2e-5)
