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
from gatewise.data.sparse_structure import check_structure, dok_to_coo, is_canonical


class CsrMatrix(Protocol):
    """The attributes of `scipy.sparse.csr_array` and `csr_matrix` that this package uses."""

    shape: tuple[int, int]
    indptr: Array
    indices: Array
    data: Array

    def __getitem__(self, rows: slice) -> CsrMatrix: ...


def is_sparse(value: object) -> bool:
    """True if `value` is a SciPy sparse matrix or array; does not import SciPy."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(value))


def to_csr(value: object, name: str) -> CsrMatrix:
    """`value` as CSR, checked; the same object if it already is CSR.

    The one way of a user's sparse matrix into the package.

    Raises
    ------
    TypeError
        If the dtype is complex or object.
    ValueError
        If `value` does not have two axes, or its arrays do not fit each other or its shape.
    """
    matrix: Any = value
    check_numeric(matrix, name)
    if matrix.format == "dok":
        matrix = dok_to_coo(matrix, name)
    check_structure(matrix, name)
    if matrix.format == "csr":
        return cast("CsrMatrix", matrix)
    converted = matrix.tocsr()
    check_structure(converted, name)
    return cast("CsrMatrix", converted)


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
        Of `to_csr`, or a part of it. Explicit zeros are kept; duplicates are summed, as in SciPy.
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
    matrix = to_canonical(matrix)
    values = to_float32(matrix.data, name)
    if not is_finite:
        _check_finite(matrix, values, name, rows)
    return _core.SparseRows(
        np.require(matrix.indptr, np.int64, ["C", "A"]),
        np.require(matrix.indices, np.int32, ["C", "A"]),
        values,
        matrix.shape[1],
    )


def to_canonical(matrix: CsrMatrix) -> CsrMatrix:
    """A result of `to_csr` with sorted indices without duplicates; itself if it has them."""
    if is_canonical(matrix):
        return matrix
    from scipy.sparse import csr_array

    # A new object: a stale flag of the old one would keep SciPy from sorting.
    arrays = matrix.data.copy(), matrix.indices.copy(), matrix.indptr.copy()
    canonical = csr_array(arrays, shape=matrix.shape)
    canonical.sum_duplicates()
    return cast("CsrMatrix", canonical)


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
