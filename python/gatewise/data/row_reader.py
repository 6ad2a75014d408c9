"""Rows of the arrays of one call, each array converted and checked once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeAlias, cast

import numpy as np

from gatewise import _core
from gatewise.data import convert
from gatewise.data.convert import Array, Floats, Labels, RowIndices, Shape
from gatewise.data.csr import CsrMatrix, to_sparse_rows
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
        self._read: dict[Hashable, tuple[Array | CsrMatrix, RowIndices]] = {}
        self._converted: dict[Hashable, Floats | None] = {}

    def features(self, part: Part, shape: Shape) -> Floats | _core.SparseRows:
        """Rows of a model input."""
        raw, rows, known = self._rows(part)
        if part.sparse:
            key = _identity(part.raw)
            is_finite = part.checked or key in self._converted
            converted = to_sparse_rows(cast("CsrMatrix", raw), part.name, shape, rows, is_finite)
            self._converted[key] = None
            return converted
        return self._keep(part, convert.features(cast("Array", raw), part.name, shape, rows, known))

    def targets(self, part: Part, rule: TargetRule) -> Floats | Labels:
        """Rows of the targets of one output."""
        raw, rows, known = self._rows(part)
        converted = rule.convert(cast("Array", raw), part.name, rows, known)
        return converted if rule.are_labels else self._keep(part, cast("Floats", converted))

    def weights(self, part: Part, samples: int) -> Floats:
        """Weights of the samples."""
        raw, rows, known = self._rows(part)
        array = cast("Array", raw)
        return self._keep(part, convert.weights(array, part.name, samples, rows, known))

    def _rows(self, part: Part) -> tuple[Array | CsrMatrix, RowIndices, Floats | None]:
        """Rows before conversion, their indices, and the converted rows if they are known."""
        key = _identity(part.raw)
        if key not in self._read:
            self._read[key] = part.read(self._row_ranges)
        raw, rows = self._read[key]
        known = self._converted.get(key)
        return raw, rows, part.read_converted(self._row_ranges) if known is None else known

    def _keep(self, part: Part, converted: Floats) -> Floats:
        self._converted[_identity(part.raw)] = converted
        return converted


def _identity(raw: Array | CsrMatrix) -> Hashable:
    """Equal for arrays of the same memory, dtype and layout; two may be views of one tensor."""
    if not isinstance(raw, np.ndarray):
        return id(raw)
    return raw.__array_interface__["data"][0], raw.dtype.str, raw.shape, raw.strides
