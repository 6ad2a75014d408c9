"""Rows of the arrays of one call, each array converted and checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np

from gatewise import _core
from gatewise.data import convert
from gatewise.data.convert import Array, Floats, Labels, RowIndices, Shape
from gatewise.data.csr import CsrMatrix, to_sparse_rows
from gatewise.data.dense_rows import DenseRows
from gatewise.data.parts import Part
from gatewise.data.targets import TargetRule

RowRanges: TypeAlias = Sequence[tuple[int, int]]


class RowReader:
    """Reads, converts and checks rows of the arrays of a call.

    An array that is given several times, such as x as its own target, is read, converted and
    checked for NaN once; so is one that was checked before (`Part.checked`).

    Parameters
    ----------
    row_ranges : sequence of (int, int), optional
        The rows to read (from, to), in this order; default all.
    """

    def __init__(self, row_ranges: RowRanges | None = None) -> None:
        self._row_ranges = row_ranges
        self._read: list[_ReadRows] = []

    def features(self, part: Part, shape: Shape) -> Floats | _core.SparseRows:
        """Rows of a model input."""
        read = self._rows(part)
        if part.sparse:
            matrix = cast("CsrMatrix", read.raw)
            is_finite = part.checked or read.is_finite
            converted = to_sparse_rows(matrix, part.name, shape, read.indices, is_finite)
            read.is_finite = True
            return converted
        raw = cast("Array", read.raw)
        read.converted = convert.features(raw, part.name, shape, read.indices, read.converted)
        return read.converted

    def integers(self, part: Part, shape: Shape) -> Labels:
        """Rows of a model input of integers."""
        read = self._rows(part)
        if part.sparse:
            raise TypeError(f"{part.name}: expected an array of integers, got a sparse matrix")
        return convert.integers(cast("Array", read.raw), part.name, shape)

    def targets(self, part: Part, rule: TargetRule) -> Floats | Labels:
        """Rows of the targets of one output."""
        read = self._rows(part)
        raw = cast("Array", read.raw)
        converted = rule.convert(raw, part.name, read.indices, read.converted)
        if converted.dtype == np.float32:
            read.converted = cast("Floats", converted)
        return converted

    def weights(self, part: Part, shape: tuple[int, ...]) -> Floats:
        """Weights of the samples, or of their rows, if `shape` (n, t) has several."""
        read = self._rows(part)
        raw = cast("Array", read.raw)
        read.converted = convert.weights(raw, part.name, shape, read.indices, read.converted)
        return read.converted

    def _rows(self, part: Part) -> _ReadRows:
        for read in self._read:
            if _is_same_array(read.source, part.raw):
                break
        else:
            read = _ReadRows(part.raw, *part.read(self._row_ranges))
            self._read.append(read)
        if read.converted is None:
            read.converted = part.read_converted(self._row_ranges)
        return read


@dataclass(eq=False, repr=False)
class _ReadRows:
    """Rows of one array, as read and, once known, as converted and checked."""

    source: Array | CsrMatrix | DenseRows
    raw: Array | CsrMatrix
    indices: RowIndices
    converted: Floats | None = None
    is_finite: bool = False


def _is_same_array(a: Array | CsrMatrix | DenseRows, b: Array | CsrMatrix | DenseRows) -> bool:
    """Whether two arrays have the same memory, dtype and layout; both may view one tensor."""
    if a is b:
        return True
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)) or a.shape != b.shape:
        return False
    same_layout = a.dtype == b.dtype and a.strides == b.strides
    return same_layout and a.__array_interface__["data"] == b.__array_interface__["data"]
