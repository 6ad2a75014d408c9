"""The one check of SciPy sparse matrices, before SciPy or the core converts or slices them.

Their arrays can be set to anything, and the compiled code of SciPy and of the core reads and writes
where they point. Flags such as `has_canonical_format` are not read: they may be stale.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from gatewise.data.convert import Array

_MAX_SIZE = np.iinfo(np.int32).max
"""The core's column indices, and most of SciPy's, have 32 bits."""


def check_structure(matrix: Any, name: str) -> None:
    """Checks that the arrays of a matrix of any format describe one of its shape.

    Raises
    ------
    ValueError
        If they do not; the message names the array.
    """
    shape = matrix.shape
    if len(shape) != 2:
        _refuse(name, matrix, f"{len(shape)} axes instead of 2")
    rows, cols = shape
    if rows < 0 or cols < 0:
        _refuse(name, matrix, "a negative size")
    if max(rows, cols) > _MAX_SIZE:
        _refuse(name, matrix, f"an axis of more than {_MAX_SIZE}")
    match matrix.format:
        case "csr":
            _check_compressed(matrix, name, matrix.data.shape, rows, cols)
        case "csc":
            _check_compressed(matrix, name, matrix.data.shape, cols, rows)
        case "bsr":
            _check_blocks(matrix, name, rows, cols)
        case "coo":
            _check_coordinates(matrix, name, rows, cols)
        case "lil":
            lengths = [len(row) for row in matrix.rows]
            if len(lengths) != rows or lengths != [len(row) for row in matrix.data]:
                _refuse(name, matrix, "rows and data of different lengths")
        case "dia":
            data, offsets = matrix.data, matrix.offsets
            _check_indices(matrix, name, offsets, "offsets")
            if data.ndim != 2 or len(data) != len(offsets):
                _refuse(name, matrix, "offsets that do not fit data")


def dok_to_coo(matrix: Any, name: str) -> Any:
    """A DOK matrix as COO; SciPy checks its keys, in Python."""
    try:
        return matrix.tocoo()
    except (IndexError, TypeError, ValueError):
        _refuse(name, matrix, "keys outside it")


def is_canonical(matrix: Any) -> bool:
    """Whether the column indices of a valid CSR matrix ascend strictly within each row."""
    indices, offsets = matrix.indices, matrix.indptr
    ascends = indices[1:] > indices[:-1]
    starts = offsets[1:-1]
    ascends[starts[(starts > 0) & (starts < len(indices))] - 1] = True
    return bool(ascends.all())


def _check_blocks(matrix: Any, name: str, rows: int, cols: int) -> None:
    if matrix.data.ndim != 3:
        _refuse(name, matrix, f"data of {matrix.data.ndim} axes instead of 3")
    height, width = matrix.data.shape[1:]
    if not height or not width or rows % height or cols % width:
        _refuse(name, matrix, f"blocks of {height} x {width}, which do not divide it")
    blocks = matrix.data.shape[:1]
    _check_compressed(matrix, name, blocks, rows // height, cols // width)


def _check_compressed(
    matrix: Any, name: str, data_shape: tuple[int, ...], major: int, minor: int
) -> None:
    offsets, indices = matrix.indptr, matrix.indices
    for array, what in ((offsets, "indptr"), (indices, "indices")):
        _check_indices(matrix, name, array, what)
    if len(offsets) != major + 1:
        _refuse(name, matrix, f"indptr of {len(offsets)} values instead of {major + 1}")
    if data_shape != (len(indices),):
        _refuse(name, matrix, f"{len(indices)} indices for data of shape {data_shape}")
    first, last = int(offsets[0]), int(offsets[-1])
    if (first, last) != (0, len(indices)):
        _refuse(name, matrix, f"indptr from {first} to {last} instead of 0 to {len(indices)}")
    if np.any(offsets[1:] < offsets[:-1]):
        _refuse(name, matrix, "indptr that decreases")
    _check_range(matrix, name, indices, "indices", minor)


def _check_coordinates(matrix: Any, name: str, rows: int, cols: int) -> None:
    for array, what, size in ((matrix.row, "row", rows), (matrix.col, "col", cols)):
        _check_indices(matrix, name, array, what)
        if array.shape != matrix.data.shape:
            _refuse(name, matrix, f"{len(array)} of {what} for data of shape {matrix.data.shape}")
        _check_range(matrix, name, array, what, size)


def _check_indices(matrix: Any, name: str, array: Array, what: str) -> None:
    # SciPy itself makes int32 and int64 only; sums of smaller ones with its sizes can overflow.
    if array.ndim != 1 or array.dtype not in (np.int32, np.int64):
        _refuse(name, matrix, f"{what} that is no array (n,) of int32 or int64")


def _check_range(matrix: Any, name: str, array: Array, what: str, size: int) -> None:
    if array.size and (array.min() < 0 or array.max() >= size):
        worst = array.min() if array.min() < 0 else array.max()
        _refuse(name, matrix, f"{worst} in {what}, expected 0 to {size - 1}")


def _refuse(name: str, matrix: Any, found: str) -> NoReturn:
    raise ValueError(
        f"{name}: expected a well-formed sparse matrix, got {matrix.format} of shape "
        f"{tuple(matrix.shape)} with {found}"
    )
