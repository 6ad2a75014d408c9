"""Bins of numbers and rows of ids are those of Keras (tests/keras)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import gatewise as gw

KERAS = Path(__file__).parents[1] / "keras"
sys.path.insert(0, str(KERAS))
import encoding_cases as cases  # noqa: E402

sys.path.remove(str(KERAS))
STORED = json.loads((KERAS / "figures" / "encodings.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("at", range(len(cases.ADAPTED)))
def test_learned_boundaries_are_those_of_keras(at: int) -> None:
    sizes, repeated, num_bins, epsilon = cases.ADAPTED[at]
    batches = cases.batches(sizes, repeated)
    layer = gw.layers.Discretization(num_bins=num_bins, epsilon=epsilon)
    layer.adapt(batches[0] if len(batches) == 1 else iter(batches))
    # float32, by the same steps
    np.testing.assert_allclose(layer.bin_boundaries, STORED["adapted"][at], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("shape", cases.SHAPES, ids=str)
@pytest.mark.parametrize("mode", cases.MODES)
def test_bins_of_numbers_are_those_of_keras(mode: str, shape: tuple[int, ...]) -> None:
    layer = gw.layers.Discretization(cases.BOUNDARIES, output_mode=mode)
    found = layer(cases.inputs(shape))
    assert found.dtype == ("int32" if mode == "int" else "float32")
    assert found.tolist() == STORED["bins"][mode][cases.SHAPES.index(shape)]
    assert layer.compute_output_shape(shape) == found.shape


@pytest.mark.parametrize("shape", cases.SHAPES, ids=str)
@pytest.mark.parametrize("mode", cases.MODES[1:])
def test_rows_of_ids_are_those_of_keras(mode: str, shape: tuple[int, ...]) -> None:
    encoding = gw.layers.CategoryEncoding(cases.NUM_TOKENS, output_mode=mode)
    assert encoding(cases.ids(shape)).tolist() == STORED["ids"][mode][cases.SHAPES.index(shape)]
