"""`clone_model`: which layers a clone has, and what it shares with its model."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.models import clone_model
from training_models import make_data, make_expert_model, make_model

KERAS = Path(__file__).parents[1] / "keras"
sys.path.insert(0, str(KERAS))
import clone_cases as cases  # noqa: E402

sys.path.remove(str(KERAS))
STORED = json.loads((KERAS / "figures" / "utils.json").read_text(encoding="utf-8"))


def test_clones_have_the_layers_that_those_of_keras_have() -> None:
    for found, expected in zip(cases.clones(gw), STORED["clones"], strict=True):
        assert found == expected


def test_a_clone_has_weights_of_its_own() -> None:
    for model in (make_model(), cases.graph(gw), make_expert_model()):
        clone = clone_model(model)
        assert type(clone) is type(model)
        own = {id(layer) for layer in model.layers}
        assert own.isdisjoint(map(id, clone.layers))
        kernels = [each.get_weights()[0] for each in (model, clone)]
        assert kernels[0].shape == kernels[1].shape
        assert not np.array_equal(*kernels)


def test_a_clone_trains_and_leaves_its_model_alone() -> None:
    x, y = make_data()
    model = make_model()
    before = model.get_weights()
    clone = clone_model(model)
    clone.set_weights(before)
    clone.fit(x, y, epochs=2, shuffle=False, verbose=0)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    model.fit(x, y, epochs=2, shuffle=False, verbose=0)
    for ours, theirs in zip(model.get_weights(), clone.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_clone_function_may_return_the_same_layers() -> None:
    model = cases.graph(gw)
    clone = clone_model(model, clone_function=lambda layer: layer)
    rows = [np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)]
    np.testing.assert_array_equal(model.predict(rows, verbose=0), clone.predict(rows, verbose=0))
    assert clone.get_layer("shared") is model.get_layer("shared")


def test_a_clone_begins_at_the_inputs_that_are_given() -> None:
    start = gw.Input((3,), name="start")
    code = gw.layers.Dense(3)(start)
    clone = clone_model(cases.graph(gw), input_tensors=[code, gw.Input((3,))])
    assert clone.inputs[0] is code
    whole = gw.Model([start, clone.inputs[1]], clone.outputs)
    assert whole.output_shape == (None, 2)


def test_a_model_that_is_not_built_or_compiled_is_cloned_as_it_is() -> None:
    model = gw.Sequential([gw.layers.Dense(3), gw.layers.Dense(2)])
    for clone in (clone_model(model), clone_model(model, clone_function=lambda layer: layer)):
        assert not clone.built
        assert [layer.units for layer in clone.layers] == [3, 2]
    with pytest.raises(ValueError, match="expected a compiled model"):
        clone_model(make_model(compile=False)).fit(*make_data())


class Wide(gw.Sequential):
    """A class of the user's with a constructor of its own."""

    def __init__(self, units: int) -> None:
        super().__init__([gw.Input((6,)), gw.layers.Dense(units)])


def test_a_class_with_its_own_constructor_is_cloned_by_its_arguments() -> None:
    clone = clone_model(Wide(5))
    assert isinstance(clone, Wide)
    assert clone.output_shape == (None, 5)
    message = "expected None for a class with a constructor of its own, got some for Wide"
    with pytest.raises(ValueError, match=message):
        clone_model(Wide(5), clone_function=lambda layer: layer)


def test_inputs_of_a_clone_have_the_type_of_the_models() -> None:
    ids = gw.Input((3,), dtype="int32")
    model = gw.Model(ids, gw.layers.Embedding(5, 2)(ids))
    clone = clone_model(model, clone_function=lambda layer: layer)
    assert clone.inputs[0].dtype == "int32"
    assert clone_model(gw.Sequential([ids, gw.layers.Embedding(5, 2)])).inputs[0].dtype == "int32"


def test_models_of_the_package_are_cloned() -> None:
    experts = gw.SparseExpertModel(4, 6, 3, k=2)
    assert isinstance(clone_model(experts), gw.SparseExpertModel)
    assert type(clone_model(experts, clone_function=lambda layer: layer)) is gw.Sequential
    sae = gw.SparseAutoencoder(8, activation=gw.TopK(2))
    sae.build((None, 6))
    assert clone_model(sae).count_params() == sae.count_params()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: clone_model(3), "model: expected a model, got int"),
        (
            lambda: clone_model(make_model(), clone_function=3),
            "clone_function: expected a function, got int",
        ),
        (
            lambda: clone_model(make_model(), clone_function=lambda layer: 3),
            "clone_function: expected a layer, got int",
        ),
        (
            lambda: clone_model(cases.graph(gw), call_function=lambda layer, x: 3),
            "call_function: expected a symbol, got int",
        ),
        (
            lambda: clone_model(make_model(), call_function=lambda layer, x: layer(x)),
            "call_function: expected None for a Sequential, whose layers are a list",
        ),
        (
            lambda: clone_model(cases.graph(gw), input_tensors=gw.Input((3,))),
            "input_tensors: expected 2, got 1",
        ),
        (
            lambda: clone_model(make_model(), input_tensors=np.ones((2, 6))),
            "input_tensors: expected symbols, got ndarray",
        ),
        (
            lambda: clone_model(make_model(), input_tensors=gw.layers.Dense(6)(gw.Input((3,)))),
            "input_tensors: expected a gw.Input for a Sequential",
        ),
        (lambda: clone_model(make_model(), recursive=1), "recursive: expected True or False"),
    ],
)
def test_wrong_arguments_are_refused(call: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        call()
