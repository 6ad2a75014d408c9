"""How good a sparse reconstruction is."""

from __future__ import annotations

from typing import Any

import numpy as np

from gatewise.data.convert import Floats


def measure(x: Floats, codes: Any, y: Floats) -> dict[str, float]:
    """See `SparseAutoencoder.measure`; sums are float64."""
    if len(x) < 2:
        raise ValueError(f"x: expected two rows or more, got {len(x)}")
    rows, made = x.astype(np.float64), y.astype(np.float64)
    error = float(np.sum((rows - made) ** 2))
    variance = float(np.sum((rows - rows.mean(axis=0)) ** 2))
    fvu = error / variance if variance > 0 else float("nan")
    lengths, made_lengths = np.linalg.norm(rows, axis=1), np.linalg.norm(made, axis=1)
    products = np.einsum("ij,ij->i", rows, made)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosines = products / (lengths * made_lengths)
        ratios = made_lengths / lengths
        bias = float(np.sum(made_lengths**2) / np.sum(products))
    active = np.unique(codes.indices[codes.data != 0])
    return {
        "mse": error / rows.size,
        "fvu": fvu,
        "explained_variance": 1 - fvu,
        "l0": codes.nnz / len(rows),
        "cosine": float(np.nanmean(cosines)),
        "l2_ratio": float(np.nanmean(ratios)),
        "relative_bias": bias,
        "alive": len(active) / codes.shape[1],
    }
