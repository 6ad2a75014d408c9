"""Layers beside Keras: the same weights, data and order give the same numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import gatewise as gw
from keras_layer_cases import CASES, results

EXPECTED = json.loads(
    (Path(__file__).parents[1] / "keras" / "figures" / "layers.json").read_text()
)["cases"]

# Float32 sums of another order, over 9 steps of training: 4e-6 is the largest difference found.
TOLERANCE = 2e-5


@pytest.mark.parametrize("name", CASES)
def test_a_layer_gives_the_numbers_of_keras(name: str) -> None:
    found, expected = results(gw, name), EXPECTED[name]
    assert found["shape"] == expected["shape"]
    for key in ("before", "loss", "after", "evaluate"):
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-4, atol=TOLERANCE)


def test_every_stored_number_has_its_case() -> None:
    assert set(EXPECTED) == set(CASES)


THREADED = (
    "conv2d_pool",
    "batch_normalization_2d",
    "embedding",
    "autoencoder",
    "conv2d_groups",
    "depthwise_conv2d",
    "separable_conv2d",
    "prelu_shared_in_part",
    "unit_normalization_axes",
)


@pytest.mark.parametrize("name", THREADED)
def test_training_has_the_same_bits_for_any_thread_count(name: str) -> None:
    bits = []
    for threads in (1, 2, 5):
        gw.set_num_threads(threads)
        try:
            bits.append(json.dumps(results(gw, name)))
        finally:
            gw.set_num_threads(None)
    assert bits[0] == bits[1] == bits[2]
