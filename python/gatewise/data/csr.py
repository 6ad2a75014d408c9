"""Conversion of SciPy sparse matrices to CSR rows for the core."""

from __future__ import annotations

import sys
from typing import Any, Protocol, cast

import numpy as np

from gatewise import _core
from gatewise.data.convert import (
    Array,
    RowIndices,
    Shape,
    check_numeric,
    check_samples,
    describe_shape,
    features,
    to_array,
    to_float32,
)


class CsrMatrix(Protocol):
    """The attributes of `scipy.sparse.csr_array` and `csr_matrix` that this package uses."""

    shape: tuple[int, int]
    indptr: Array
    indices: Array
    data: Array
    has_canonical_format: bool

    def __getitem__(self, rows: slice) -> CsrMatrix: ...
    def copy(self) -> CsrMatrix: ...
    def sum_duplicates(self) -> None: ...


def is_sparse(value: object) -> bool:
    """True if `value` is a SciPy sparse matrix or array; does not import SciPy."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(value))


def to_csr(value: object, name: str) -> CsrMatrix:
    """`value` as CSR; the same object if it already is CSR.

    Raises
    ------
    TypeError
        If the dtype is complex or object.
    ValueError
        If `value` does not have two axes.
    """
    check_numeric(cast("Array", value), name)
    if getattr(value, "ndim", 2) != 2:
        raise ValueError(f"{name}: expected a sparse matrix of two axes, got {value!r}")
    return cast("CsrMatrix", value.tocsr())  # type: ignore[attr-defined]


def to_sparse_rows(
    matrix: CsrMatrix,
    name: str,
    shape: Shape,
    rows: RowIndices | None = None,
    is_finite: bool = False,
) -> _core.SparseRows:
    """The rows of `matrix` for the core: float32 values, sorted int32 indices without duplicates.

    Parameters
    ----------
    matrix : csr_matrix or csr_array (n, d)
        The user's matrix. Explicit zeros are kept; duplicates are summed, as in SciPy.
    name : str
        Argument name for error messages.
    shape : tuple
        The model's input shape, `(None, d)`.
    rows : ndarray (n,) of int64 or range, optional
        Row indices for error messages, if `matrix` is a part of the user's matrix.
    is_finite : bool
        If True, the matrix has been checked for NaN and infinity already.

    Raises
    ------
    ValueError
        For a wrong shape, no samples, NaN or infinity.
    """
    fits = len(shape) == 2 and shape[1] == matrix.shape[1]
    if not fits:
        raise ValueError(
            f"{name}: expected shape {describe_shape(shape)}, got a sparse matrix {matrix.shape}"
        )
    check_samples(matrix.shape[0], name, matrix.shape)
    matrix = to_canonical(matrix, name)
    values = to_float32(matrix.data, name)
    if not is_finite:
        _check_finite(matrix, values, name, rows)
    return _core.SparseRows(
        np.ascontiguousarray(matrix.indptr, dtype=np.int64),
        np.ascontiguousarray(matrix.indices, dtype=np.int32),
        values,
        matrix.shape[1],
    )


def to_canonical(matrix: CsrMatrix, name: str) -> CsrMatrix:
    """`matrix` with sorted indices without duplicates; the same object if it already has them.

    Raises
    ------
    ValueError
        If indptr or indices are out of range.
    """
    _check_offsets(matrix, name)
    _check_columns(matrix, name)
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    return matrix


def _check_offsets(matrix: CsrMatrix, name: str) -> None:
    """Checks indptr, since SciPy itself would read out of bounds."""
    offsets = matrix.indptr
    ends = (int(offsets[0]), int(offsets[-1]))
    if ends != (0, len(matrix.indices)) or np.any(offsets[1:] < offsets[:-1]):
        raise ValueError(
            f"{name}: expected indptr to increase from 0 to {len(matrix.indices)}, got a sparse "
            f"matrix whose indptr goes from {ends[0]} to {ends[1]}"
            + (" and decreases in between" if ends == (0, len(matrix.indices)) else "")
        )


def _check_columns(matrix: CsrMatrix, name: str) -> None:
    """Checks that column indices are in range, before they are converted to int32."""
    columns, width = matrix.indices, matrix.shape[1]
    if columns.size and (columns.min() < 0 or columns.max() >= width):
        worst = columns.min() if columns.min() < 0 else columns.max()
        raise ValueError(f"{name}: expected column indices below {width}, got {worst}")


def _check_finite(matrix: CsrMatrix, values: Array, name: str, rows: RowIndices | None) -> None:
    found = _core.find_nonfinite(values.reshape(-1, 1)) if values.size else None
    if found is None:
        return
    nonzero = found[0]
    row = int(np.searchsorted(matrix.indptr, nonzero, side="right")) - 1
    shown = row if rows is None else int(rows[row])
    raise ValueError(
        f"{name}: expected finite numbers, got {matrix.data[nonzero]} "
        f"at row {shown}, column {int(matrix.indices[nonzero])}"
    )


def core_rows(x: object, name: str, width: int) -> Any:
    """x `(n, ..., width)` as rows for the core: dense `(rows, width)`, or CSR.

    Raises
    ------
    ValueError, TypeError
        x has the wrong width, or its elements are not numbers.
    """
    if is_sparse(x):
        return to_sparse_rows(to_csr(x, name), name, (None, width))
    array = to_array(x, name)
    shape = (*[None] * (array.ndim - 1), width) if array.ndim > 1 else (None, width)
    return features(array, name, shape).reshape(-1, width)
