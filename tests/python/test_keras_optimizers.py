"""Optimizers and schedules agree with stored results of Keras on the same weights, data and order.

`tests/keras/make_optimizers_figures.py` computes them in float64.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw

STORED = json.loads((Path(__file__).parents[1] / "keras/figures/optimizers.json").read_text())
CASES = STORED["cases"]
X, Y = (np.array(STORED[name], np.float32) for name in "xy")
BATCH = STORED["batch"]
# 20 steps of float32 round values below 2 by 6e-8 each time; small gradients are divided by their
# own size, which multiplies their rounding.
TOLERANCE = 2e-6


def compiled(case: dict[str, Any]) -> gw.Sequential:
    model = gw.Sequential([gw.Input((3,)), gw.layers.Dense(4, "tanh"), gw.layers.Dense(2)])
    model.set_weights([np.array(each, np.float32) for each in STORED["weights"]])
    optimizer = gw.optimizers.get(
        {"class_name": case["class_name"], "config": dict(case["arguments"])}
    )
    model.compile(optimizer, "mse")
    return model


def trained(case: dict[str, Any]) -> gw.Sequential:
    model = compiled(case)
    for begin in range(0, len(X), BATCH):
        model.train_on_batch(X[begin : begin + BATCH], Y[begin : begin + BATCH])
    return model


def flat(weights: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([each.reshape(-1) for each in weights])


@pytest.mark.parametrize("name", CASES)
def test_weights_after_20_steps_are_those_of_keras(name: str) -> None:
    case = CASES[name]
    model = trained(case)
    begin = flat([np.array(each) for each in STORED["weights"]])
    expected = np.array(case["weights"])
    assert np.abs(expected - begin).max() > 1e-2
    np.testing.assert_allclose(flat(model.get_weights()), expected, rtol=0, atol=TOLERANCE)
    assert model.optimizer.iterations == case["iterations"]
    assert model.optimizer.learning_rate == pytest.approx(case["learning_rate"], rel=1e-8)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "averages" in case])
def test_averages_are_those_of_keras_and_become_the_weights_after_fit(name: str) -> None:
    case = CASES[name]
    model = trained(case)
    before = model.get_weights()
    model.optimizer.swap_ema_weights()
    averages = flat(model.get_weights())
    np.testing.assert_allclose(averages, case["averages"], rtol=0, atol=TOLERANCE)
    model.optimizer.swap_ema_weights()
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    model = compiled(case)
    rows = len(X) // STORED["epochs"]
    model.fit(X[:rows], Y[:rows], BATCH, epochs=STORED["epochs"], shuffle=False, verbose=0)
    got = flat(model.get_weights())
    np.testing.assert_allclose(got, case["after_fit"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("kind", STORED["signatures"])
def test_arguments_and_their_defaults_are_those_of_keras(kind: str) -> None:
    parameters = inspect.signature(getattr(gw.optimizers, kind)).parameters.values()
    own = {
        each.name: each.default
        for each in parameters
        if each.kind != each.VAR_KEYWORD and each.name != "dense_updates"
    }
    keras = STORED["signatures"][kind] | {"name": own["name"]}  # Keras makes one for None
    assert list(own.items()) == list(keras.items())


@pytest.mark.parametrize("kind", STORED["signatures"])
def test_a_configuration_of_keras_is_accepted_and_names_do_not_depend_on_case(kind: str) -> None:
    optimizer = gw.optimizers.get(kind)
    assert type(optimizer) is type(gw.optimizers.get(kind.upper())) is getattr(gw.optimizers, kind)
    assert STORED["signatures"][kind].keys() <= optimizer.get_config().keys()
    restored = gw.optimizers.deserialize(
        {"class_name": kind.upper(), "config": STORED["signatures"][kind]}
    )
    assert restored.get_config() == optimizer.get_config() | {"name": restored.name}


@pytest.mark.parametrize("at", range(len(STORED["schedules"])))
def test_schedules_have_the_rates_of_keras(at: int) -> None:
    stored = STORED["schedules"][at]
    schedule = getattr(gw.optimizers.schedules, stored["class_name"])(**stored["config"])
    found = [schedule(step) for step in range(len(stored["rates"]))]
    # 9 digits are stored.
    np.testing.assert_allclose(found, stored["rates"], rtol=1e-8, atol=1e-12)
