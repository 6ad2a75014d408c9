"""What the latents of codes do: how often, how strongly, on which rows, and near which others."""

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
"""Cosines that are held at a time: 16 MB."""


def active_codes(codes: Any, name: str) -> Any:
    """Codes `(n, m)` as CSR of their nonzeros above 0 alone, latents in order, none twice.

    The same object where it is so already.

    Raises
    ------
    TypeError, ValueError
        It is no such matrix, or its indices are out of range.
    """
    matrix: Any = csr.to_canonical(to_codes(codes, name), name)
    if matrix.data.size and not matrix.data.min() > 0:
        matrix = matrix.copy()
        matrix.data[~(matrix.data > 0)] = 0
        matrix.eliminate_zeros()
    return matrix


def count_active(codes: Any) -> Indices:
    """Rows in which each latent is active, `(m,)`, of `active_codes`."""
    return np.bincount(codes.indices, minlength=codes.shape[1]).astype(np.int64)


def total_activations(codes: Any) -> Doubles:
    """The sum of each latent's activations over all rows, `(m,)`, of `active_codes`."""
    values = codes.data.astype(np.float64)
    totals = np.bincount(codes.indices, weights=values, minlength=codes.shape[1])
    return totals.astype(np.float64)


def top_latents(totals: Doubles, max_latents: int) -> Indices:
    """At most that many latents of a total above 0, the largest first, ties by the lower latent."""
    order = np.argsort(-totals, kind="stable")[:max_latents]
    return order[totals[order] > 0]


def strongest_rows(columns: Any, feature: int, count: int) -> tuple[Indices, Doubles]:
    """The rows that activate a feature most, and how much.

    Parameters
    ----------
    columns : csc_array (n, m)
        Of `active_codes`.
    feature : int
        Which latent.
    count : int
        At most so many rows.

    Returns
    -------
    rows : ndarray (at most count,), int64
        The strongest first, ties by the lower row.
    activations : ndarray, float64
    """
    nonzeros = slice(int(columns.indptr[feature]), int(columns.indptr[feature + 1]))
    rows, values = columns.indices[nonzeros], columns.data[nonzeros]
    order = np.lexsort((rows, -values))[:count]
    return rows[order].astype(np.int64), values[order].astype(np.float64)


def nearest_features(
    decoder: Any, features: Any | None = None, count: int = 1
) -> tuple[Indices, Doubles]:
    """The other features whose rows of the decoder point most nearly the same way.

    Parameters
    ----------
    decoder : array (m, d)
        W_d; a row of length 0 has a cosine of 0 with every other.
    features : array (q,) of int, optional
        Which to look for; all unless given.
    count : int
        Neighbours of each; m - 1 where there are no more.

    Returns
    -------
    neighbours : ndarray (q, count), int64
        The nearest first, ties by the lower feature.
    cosines : ndarray (q, count), float64

    Notes
    -----
    2 q m d flops. Blocks of q are compared with all rows, 16 MB of cosines at a time, in float32;
    those returned are computed again in float64.
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
    """The columns of the k largest of each row, best first, ties by the lower column."""
    # The k-th largest decides who may be among them; of those equal to it the lowest are taken.
    thresholds = np.partition(table, table.shape[1] - k, axis=1)[:, table.shape[1] - k, None]
    best = np.empty((len(table), k), np.int32)
    for row, (values, threshold) in enumerate(zip(table, thresholds, strict=True)):
        candidates = np.flatnonzero(values >= threshold)
        order = np.argsort(-values[candidates], kind="stable")[:k]
        best[row] = candidates[order]
    return best


def image_values(shape: Sequence[int]) -> int:
    """How many values an image of this shape has.

    Raises
    ------
    ValueError
        It is neither (height, width) nor (height, width, 3).
    """
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] != 3):
        raise ValueError(f"shape: expected (height, width) or (height, width, 3), got {shape}")
    return math.prod(shape)
