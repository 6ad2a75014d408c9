"""Unconverted arrays of a call, matched to a model's inputs and outputs."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from gatewise.data.convert import Array, Floats, RowIndices, check_numeric, to_array
from gatewise.data.csr import CsrMatrix, is_sparse, to_csr
from gatewise.data.dense_rows import DenseRows


@dataclass(frozen=True, eq=False, repr=False)
class Checked:
    """An array in memory that was found finite, for a further use of it in the same call.

    Attributes
    ----------
    raw : array, CSR matrix or DenseRows
        The user's array.
    converted : ndarray, optional
        Its values as float32; None for a CSR matrix.
    """

    raw: Array | CsrMatrix | DenseRows
    converted: Floats | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Part:
    """Rows `first` to `stop` of one array of the user, with its argument name.

    `checked`: the array was found finite. `converted`: its values as float32, if they are known.
    """

    raw: Array | CsrMatrix | DenseRows
    name: str
    first: int
    stop: int
    checked: bool = False
    converted: Floats | None = None

    @property
    def samples(self) -> int:
        """Count of rows."""
        return self.stop - self.first

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape; axis 0 is samples."""
        return (self.samples, *self.raw.shape[1:])

    @property
    def streamed(self) -> bool:
        """True if the array is a memory-mapped file, or is made dense, and is read in buffers."""
        return isinstance(self.raw, np.memmap | DenseRows)

    @property
    def sparse(self) -> bool:
        """True if the array is a sparse matrix."""
        return not isinstance(self.raw, np.ndarray | DenseRows)

    @property
    def sample_bytes(self) -> int:
        """Bytes per converted sample; the mean for a sparse matrix."""
        if isinstance(self.raw, np.ndarray | DenseRows):
            return 4 * math.prod(self.shape[1:])
        return 8 + 8 * len(self.raw.indices) // max(1, self.raw.shape[0])

    def slice_rows(self, first: int, stop: int) -> Part:
        """Rows `first` to `stop` of this part."""
        return replace(self, first=self.first + first, stop=self.first + stop)

    def read(
        self, row_ranges: Sequence[tuple[int, int]] | None = None
    ) -> tuple[Array | CsrMatrix, RowIndices]:
        """The rows in `row_ranges` (from, to), in this order, and their indices; default all."""
        spans = self._spans(row_ranges)
        if spans == [(0, self.raw.shape[0])] and not isinstance(self.raw, DenseRows):
            return self.raw, range(self.raw.shape[0])
        if len(spans) == 1:
            return self.raw[slice(*spans[0])], range(*spans[0])
        # Only files are read in several ranges, and files contain dense arrays.
        dense = cast("Array", self.raw)
        row_indices = np.concatenate([np.arange(*span, dtype=np.int64) for span in spans])
        return np.concatenate([dense[slice(*span)] for span in spans]), row_indices

    def read_converted(self, row_ranges: Sequence[tuple[int, int]] | None = None) -> Floats | None:
        """The rows that `read` returns as float32, if `converted` is known."""
        if self.converted is None:
            return None
        parts = [self.converted[slice(*span)] for span in self._spans(row_ranges)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _spans(self, row_ranges: Sequence[tuple[int, int]] | None) -> list[tuple[int, int]]:
        if row_ranges is None:
            row_ranges = [(0, self.samples)]
        return [(self.first + first, self.first + stop) for first, stop in row_ranges]


def open_npy(path: str | os.PathLike[str], name: str) -> Array:
    """Memory-maps the array of a `.npy` file.

    Raises
    ------
    OSError
        If the file does not exist.
    ValueError
        If it is not a `.npy` file of numbers.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{name}: expected a .npy file, got {path} ({error})") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise ValueError(f"{name}: expected a .npy file, got {path}")
    return array


def to_part(value: object, name: str) -> Part:
    """One argument as a `Part`.

    Raises
    ------
    TypeError
        If `value` is not an array, or its elements are not numbers.
    ValueError
        If `value` has no axis, or is a path to a file that is not `.npy`.
    OSError
        If `value` is a path and the file does not exist.
    """
    if isinstance(value, Checked):
        samples = int(value.raw.shape[0])
        return Part(value.raw, name, 0, samples, checked=True, converted=value.converted)
    raw: Array | CsrMatrix | DenseRows
    if isinstance(value, DenseRows):
        check_numeric(value, name)
        return Part(value, name, 0, len(value))
    if isinstance(value, (str, os.PathLike)):
        raw = open_npy(value, name)
    elif is_sparse(value):
        raw = to_csr(value, name)
    else:
        raw = to_array(value, name)
    if isinstance(raw, np.ndarray):
        check_numeric(raw, name)
        if raw.ndim == 0:
            raise ValueError(f"{name}: expected an array of samples, got the number {raw}")
    return Part(raw, name, 0, int(raw.shape[0]))


def match_names(value: object, names: Sequence[str], argument: str) -> list[tuple[object, str]]:
    """The array for each of `names` (a model's inputs or outputs), with its argument name.

    Parameters
    ----------
    value : array, list, tuple or dict
        One array for one name; else a list in the order of `names`, or a dict with these keys.
    names : sequence of str
        The model's input or output names.
    argument : str
        Argument name for error messages.

    Raises
    ------
    ValueError
        If the count of arrays, or a key, does not match.
    """
    if isinstance(value, Mapping) and not is_sparse(value):  # DOK is a mapping too
        if set(value) != set(names):
            raise ValueError(
                f"{argument}: expected a dict with keys {', '.join(names)}, "
                f"got {', '.join(map(str, value))}"
            )
        return [(value[name], f"{argument}[{name!r}]") for name in names]
    if len(names) == 1:
        if isinstance(value, (list, tuple)) and len(value) == 1 and _is_array(value[0]):
            return [(value[0], argument)]
        return [(value, argument)]
    if not isinstance(value, (list, tuple)) or len(value) != len(names):
        got = f"{len(value)}" if isinstance(value, (list, tuple)) else type(value).__name__
        raise ValueError(
            f"{argument}: expected a list of {len(names)} arrays ({', '.join(names)}), got {got}"
        )
    return [(each, f"{argument}[{index}]") for index, each in enumerate(value)]


def to_parts(value: object, names: Sequence[str], argument: str) -> list[Part]:
    """One `Part` per name; see `match_names` and `to_part`."""
    return [to_part(each, name) for each, name in match_names(value, names, argument)]


def _is_array(value: object) -> bool:
    return hasattr(value, "__array__") or is_sparse(value)
