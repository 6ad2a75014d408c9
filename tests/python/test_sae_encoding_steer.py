"""Steering: rows in which latents have other values."""

import numpy as np
import pytest

import gatewise as gw

X = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def sae() -> gw.SparseAutoencoder:
    model = gw.SparseAutoencoder(16, activation=gw.TopK(4), seed=0)
    model.compile()
    model.fit(X, epochs=3, verbose=0)
    return model


def test_steering_moves_rows_along_the_direction(sae: gw.SparseAutoencoder) -> None:
    latent, value = 5, 3.0
    moved = sae.steer(X, {latent: value}) - X
    codes = sae.encode(X, dense=True)
    scale = sae.decode(np.eye(16, dtype=np.float32)) - sae.decode(np.zeros((16, 16), np.float32))
    expected = (value - codes[:, [latent]]) * scale[[latent]]
    assert np.allclose(moved, expected, atol=1e-5)
    assert np.abs(moved).max() > 0.1


def test_steering_to_its_own_values_changes_nothing(sae: gw.SparseAutoencoder) -> None:
    values = sae.encode(X[:1], dense=True)[0]
    same = sae.steer(X[:1], {at: float(each) for at, each in enumerate(values)})
    assert np.allclose(same, X[:1], atol=1e-6)
    assert np.array_equal(sae.steer(X, {}), X)


def test_a_stack_can_be_steered_too() -> None:
    stack = gw.SparseAutoencoder.stacked(8, 6, 3, seed=0)
    stack.fit(X, epochs=1, verbose=0)
    assert not np.allclose(stack.steer(X, {1: 4.0}), X)


@pytest.mark.parametrize(
    ("latents", "error", "message"),
    [
        ([3], TypeError, "latents: expected a dict"),
        ({16: 1.0}, ValueError, "latents: expected latents below 16, got 16"),
        ({-1: 1.0}, ValueError, "latents: expected an integer >= 0"),
        ({1: np.nan}, ValueError, r"latents\[1\]: expected"),
        ({1: "a"}, TypeError, r"latents\[1\]: expected"),
    ],
)
def test_wrong_latents_are_refused(
    sae: gw.SparseAutoencoder, latents: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        sae.steer(X, latents)  # type: ignore[arg-type]
