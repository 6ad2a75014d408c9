"""How often the arrays of a call are searched for NaN: once each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import gatewise as gw
from gatewise import _core

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 5)).astype(np.float32)
Y = RNG.normal(size=(96, 2)).astype(np.float32)


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Sizes of the arrays that are searched, by Python and by the core."""
    sizes: list[int] = []
    find, dataset, predict = _core.find_nonfinite, _core.Dataset, _core.Network.predict

    def counted_find(x: np.ndarray) -> Any:
        sizes.append(x.size)
        return find(x)

    def counted_dataset(inputs: list, targets: list, weights: list, checked: bool = False) -> Any:
        if not checked:
            sizes.extend(each.size for each in [*inputs, *targets, *weights] if each is not None)
        return dataset(inputs, targets, weights, checked)

    def counted_predict(
        network: _core.Network, inputs: list, batch_rows: int, checked: bool = False
    ) -> Any:
        if not checked:
            sizes.extend(each.size for each in inputs)
        return predict(network, inputs, batch_rows, checked)

    monkeypatch.setattr(_core, "find_nonfinite", counted_find)
    monkeypatch.setattr(_core, "Dataset", counted_dataset)
    monkeypatch.setattr(_core.Network, "predict", counted_predict)
    yield sizes


def model(units: int = 2, built: bool = True) -> gw.Sequential:
    layers = [gw.Input(shape=(5,))] if built else []
    made = gw.Sequential([*layers, gw.layers.Dense(units)])
    made.compile("adam", "mse")
    return made


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fit_searches_each_array_once(built: bool, dtype: type, scans: list[int]) -> None:
    x, y = X.astype(dtype), Y.astype(dtype)
    weights = np.ones(len(x), dtype)
    model(built=built).fit(x, y, sample_weight=weights, epochs=2, verbose=0)
    assert scans == [x.size, y.size, weights.size]


@pytest.mark.parametrize("built", [True, False])
def test_fit_searches_the_rows_of_a_validation_split_once(built: bool, scans: list[int]) -> None:
    matrix = sparse.csr_array(X)
    model(built=built).fit(matrix, Y, validation_split=0.25, verbose=0)
    assert sum(scans) == matrix.nnz + Y.size


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_array_as_its_own_target_is_converted_and_searched_once(
    built: bool, dtype: type, scans: list[int]
) -> None:
    x = X.astype(dtype)
    model(5, built).fit(x, x[:], verbose=0)
    assert scans == [x.size]


def test_weights_of_several_outputs_are_searched_once(scans: list[int]) -> None:
    given = gw.Input(shape=(5,))
    outputs = [gw.layers.Dense(2)(given), gw.layers.Dense(2)(given)]
    two = gw.Model(given, outputs)
    two.compile("adam", "mse")
    two.fit(X, [Y, Y], sample_weight=np.ones(len(X)), verbose=0)
    assert scans == [X.size, Y.size, len(X)]


@pytest.mark.parametrize("call", ["evaluate", "train_on_batch", "test_on_batch"])
@pytest.mark.parametrize("built", [True, False])
def test_other_calls_search_each_array_once(call: str, built: bool, scans: list[int]) -> None:
    getattr(model(built=built), call)(X, Y)
    assert scans == [X.size, Y.size]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("built", [True, False])
def test_predict_searches_its_input_once(dtype: type, built: bool, scans: list[int]) -> None:
    predictor = model(built=built)
    for _ in range(2):
        predictor.predict(X.astype(dtype), verbose=0)
        assert scans == [X.size]
        scans.clear()


@pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning")
@pytest.mark.parametrize("hidden", [None, (4,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_fit_of_an_autoencoder_searches_its_rows_once(
    hidden: tuple[int, ...] | None, dtype: type, scans: list[int]
) -> None:
    x = X.astype(dtype)
    sae = gw.SparseAutoencoder(
        8, gw.TopK(3), hidden=hidden, center="geometric_median", scale=True, seed=0
    )
    sae.compile()
    for _ in range(2):
        sae.fit(x, epochs=2, verbose=0)
        assert scans == [x.size]
        scans.clear()
    sae.fit(x, x + 1, validation_data=x, verbose=0)
    assert scans == [x.size] * 3


@pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning")
def test_a_single_batch_of_an_autoencoder_is_searched_once(scans: list[int]) -> None:
    sae = gw.SparseAutoencoder(8, gw.TopK(3), center=True, scale=True, seed=0)
    sae.compile()
    sae.train_on_batch(X)
    assert scans == [X.size]


@pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning")
def test_a_file_is_searched_as_it_is_read(tmp_path: Path, scans: list[int]) -> None:
    np.save(tmp_path / "x.npy", X)
    model().fit(tmp_path / "x.npy", Y, epochs=2, verbose=0)
    assert scans == [X.size, Y.size] * 2
    scans.clear()
    sae = gw.SparseAutoencoder(8, gw.TopK(3), center=True, scale=True, seed=0)
    sae.compile()
    sae.fit(tmp_path / "x.npy", epochs=2, verbose=0)
    # The centre and the scale need a pass over the file; then each epoch is one.
    assert scans == [X.size] * 3


def test_the_core_searches_arrays_of_other_callers() -> None:
    bad = X.copy()
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match="x: expected finite numbers, got nan at row 3, column 1"):
        _core.Dataset([bad], [Y], [None])
    assert _core.Dataset([bad], [Y], [None], checked=True).samples == len(X)
