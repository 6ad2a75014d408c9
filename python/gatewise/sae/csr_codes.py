"""Encode, decode and search sparse codes as SciPy CSR matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewise import _core
from gatewise.data import convert, csr
from gatewise.training.progress import Verbose, tracked
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from typing import TypeAlias

    from gatewise._core import Floats, Labels
    from gatewise.sae.sparse_dictionary import SparseDictionary

    CsrArray: TypeAlias = Any

_MAX_INT32 = 2**31 - 1
"""Most nonzeros for which `indptr` is int32: SciPy stores both index arrays in one type."""


def encode(
    native: _core.Layer,
    rows: Any,
    width: int,
    latents: int,
    block_rows: int,
    refit: bool = False,
    verbose: Verbose = 0,
) -> CsrArray:
    """The codes `(n, m)` of rows `(n, d)`, which may be a memory map; read block by block."""
    from scipy.sparse import csr_array, vstack

    parts = []
    for start in tracked(range(0, len(rows), block_rows), "encode", verbose):
        row_range = range(start, min(start + block_rows, len(rows)))
        part = convert.features(rows[start : row_range.stop], "x", (None, width), rows=row_range)
        indptr, indices, values = _core.encode(native, part, refit, checked=True)
        if len(values) <= _MAX_INT32:
            indptr = indptr.astype(indices.dtype)
        parts.append(csr_array((values, indices, indptr), (len(part), latents)))
    if not parts:
        raise ValueError(f"x: expected at least one row, got an array {rows.shape}")
    return parts[0] if len(parts) == 1 else vstack(parts, format="csr")


def decode(native: _core.Layer, codes: Any, latents: int) -> Floats:
    """The reconstructions `(n, d)` from codes `(n, m)`, sparse or dense."""
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
    native = dictionary.native
    stored = _stored(codes, "codes", dictionary.latents)
    k = check_integer("k", k, 1)
    if k > codes.shape[0]:
        raise ValueError(f"k: expected at most the {codes.shape[0]} rows of codes, got {k}")
    if csr.is_sparse(query):
        return _core.search(native, stored, _stored(query, "query", dictionary.latents), k)
    array = convert.to_array(query, "query")
    rows = array[None] if array.ndim == 1 else array
    rows = convert.features(rows, "query", (None, dictionary.input_shape[-1]))
    return _core.search(native, stored, rows, k)


def _stored(codes: Any, name: str, latents: int) -> _core.SparseRows:
    return csr.to_sparse_rows(csr.to_csr(codes, name), name, (None, latents))
