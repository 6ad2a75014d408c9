"""Statistics of latents: density, activations, strongest rows and nearest latents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.data import csr
from gatewise.data.convert import Floats, Indices
from gatewise.sae.csr_codes import to_codes

Doubles = npt.NDArray[np.float64]

_MAX_COSINES = 1 << 22
"""Cosines that are in memory at once: 16 MB."""


def active_codes(codes: Any, name: str) -> Any:
    """Codes `(n, m)` as canonical CSR (indices sorted and unique) of the values above 0.

    The same object if it already is.

    Raises
    ------
    TypeError, ValueError
        codes is not such a matrix, or its indices are out of range.
    """
    matrix: Any = csr.to_canonical(to_codes(codes, name))
    if matrix.data.size and not matrix.data.min() > 0:
        matrix = matrix.copy()
        matrix.data[~(matrix.data > 0)] = 0
        matrix.eliminate_zeros()
    return matrix


def count_active(codes: Any) -> Indices:
    """Count of rows in which each latent is active, `(m,)`, from `active_codes`."""
    return np.bincount(codes.indices, minlength=codes.shape[1]).astype(np.int64)


def total_activations(codes: Any) -> Doubles:
    """Sum of each latent's activations over all rows, `(m,)`, from `active_codes`."""
    values = codes.data.astype(np.float64)
    totals = np.bincount(codes.indices, weights=values, minlength=codes.shape[1])
    return totals.astype(np.float64)


def top_latents(totals: Doubles, max_latents: int) -> Indices:
    """Up to `max_latents` latents of largest total above 0, largest first; ties: lower index."""
    order = np.argsort(-totals, kind="stable")[:max_latents]
    return order[totals[order] > 0]


def strongest_rows(columns: Any, feature: int, count: int) -> tuple[Indices, Doubles]:
    """The rows with the largest activations of a feature, and these activations.

    Parameters
    ----------
    columns : csc_array (n, m)
        From `active_codes`.
    feature : int
        Index of the latent.
    count : int
        Maximum of rows.

    Returns
    -------
    rows : ndarray (at most count,), int64
        Largest activation first; ties go to the lower row.
    activations : ndarray, float64
    """
    nonzeros = slice(int(columns.indptr[feature]), int(columns.indptr[feature + 1]))
    rows, values = columns.indices[nonzeros], columns.data[nonzeros]
    order = np.lexsort((rows, -values))[:count]
    return rows[order].astype(np.int64), values[order].astype(np.float64)


def nearest_features(
    decoder: Any, features: Any | None = None, count: int = 1
) -> tuple[Indices, Doubles]:
    """For each feature, the others whose decoder rows have the largest cosine with its own.

    Parameters
    ----------
    decoder : array (m, d)
        W_d; a row of length 0 has cosine 0 with every other.
    features : array (q,) of int, optional
        Features to find neighbours of; default all.
    count : int
        Neighbours per feature, at most m - 1.

    Returns
    -------
    neighbours : ndarray (q, count), int64
        Largest cosine first; ties go to the lower feature.
    cosines : ndarray (q, count), float64

    Notes
    -----
    2 q m d flops. Blocks of the q features are compared with all rows in float32, 16 MB of cosines
    at once. The returned cosines are recomputed in float64.
    """
    rows = np.asarray(decoder, np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(norms > 0, norms, 1)
    directions: Any = rows.astype(np.float32)
    wanted = np.arange(len(rows)) if features is None else np.asarray(features, np.int64)
    count = min(count, len(rows) - 1)
    neighbours = np.empty((len(wanted), count), np.int64)
    cosines = np.empty((len(wanted), count))
    step = max(1, _MAX_COSINES // max(1, len(rows)))
    for start in range(0, len(wanted) if count else 0, step):
        block = wanted[start : start + step]
        table = directions[block] @ directions.T
        table[np.arange(len(block)), block] = -np.inf
        best = table.argmax(axis=1)[:, None] if count == 1 else _largest_columns(table, count)
        exact = np.einsum("qd,qkd->qk", rows[block], rows[best])
        neighbours[start : start + step] = best
        cosines[start : start + step] = np.clip(exact, -1, 1)
    return neighbours, cosines


def _largest_columns(table: Floats, k: int) -> npt.NDArray[np.int32]:
    """The columns of the k largest values of each row, largest first; ties: lower column."""
    # Candidates are values not below the k-th largest; the stable sort orders ties by column.
    thresholds = np.partition(table, table.shape[1] - k, axis=1)[:, table.shape[1] - k, None]
    best = np.empty((len(table), k), np.int32)
    for row, (values, threshold) in enumerate(zip(table, thresholds, strict=True)):
        candidates = np.flatnonzero(values >= threshold)
        order = np.argsort(-values[candidates], kind="stable")[:k]
        best[row] = candidates[order]
    return best


def image_values(shape: Sequence[int]) -> int:
    """Count of values of an image of this shape.

    Raises
    ------
    ValueError
        shape is neither (height, width) nor (height, width, 3).
    """
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] != 3):
        raise ValueError(f"shape: expected (height, width) or (height, width, 3), got {shape}")
    return math.prod(shape)
