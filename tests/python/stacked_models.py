"""Small stacked autoencoders and their data, shared by several tests."""

from __future__ import annotations

from typing import Any

import numpy as np

import gatewise as gw

WIDTH, LATENTS, ROWS = 12, 6, 400


def rows_of(count: int = ROWS, seed: int = 0) -> np.ndarray:
    """Rows in [0, 1] that depend on 4 latent values."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(4, WIDTH))
    return (1 / (1 + np.exp(-rng.normal(size=(count, 4)) @ mixing))).astype(np.float32)


X = rows_of()


def stack(**settings: Any) -> gw.SparseAutoencoder:
    sae = gw.SparseAutoencoder(LATENTS, **{"hidden": (10, 8), "seed": 0} | settings)
    sae.compile("adam")
    return sae


def fitted(x: Any = X, epochs: int = 3, **settings: Any) -> gw.SparseAutoencoder:
    sae = stack(**settings)
    sae.fit(x, epochs=epochs, verbose=0)
    return sae


def bits(sae: gw.SparseAutoencoder) -> list[bytes]:
    return [array.tobytes() for array in sae.get_weights()]


def kill(sae: gw.SparseAutoencoder, unit: int) -> None:
    """Makes a unit of the code inactive in all rows."""
    last = sae.get_layer("encoder_3")
    bias = last.native.get("bias")
    bias[unit] = -100
    last.native.set("bias", bias)


def kill_first(sae: gw.SparseAutoencoder) -> None:
    sae.build((None, WIDTH))
    kill(sae, 0)
