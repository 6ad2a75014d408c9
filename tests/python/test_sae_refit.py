"""Codes whose values are refitted to their rows."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.sparse import csr_array

import gatewise as gw

WIDTH, LATENTS = 24, 80


# Short trainings, some with small penalties: their codes are dense.
pytestmark = pytest.mark.filterwarnings("ignore::gatewise.DenseCodesWarning")


def rows(count: int, seed: int = 0) -> np.ndarray:
    """Sums of 4 of 60 directions, shifted and scaled."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(7).normal(size=(60, WIDTH))
    weights = rng.uniform(1, 2, (count, 60)) * (rng.random((count, 60)) < 4 / 60)
    return (0.1 * (weights @ directions) + 3).astype(np.float32)


def fitted(**settings: Any) -> gw.SparseAutoencoder:
    settings = {"activation": gw.TopK(6), "seed": 0} | settings
    sae = gw.SparseAutoencoder(LATENTS, **settings)
    sae.compile(gw.optimizers.Adam(3e-3))
    sae.fit(rows(600), batch_size=32, epochs=3, verbose=0)
    return sae


def squared_errors(sae: gw.SparseAutoencoder, x: np.ndarray, codes: csr_array) -> np.ndarray:
    off: np.ndarray = ((x.astype(np.float64) - sae.decode(codes)) ** 2).sum(axis=1)
    return off


@pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning")
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"activation": gw.BatchTopK(6)},
        {"activation": gw.ReLU(l1=0.3)},
        {"activation": gw.JumpReLU(6.0)},
        {"activation": gw.Gated(0.01)},
        {"activation": gw.LISTA(2, l1=0.3)},
        {"subtract_bias": False},
        {"center": False, "scale": False},
        {"unit_norm": False, "tied": True},
        {"num_experts": 5},
    ],
    ids=lambda settings: "-".join(settings) or "default",
)
def test_refitted_values_are_non_negative_least_squares_on_the_codes_latents(
    settings: dict[str, Any],
) -> None:
    sae, x = fitted(**settings), rows(200, seed=1)
    plain, refit = sae.encode(x), sae.encode(x, refit=True)
    # The reconstruction of an empty code, and what a nonzero of 1 adds to it, in the scale of x.
    nothing = sae.decode(csr_array((1, LATENTS), dtype=np.float32))[0].astype(np.float64)
    directions = sae.decode(np.eye(LATENTS, dtype=np.float32)) - nothing
    best = np.empty(len(x))
    for i in range(len(x)):
        latents = plain.indices[plain.indptr[i] : plain.indptr[i + 1]]
        target = x[i].astype(np.float64) - nothing
        best[i] = nnls(directions[latents].T, target)[1] ** 2 if len(latents) else target @ target
        kept = refit.indices[refit.indptr[i] : refit.indptr[i + 1]]
        assert set(kept) <= set(latents)
        assert (np.diff(kept) > 0).all()
    assert (refit.data > 0).all()
    before, after = squared_errors(sae, x, plain), squared_errors(sae, x, refit)
    size = ((x - nothing) ** 2).sum(axis=1)
    assert (after <= best + 1e-4 * size).all()
    assert (after <= before + 2e-5 * size).all()  # up to float32 errors with 20 similar directions
    assert after.sum() < 0.999 * before.sum()


def test_latents_with_equal_directions_are_refitted() -> None:
    sae, x = fitted(activation=gw.ReLU(l1=0.01)), rows(50, seed=2)
    weights = sae.get_weights()
    decoder = next(at for at, w in enumerate(weights) if w.shape == (LATENTS, WIDTH))
    weights[decoder][1::2] = weights[decoder][::2]
    sae.set_weights(weights)
    plain, refit = sae.encode(x), sae.encode(x, refit=True)
    assert np.isfinite(refit.data).all()
    assert (squared_errors(sae, x, refit) <= squared_errors(sae, x, plain) + 1e-5).all()


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    before = gw.get_num_threads()
    yield gw.set_num_threads
    gw.set_num_threads(before)


def test_refit_has_the_same_bits_for_any_thread_count(set_threads: Callable[[int], None]) -> None:
    sae, x = fitted(), rows(500, seed=3)
    found = []
    for threads in (1, 2, 3):
        set_threads(threads)
        found.append(sae.encode(x, refit=True))
    for other in found[1:]:
        np.testing.assert_array_equal(other.indices, found[0].indices)
        assert other.data.tobytes() == found[0].data.tobytes()
    np.testing.assert_array_equal(
        sae.encode(x, dense=True, refit=True), np.asarray(found[0].toarray())
    )


def test_refitted_values_exceed_the_threshold() -> None:
    sae, x = fitted(activation=gw.ReLU(l1=0.1), threshold=0.2), rows(100, seed=4)
    codes = sae.encode(x, refit=True)
    assert codes.nnz > 100
    assert (codes.data > 0.2).all()


def test_codes_that_cannot_be_refitted_are_refused() -> None:
    x = rows(40)
    for activation in (gw.Identity(), gw.KL(0.1)):
        with pytest.raises(
            ValueError, match=f"refit: expected False with {type(activation).__name__}"
        ):
            fitted(activation=activation).encode(x, refit=True)
    stack = gw.SparseAutoencoder(4, hidden=(10,), seed=0)
    stack.compile(gw.optimizers.Adam(1e-3))
    stack.fit(x, epochs=1, verbose=0)
    with pytest.raises(ValueError, match="refit: expected False with a stack"):
        stack.encode(x, refit=True)
    with pytest.raises((TypeError, ValueError), match="refit"):
        fitted().encode(x, **{"refit": "yes"})
