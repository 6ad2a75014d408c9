"""What an autoencoder takes as rows: sparse matrices, activations (b, t, d), tensors."""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import gatewise as gw
from gatewise.data.dense_rows import DenseRows

RNG = np.random.default_rng(0)
DENSE = (RNG.random((96, 12)) * (RNG.random((96, 12)) < 0.4)).astype(np.float32)


def autoencoder(**settings: Any) -> gw.SparseAutoencoder:
    model = gw.SparseAutoencoder(24, activation=gw.TopK(3), seed=1, **settings)
    model.compile(gw.optimizers.Adam(0.01))
    return model


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "dok"])
@pytest.mark.parametrize("settings", [{}, {"hidden": [8]}], ids=["dictionary", "stack"])
def test_sparse_rows_train_as_their_dense_ones(form: str, settings: dict[str, Any]) -> None:
    rows = sparse.csr_array(DENSE).asformat(form)
    one, other = autoencoder(**settings), autoencoder(**settings)
    options: dict[str, Any] = {"epochs": 3, "validation_split": 0.25, "verbose": 0}
    found = one.fit(rows, **options).history
    assert found == other.fit(DENSE, **options).history
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (one.encode(rows) != one.encode(DENSE)).nnz == 0
    assert one.evaluate(rows, verbose=0) == one.evaluate(DENSE, verbose=0)
    assert one.measure(rows)["fvu"] == one.measure(DENSE)["fvu"]
    assert one.train_on_batch(rows) == other.train_on_batch(DENSE)
    assert one.test_on_batch(rows) == other.test_on_batch(DENSE)


def test_sparse_rows_are_made_dense_a_buffer_at_a_time(monkeypatch: Any) -> None:
    sizes: list[int] = []
    read = DenseRows.__getitem__

    def watched(self: DenseRows, rows: Any) -> Any:
        found = read(self, rows)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(DenseRows, "__getitem__", watched)
    rows = sparse.random_array((40_000, 1000), density=1e-4, dtype=np.float32, format="csr", rng=0)
    model = gw.SparseAutoencoder(8, activation=gw.TopK(1), revive=False)
    model.compile("adam")
    model.fit(rows, batch_size=1000, verbose=0)
    assert max(sizes) < 20_000  # 160 MB in all
    assert sum(sizes) >= 40_000


def test_malformed_sparse_rows_are_refused() -> None:
    rows = sparse.csr_array(DENSE)
    rows.indices[3] = 99
    with pytest.raises(ValueError, match="x: expected a well-formed sparse matrix"):
        autoencoder().fit(rows, verbose=0)


def test_activations_of_tokens_are_rows() -> None:
    tokens = DENSE.reshape(8, 12, 12)
    weights = np.ones((8, 12), np.float32)
    weights[:, 10:] = 0
    one, other = autoencoder(), autoencoder()
    one.fit(tokens, sample_weight=weights, epochs=2, verbose=0)
    other.fit(DENSE, sample_weight=weights.reshape(-1), epochs=2, verbose=0)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    codes = one.encode(tokens)
    assert codes.shape == (96, 24)
    assert (codes != one.encode(DENSE)).nnz == 0
    found = one.predict(tokens, verbose=0)
    assert found.shape == tokens.shape
    np.testing.assert_array_equal(found.reshape(96, 12), one.predict(DENSE, verbose=0))
    assert one.evaluate(tokens, verbose=0) == one.evaluate(DENSE, verbose=0)


def test_batches_of_activations_of_tokens_are_rows() -> None:
    batches = [(DENSE.reshape(8, 12, 12)[at : at + 2],) for at in range(0, 8, 2)]
    one, other = autoencoder(center=False), autoencoder(center=False)
    one.fit(iter(batches), verbose=0)
    other.fit(iter([(each[0].reshape(-1, 12),) for each in batches]), verbose=0)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class Tensor:
    """What this package reads of a tensor of PyTorch in bfloat16 that needs a gradient."""

    def __init__(self, values: Any, dtype: str, needs_gradient: bool = True) -> None:
        self.values, self.dtype, self.needs_gradient = values, dtype, needs_gradient

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def detach(self) -> Tensor:
        return Tensor(self.values, self.dtype, False)

    def cpu(self) -> Tensor:
        return self

    def float(self) -> Tensor:
        return Tensor(self.values, "torch.float32", self.needs_gradient)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self.needs_gradient:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad")
        if self.dtype == "torch.bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return np.asarray(self.values, dtype)


@pytest.mark.parametrize("dtype", ["torch.bfloat16", "torch.float32"])
def test_tensors_in_bfloat16_and_with_gradients_are_read(dtype: str, monkeypatch: Any) -> None:
    torch = types.ModuleType("torch")
    torch.Tensor = Tensor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    one, other = autoencoder(), autoencoder()
    one.fit(Tensor(DENSE, dtype), verbose=0)
    other.fit(DENSE, verbose=0)
    np.testing.assert_array_equal(
        one.predict(Tensor(DENSE, dtype), verbose=0), other.predict(DENSE, verbose=0)
    )
