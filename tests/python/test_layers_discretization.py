"""Bins of numbers: settings, batches and refusals. Keras' values are in test_keras_encodings.py."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gatewise as gw

layers = gw.layers


def test_numbers_at_a_boundary_and_none_have_a_bin() -> None:
    layer = layers.Discretization([0.0, 0.35, 1.0])
    given = [-np.inf, -0.0, 0.35, np.nextafter(np.float32(0.35), np.float32(0)), np.inf, np.nan]
    assert layer(given).tolist() == [0, 1, 2, 1, 3, 3]
    assert layer(np.array([[0, 1], [2, -1]])).tolist() == [[1, 3], [3, 0]]
    assert layers.Discretization([])([3.0, 4.0]).tolist() == [0, 0]


def test_boundaries_split_data_into_equal_parts() -> None:
    data = np.random.default_rng(8).normal(size=(500, 4))
    layer = layers.Discretization(num_bins=5, epsilon=0.001)
    layer.adapt(data)
    counts = np.bincount(layer(data).ravel())
    # Quantiles are exact to epsilon, 2 of 2000 numbers.
    np.testing.assert_allclose(counts, 400, atol=4)


def test_batches_are_read_up_to_a_count() -> None:
    layer, other = (layers.Discretization(num_bins=4) for _ in range(2))
    layer.adapt((np.arange(each, each + 9.0) for each in itertools.count()), steps=2)
    other.adapt([np.arange(0.0, 9), np.arange(1.0, 10)])
    assert layer.bin_boundaries == other.bin_boundaries
    layer.adapt(np.arange(4.0))  # forgets what it learned before
    assert layer.bin_boundaries == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("learned", [False, True])
def test_a_configuration_restores_bins(learned: bool) -> None:
    settings: dict[str, Any] = {"num_bins": 3} if learned else {"bin_boundaries": [0.0, 2.0]}
    layer = layers.Discretization(**settings, output_mode="count", epsilon=0.1, name="own")
    assert layers.Discretization.from_config(layer.get_config()).get_config() == layer.get_config()
    if learned:
        layer.adapt(np.arange(10.0))
    again = layers.Discretization.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.get_config().items() >= {"name": "own", "output_mode": "count", **settings}.items()
    assert again([[1.0, 3.0, 9.0]]).tolist() == layer([[1.0, 3.0, 9.0]]).tolist()
    if learned:
        again.adapt(np.arange(100.0, 110.0))
        assert again.bin_boundaries != layer.bin_boundaries


def test_shapes_are_known_before_boundaries() -> None:
    layer = layers.Discretization(num_bins=4, output_mode="one_hot")
    assert layer.compute_output_shape((None, 3)) == (None, 3, 4)
    assert layer.compute_output_shape((None, 3, 1)) == (None, 3, 4)
    count = layers.Discretization(num_bins=4, output_mode="count")
    assert count.compute_output_shape((None, 3, 2)) == (None, 2, 4)
    assert layers.Discretization(num_bins=4).compute_output_shape((None, 3)) == (None, 3)


def test_the_bins_feed_an_embedding() -> None:
    layer = layers.Discretization([0.0, 1.0])
    x = gw.Input((3,), dtype="int32")
    model = gw.Model(x, layers.Embedding(3, 2)(x))
    assert model.predict(layer(np.zeros((4, 3))), verbose=0).shape == (4, 3, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (layers.Discretization, ValueError, "expected either bin_boundaries or num_bins, got None"),
        (
            lambda: layers.Discretization([0.0], num_bins=2),
            ValueError,
            r"expected either bin_boundaries or num_bins, got \[0.0\] and 2",
        ),
        (lambda: layers.Discretization(num_bins=0), ValueError, "num_bins: expected an integer >="),
        (lambda: layers.Discretization([1, 0]), ValueError, "bin_boundaries: expected ascending"),
        (lambda: layers.Discretization(["a"]), TypeError, "bin_boundaries: expected a number"),
        (
            lambda: layers.Discretization([0], epsilon=0),
            ValueError,
            r"epsilon: expected a number in \(0, 1\], got 0",
        ),
        (
            lambda: layers.Discretization([0], output_mode="bins"),
            ValueError,
            "output_mode: expected one of int, one_hot, multi_hot, count, got 'bins'",
        ),
        (lambda: layers.Discretization([0], sparse=True), TypeError, "Discretization: sparse is"),
        (lambda: layers.Discretization([0], dtype="int8"), TypeError, "Discretization: dtype is"),
        (
            lambda: layers.Discretization([0], name="own").adapt(np.ones(3)),
            ValueError,
            "own: expected no call of adapt with given bin_boundaries",
        ),
        (
            lambda: layers.Discretization(num_bins=2, name="own").adapt(np.array([1, np.nan])),
            ValueError,
            "own: expected finite data, got NaN or infinite values",
        ),
        (
            lambda: layers.Discretization(num_bins=2, name="own").adapt(np.zeros(0)),
            ValueError,
            "own: expected data of at least one number, got none",
        ),
        (
            lambda: layers.Discretization(num_bins=2).adapt(np.ones(3), steps=0),
            ValueError,
            "steps: expected an integer >= 1, got 0",
        ),
        (
            lambda: layers.Discretization(num_bins=2, name="own")([1.0]),
            ValueError,
            "own: expected boundaries; call adapt, or give them",
        ),
        (lambda: layers.Discretization([0])(["a"]), TypeError, "inputs: expected an array of fl"),
        (
            lambda: layers.Discretization([0])(gw.Input((1,))),
            TypeError,
            "expected an array, got a symbol; call it on data, before fit",
        ),
    ],
)
def test_wrong_settings_and_data_are_refused(
    call: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()
