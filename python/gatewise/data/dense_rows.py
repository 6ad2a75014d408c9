"""Rows of a sparse matrix that are read as dense ones, some at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.data.csr import CsrMatrix


class DenseRows:
    """The rows `(n, d)` of a CSR matrix for what reads dense rows in blocks, such as a file's.

    Parameters
    ----------
    matrix : CSR matrix (n, d)
        Of `to_csr`.
    first, stop : int, optional
        The rows of it; default all.
    """

    ndim = 2

    def __init__(self, matrix: CsrMatrix, first: int = 0, stop: int | None = None) -> None:
        self._matrix = matrix
        self._first = first
        self._stop = int(matrix.shape[0]) if stop is None else stop

    @property
    def shape(self) -> tuple[int, int]:
        """The count of rows, and their width."""
        return len(self), int(self._matrix.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return self._matrix.data.dtype

    def __len__(self) -> int:
        return self._stop - self._first

    def __getitem__(self, rows: Any) -> npt.NDArray[Any]:
        """The rows of a slice or of an array of indices, dense."""
        indices = np.arange(self._first, self._stop)[rows]
        matrix: Any = self._matrix
        if isinstance(rows, slice) and rows.step in (None, 1) and len(indices):
            found = matrix[int(indices[0]) : int(indices[-1]) + 1]
        else:
            found = matrix[indices]
        dense: npt.NDArray[Any] = found.toarray()
        return dense

    def slice_rows(self, first: int, stop: int) -> DenseRows:
        """Rows `first` to `stop`, still sparse."""
        return DenseRows(self._matrix, self._first + first, self._first + stop)
