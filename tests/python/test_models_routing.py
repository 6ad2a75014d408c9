"""Routing and load of expert layers inside models, from what the model reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

import gatewise as gw

X = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)


def stack() -> gw.Sequential:
    return gw.Sequential(
        [
            gw.Input((6,)),
            gw.SparseExpertLayer(8, num_experts=5, k=2, name="first"),
            gw.layers.Dense(7, activation="relu"),
            gw.SparseExpertLayer(3, num_experts=4, k=1, name="second"),
        ]
    )


def test_a_layer_inside_a_model_is_routed_from_the_input() -> None:
    model = stack()
    first, dense, second = model.layers
    inner = dense(first(X))
    for layer, rows in (("first", X), (first, X), ("second", inner), (second, inner)):
        found = model.get_layer(layer) if isinstance(layer, str) else layer
        for got, expected in zip(model.routing(X, layer), found.routing(rows), strict=True):
            assert np.array_equal(got, expected)
        load = model.expert_load(X, layer=layer)
        assert np.array_equal(load.rows, found.expert_load(rows).rows)


def test_the_only_layer_need_not_be_named() -> None:
    source = gw.Input((6,))
    expert = gw.SparseExpertLayer(3, num_experts=4, k=2)
    model = gw.Model(source, gw.layers.Add()([expert(source), gw.layers.Dense(3)(source)]))
    assert np.array_equal(model.routing(X)[0], expert.routing(X)[0])
    sparse = csr_array(np.where(X > 0, X, 0))
    assert np.array_equal(model.routing(sparse)[0], expert.routing(sparse)[0])


def test_members_have_rows_of_their_own() -> None:
    model = gw.SparseExpertModel(4, 6, 2, k=2, expert=gw.experts.MLP(4), members=3, seed=1)
    indices, weights = model.routing(X)
    assert indices.shape == weights.shape == (90, 2)
    scales = model.layers[0].get_weights()[0]
    assert np.array_equal(indices[30:60], model.expert_layer.routing(X * scales[1])[0])


@pytest.mark.parametrize(
    ("make", "layer", "message"),
    [
        (stack, None, "layer: expected one of 'first', 'second', got None"),
        (stack, "third", "layer: expected one of 'first', 'second', got 'third'"),
        (
            lambda: gw.Sequential([gw.Input((6,)), gw.layers.Dense(2)]),
            None,
            "expected a model with a SparseExpertLayer",
        ),
        (
            lambda: gw.Sequential(
                [
                    gw.Input((6,)),
                    gw.layers.MemberDense(4, 2),
                    gw.SparseExpertLayer(3, num_experts=4, name="inner"),
                ]
            ),
            None,
            "expected layer 'inner' behind the input",
        ),
    ],
)
def test_other_layers_are_refused(make: Any, layer: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make().routing(X, layer)


@pytest.mark.parametrize("of_layer", [False, True])
def test_a_file_without_the_optimizer_is_smaller_and_trains_on(
    tmp_path: Path, of_layer: bool
) -> None:
    model: Any = gw.SparseExpertLayer(3, num_experts=4) if of_layer else stack()
    model.compile("adam", "mse")
    y = X[:, :3]
    model.fit(X, y, epochs=2, verbose=0)
    model.save(tmp_path / "whole")
    model.save(tmp_path / "weights", include_optimizer=False)
    sizes = [(tmp_path / name).stat().st_size for name in ("whole", "weights")]
    values = sum(each.nbytes for each in model.get_weights())
    assert sizes[0] - sizes[1] > 1.9 * values
    loaded = gw.load_model(tmp_path / "weights")
    assert np.array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    assert loaded.optimizer.iterations == 0
    loaded.fit(X, y, epochs=1, verbose=0)
