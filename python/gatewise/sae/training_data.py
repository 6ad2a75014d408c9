"""Training data of an autoencoder: rows, which are their own targets by default."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np

from gatewise.data import convert
from gatewise.data.batches import end_pass, iterate, unpack
from gatewise.data.convert import Array, Floats, Indices
from gatewise.data.parts import Checked
from gatewise.data.split import training_samples

_BLOCK_ROWS = 1 << 14
"""Rows of a file that are checked at once."""
_SAMPLE_ROWS = 1024
"""Size of the sample for revived units: enough for a median, cheap beside a training step."""

Rows: TypeAlias = "Checked | np.memmap[Any, Any]"
"""Rows `(n, d)` in memory, converted and checked, or the memory map of a file."""


def as_rows(x: Any, name: str) -> Any:
    """Rows `(n, d)` before conversion: an array, or the memory map of a file."""
    if isinstance(x, str | os.PathLike):
        x = _open(x, name)
    array = convert.to_array(x, name)
    if array.ndim != 2:
        raise ValueError(f"{name}: expected rows (n, d), got an array {array.shape}")
    return array


def _open(path: str | os.PathLike[str], name: str) -> Any:
    """The memory map of a `.npy` file."""
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{name}: expected a .npy file of numbers, got {path}") from error
    if not isinstance(rows, np.ndarray):
        raise ValueError(f"{name}: expected a .npy file, got the archive {path}")
    return rows


def array_of(rows: Checked | Array) -> Array:
    """The array of rows, converted if they are `Checked`."""
    if isinstance(rows, Checked):
        assert rows.converted is not None
        return rows.converted
    return rows


def read_rows(rows: Rows, indices: range | Indices) -> Floats:
    """Some rows as float32; those of a file are checked each time."""
    array = array_of(rows)
    part = array[indices.start : indices.stop] if isinstance(indices, range) else array[indices]
    if isinstance(rows, Checked):
        return part
    return convert.features(part, "x", (None, array.shape[1]), indices)


def training_rows(rows: Rows, validation_split: float) -> Rows:
    """The rows that `validation_split` leaves for training."""
    kept = training_samples(len(array_of(rows)), validation_split)
    if isinstance(rows, Checked):
        return Checked(rows.raw[:kept], array_of(rows)[:kept])
    return cast("np.memmap[Any, Any]", rows[:kept])


def evenly_spaced_rows(rows: Rows) -> Floats:
    """Up to 1,024 rows at evenly spaced indices."""
    count = len(array_of(rows))
    indices = np.unique(np.linspace(0, count - 1, min(count, _SAMPLE_ROWS)).astype(np.int64))
    return read_rows(rows, indices)


@dataclass(frozen=True)
class Limits:
    """Range of the outputs of an activation."""

    activation: str
    low: float = -math.inf
    high: float = math.inf

    def check(self, values: Any, name: str) -> None:
        """Raises ValueError if targets `(n, d)` are outside the range."""
        if self == Limits(self.activation):
            return
        convert.check_numeric(values, name)
        for start in range(0, len(values), _BLOCK_ROWS):
            part = values[start : start + _BLOCK_ROWS]
            outside = (part < self.low) | (part > self.high)
            if outside.any():
                row, column = np.argwhere(outside)[0]
                expected = f"in [0, {self.high:g}]" if self.high < math.inf else ">= 0"
                raise ValueError(
                    f"{name}: expected targets {expected} with output_activation="
                    f"{self.activation!r}, got {part[row, column]:g} at row {start + row}, column "
                    f"{column}; output_activation='linear' has no such limit"
                )


def pair_with_targets(batches: Iterable[Any], limits: Limits) -> Batches:
    """Batches `(x, y)` or `(x, y, sample_weight)` of an iterable whose batches may lack y.

    x is the default target. For an iterator the result is an iterator; for any other iterable it
    can be iterated as often as the iterable.
    """
    if hasattr(batches, "__next__"):
        return OneShotBatches(batches, limits)
    if hasattr(batches, "__len__"):
        return SizedBatches(batches, limits)
    return Batches(batches, limits)


class Batches:
    """See `pair_with_targets`."""

    def __init__(self, batches: Iterable[Any], limits: Limits) -> None:
        self._batches = batches
        self._limits = limits

    def __iter__(self) -> Iterator[Any]:
        return map(self._pair, itertools.count(), iterate(self._batches))

    def on_epoch_end(self) -> None:
        """Called after each pass."""
        end_pass(self._batches)

    def first(self) -> Any:
        """The rows of the first batch."""
        return self._rows(next(iterate(self._batches), None))

    @staticmethod
    def _rows(batch: Any) -> Any:
        if batch is None:
            raise ValueError("x: expected at least one batch, got an empty iterator")
        return as_rows(unpack(batch)[0], "batch 0: x")

    def _pair(self, index: int, batch: Any) -> Any:
        x, y, weight = unpack(batch)
        y = x if y is None else y
        self._limits.check(as_rows(y, f"batch {index}: y"), f"batch {index}: y")
        return (x, y) if weight is None else (x, y, weight)


class SizedBatches(Batches):
    """Batches whose count is known."""

    def __len__(self) -> int:
        return len(self._batches)  # type: ignore[arg-type]


class OneShotBatches(Batches):
    """Batches of an iterator; `first` returns the first batch without consuming it."""

    def __init__(self, batches: Iterable[Any], limits: Limits) -> None:
        super().__init__(iter(batches), limits)
        self._counter = itertools.count()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._pair(next(self._counter), next(iter(self._batches)))

    def first(self) -> Any:
        held = next(iter(self._batches), None)
        if held is not None:
            self._batches = itertools.chain([held], self._batches)
        return self._rows(held)
