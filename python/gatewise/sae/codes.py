"""Sparse codes as SciPy CSR: made, undone and searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import _core
from gatewise.data import convert, csr
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from typing import TypeAlias

    from gatewise._core import Floats, Labels
    from gatewise.sae.dictionary import SparseDictionary

    CsrArray: TypeAlias = Any

_SCORES = 1 << 24
"""Scores that are held at a time: 64 MB."""


def encode(native: _core.Layer, rows: Any, width: int, latents: int, at_a_time: int) -> CsrArray:
    """The codes `(n, m)` of rows `(n, d)`, which may be a memory map: read part by part."""
    from scipy.sparse import csr_array, vstack

    parts = []
    for start in range(0, len(rows), at_a_time):
        numbers = range(start, min(start + at_a_time, len(rows)))
        part = convert.features(rows[start : numbers.stop], "x", (None, width), rows=numbers)
        offsets, indices, values = _core.encode(native, part)
        parts.append(csr_array((values, indices, offsets), (len(part), latents)))
    if not parts:
        raise ValueError(f"x: expected at least one row, got an array {rows.shape}")
    return parts[0] if len(parts) == 1 else vstack(parts, format="csr")


def decode(native: _core.Layer, codes: Any, latents: int) -> Floats:
    """The rows `(n, d)` of codes `(n, m)`, sparse or dense."""
    return _core.decode(
        native, csr.to_sparse_rows(to_codes(codes, "codes"), "codes", (None, latents))
    )


def to_codes(codes: Any, name: str) -> Any:
    """Codes as CSR."""
    from scipy.sparse import csr_array

    if csr.is_sparse(codes):
        return csr.to_csr(codes, name)
    array = convert.to_array(codes, name)
    convert.check_numeric(array, name)
    if array.ndim != 2:
        raise ValueError(f"{name}: expected codes (n, m), got an array {array.shape}")
    return csr_array(array)


def search(dictionary: SparseDictionary, codes: Any, query: Any, k: int) -> tuple[Labels, Floats]:
    """See `SparseAutoencoder.search`."""
    if not csr.is_sparse(codes):
        raise TypeError(f"codes: expected a SciPy sparse matrix, got {type(codes).__name__}")
    stored = _float_csr(codes, "codes", dictionary.latents)
    k = check_integer("k", k, 1)
    if k > stored.shape[0]:
        raise ValueError(f"k: expected at most the {stored.shape[0]} rows of codes, got {k}")
    if csr.is_sparse(query):
        weights = _float_csr(query, "query", dictionary.latents)
        constants = np.zeros(weights.shape[0], np.float32)
    else:
        weights, constants = _query_weights(dictionary, query)
    indices = np.empty((weights.shape[0], k), np.int32)
    scores = np.empty((weights.shape[0], k), np.float32)
    step = max(1, _SCORES // stored.shape[0])
    for start in range(0, weights.shape[0], step):
        part = weights[start : start + step]
        table = stored @ part.T
        table = (table.toarray() if csr.is_sparse(table) else table).T
        table = table + constants[start : start + step, None]
        best = largest_columns(table, k)
        indices[start : start + step] = best
        scores[start : start + step] = np.take_along_axis(table, best, axis=1)
    return indices, scores


def largest_columns(table: Floats, k: int) -> Labels:
    """The columns of the k largest of each row, best first, ties by the lower column."""
    # The k-th largest decides who may be among them; of those equal to it the lowest are taken.
    bound = np.partition(table, table.shape[1] - k, axis=1)[:, table.shape[1] - k, None]
    best = np.empty((len(table), k), np.int32)
    for row, (values, least) in enumerate(zip(table, bound, strict=True)):
        reaching = np.flatnonzero(values >= least)
        order = np.argsort(-values[reaching], kind="stable")[:k]
        best[row] = reaching[order]
    return best


def _query_weights(dictionary: SparseDictionary, query: Any) -> tuple[Floats, Floats]:
    """What each latent adds to the inner product of a dense query, and what is added always."""
    array = convert.to_array(query, "query")
    rows = array[None] if array.ndim == 1 else array
    rows = convert.features(rows, "query", (None, dictionary.input_shape[-1]))
    native = dictionary.native
    scale = float(native.get("scale")[0])
    constants = rows @ (native.get("decoder_bias") / scale + native.get("center"))
    weights: Any = (rows / np.float32(scale)) @ native.get("decoder").T
    return weights, constants.astype(np.float32)


def _float_csr(codes: Any, name: str, latents: int) -> Any:
    matrix: Any = csr.to_csr(codes, name)
    csr.to_sparse_rows(matrix, name, (None, latents))  # checks it
    return matrix.astype(np.float32)
