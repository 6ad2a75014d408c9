"""Activations on arrays are Keras'; its values are stored by make_activations_figures.py."""

from __future__ import annotations

import copy
import json
import pickle
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw

KERAS = Path(__file__).parents[1] / "keras"
SCRIPT = runpy.run_path(str(KERAS / "make_activations_figures.py"))
CASES: list[tuple[str, dict[str, Any]]] = SCRIPT["CASES"]
STORED = json.loads((KERAS / "figures" / "activations.json").read_text(encoding="utf-8"))
GRID: np.ndarray = SCRIPT["grid"]()


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_function_has_the_values_of_keras(name: str, options: dict[str, Any]) -> None:
    function = getattr(gw.activations, name)
    expected = np.array(STORED[f"{name} {options}"])
    found = function(GRID, **options)
    assert found.dtype == np.float32
    # Both compute in float32; a value of 1 has the precision 6e-8, and a few roundings follow.
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    in_float64 = function(GRID.astype(np.float64), **options)
    assert in_float64.dtype == np.float64
    np.testing.assert_allclose(in_float64, expected, rtol=1e-6, atol=1e-6)


def test_probabilities_of_sparsemax_are_the_nearest_to_x() -> None:
    """Keras adds up the sums of all kept values, so that its rows do not sum to 1."""
    x = GRID.astype(np.float64)
    found = gw.activations.sparsemax(x)
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-12)  # 8 numbers in float64
    assert 1 < (found[0] > 0).sum() < 8
    for row, probabilities in zip(x, found, strict=True):
        kept = probabilities > 0
        threshold = (row - probabilities)[kept]
        np.testing.assert_allclose(threshold, threshold[0], rtol=1e-12, atol=1e-12)
        assert (row[~kept] <= threshold[0] + 1e-12).all()


def test_every_activation_of_keras_is_compared() -> None:
    names = json.loads((KERAS / "figures" / "names.json").read_text(encoding="utf-8"))["names"]
    functions = set(names["activations"]) - {"get", "serialize", "deserialize"}
    assert functions == {name for name, _ in CASES} <= set(dir(gw.activations))


@pytest.mark.parametrize("name", gw.activations.names())
def test_a_layer_computes_the_function_of_its_name(name: str) -> None:
    function = getattr(gw.activations, name)
    layer = gw.layers.Activation(function)
    # The core approximates exponentials to 2 ulp, and so the functions made of them.
    np.testing.assert_allclose(layer(GRID), function(GRID), rtol=1e-6, atol=1e-6)


def test_values_are_finite_where_a_power_would_overflow() -> None:
    x = np.array([-1000.0, 1000.0], np.float32)
    with np.errstate(over="raise", invalid="raise"):
        for name in set(gw.activations.names()) - {"exponential"}:
            assert np.isfinite(getattr(gw.activations, name)(x)).all(), name
        for name in ("celu", "mish", "log_sigmoid", "log_softmax", "sparsemax"):
            assert np.isfinite(getattr(gw.activations, name)(x)).all(), name


def test_lists_and_integers_become_float32() -> None:
    assert gw.activations.relu([-1, 2]).dtype == np.float32
    assert gw.activations.sigmoid(np.arange(3)).dtype == np.float32
    assert gw.activations.gelu(np.ones(2, np.float16)).dtype == np.float16


@pytest.mark.parametrize("name", gw.activations.names())
def test_a_layer_takes_the_function_as_it_takes_the_name(name: str) -> None:
    function = getattr(gw.activations, name)
    layer = gw.layers.Dense(2, activation=function)
    assert layer.get_config()["activation"] == name
    assert json.dumps(layer.get_config()["activation"]) == f'"{name}"'
    assert gw.layers.Dense.from_config(layer.get_config()).activation == name


def test_layers_with_a_function_are_saved_and_copied(tmp_path: Path) -> None:
    function = gw.activations.swish
    model = gw.Sequential(
        [
            gw.Input((4,)),
            gw.layers.Dense(3, activation=function),
            gw.SparseExpertLayer(4, num_experts=3, activation=gw.activations.relu),
            gw.layers.Activation(gw.activations.softmax),
        ]
    )
    x = np.ones((2, 4), np.float32)
    model.save(tmp_path / "model.gatewise")
    for other in (
        gw.load_model(tmp_path / "model.gatewise"),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ):
        np.testing.assert_array_equal(model.predict(x, verbose=0), other.predict(x, verbose=0))
        assert other.layers[0].activation == "silu"


def test_a_name_can_be_called() -> None:
    found = gw.activations.get("swish")
    assert found == "silu" and isinstance(found, str)
    np.testing.assert_array_equal(found(GRID), gw.activations.silu(GRID))
    assert pickle.loads(pickle.dumps(found))([0.0]).tolist() == [0.0]


def test_the_activation_of_a_layer_has_the_name_of_a_function() -> None:
    assert gw.layers.Dense(2, activation="swish").activation.__name__ == "silu"
    assert gw.activations.get(None).__name__ == "linear"


def test_functions_are_serialized_by_their_names() -> None:
    for name in dir(gw.activations):
        if name in ("get", "names", "serialize", "deserialize"):
            continue
        function = getattr(gw.activations, name)
        stored = gw.activations.serialize(function)
        assert stored == name.replace("swish", "silu")
        assert gw.activations.deserialize(stored) is function
        if name not in NOT_IN_LAYERS:
            assert gw.activations.get(function) == {"celu": "elu"}.get(stored, stored)
    assert gw.activations.serialize(gw.activations.get("swish")) == "silu"


NOT_IN_LAYERS = ["glu", "log_softmax", "sparsemax", "threshold"]


@pytest.mark.parametrize("name", NOT_IN_LAYERS)
def test_functions_that_layers_do_not_compute_are_refused(name: str) -> None:
    hint = f"got '{name}', which layers do not compute; gw.activations.{name} takes arrays"
    for given in (name, getattr(gw.activations, name)):
        with pytest.raises(ValueError, match=re.escape(hint)):
            gw.layers.Dense(2, activation=given)
        with pytest.raises(ValueError, match=re.escape(hint)):
            gw.SparseExpertLayer(2, activation=given)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gw.activations.get("rellu"), "got 'rellu'"),
        (lambda: gw.layers.Dense(2, activation=np.tanh), "expected one of the names linear"),
        (lambda: gw.activations.serialize(np.tanh), "expected a function of gw.activations"),
        (lambda: gw.activations.deserialize("rellu"), "config: expected one of"),
        (
            lambda: gw.activations.deserialize("relu", {"a": 1}),  # type: ignore[arg-type]
            "deserialize: custom_objects is not supported",
        ),
        (
            lambda: gw.activations.glu(np.ones((2, 3))),
            "x: expected an even size of axis -1, got shape (2, 3)",
        ),
    ],
)
def test_wrong_arguments_are_refused(call: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        call()
