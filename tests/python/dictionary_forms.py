"""Every form of a dictionary, and training rows."""

from typing import Any

import numpy as np

import gatewise as gw
from gatewise.sae import (
    KL,
    LISTA,
    AuxK,
    BatchTopK,
    Gated,
    Identity,
    JumpReLU,
    ReLU,
    SparseDictionary,
    TopK,
    csr_codes,
)

WIDTH, LATENTS, ROWS = 20, 64, 300

FORMS: dict[str, dict[str, Any]] = {
    "relu": {"activation": ReLU(0.05)},
    "relu above a threshold": {"activation": ReLU(0.05), "threshold": 0.5},
    "top_k": {"activation": TopK(4)},
    "batch_top_k": {"activation": BatchTopK(4)},
    "jump_relu": {"activation": JumpReLU(4.0)},
    "gated": {"activation": Gated(0.02)},
    "kl": {"activation": KL()},
    "identity": {"activation": Identity()},
    "lista": {"activation": LISTA(3, 0.05)},
    "prefixes": {"activation": TopK(4), "prefixes": (8, 32)},
    "auxk": {"activation": TopK(4), "auxk": AuxK(dead_rows=20)},
    "experts": {"activation": TopK(4), "num_experts": 4, "balance": "aux_loss"},
    "tied": {"activation": TopK(4), "tied": True},
    "bias not subtracted": {"activation": TopK(4), "subtract_bias": False},
    "lazy": {"activation": TopK(4), "lazy_updates": True},
}


def sparse_sums(rows: int = ROWS, seed: int = 0) -> np.ndarray:
    """Rows that are sums of 3 of 40 directions."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(99).normal(size=(40, WIDTH))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    weights = rng.uniform(1, 2, (rows, 40)) * (rng.random((rows, 40)) < 3 / 40)
    return (weights @ directions).astype(np.float32)


def fitted(epochs: int = 3, batch_size: int = 50, **settings: Any) -> SparseDictionary:
    gw.utils.set_random_seed(0)  # seeds the shuffles
    layer = SparseDictionary(LATENTS, seed=0, **settings)
    layer.compile(gw.optimizers.Adam(3e-3), "mse")
    x = sparse_sums()
    layer.fit(x, x, batch_size=batch_size, epochs=epochs, verbose=0)
    return layer


def encode(layer: SparseDictionary, x: np.ndarray) -> Any:
    return csr_codes.encode(layer.native, x, WIDTH, LATENTS, 1 << 16)


def decode(layer: SparseDictionary, z: Any) -> np.ndarray:
    return csr_codes.decode(layer.native, z, LATENTS)


def fvu(layer: SparseDictionary, x: np.ndarray) -> float:
    return float(np.sum((layer.predict(x) - x) ** 2) / np.sum((x - x.mean(axis=0)) ** 2))
