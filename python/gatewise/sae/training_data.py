"""Training data of an autoencoder: rows, which are their own targets by default."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np

from gatewise.data import convert
from gatewise.data.batches import call_hook, iterate, unpack
from gatewise.data.convert import Array, Floats, Indices
from gatewise.data.csr import is_sparse, to_csr
from gatewise.data.dense_rows import DenseRows
from gatewise.data.parts import Checked, to_part
from gatewise.data.split import training_samples
from gatewise.training.progress import Verbose, tracked

_BLOCK_ROWS = 1 << 14
"""Rows that are converted or checked at once."""
_BLOCK_VALUES = 1 << 18
"""Values of the rows that are read and summed at once; few enough to stay in a cache."""
_SAMPLE_ROWS = 1024
"""Size of the sample for revived units: enough for a median, cheap beside a training step."""

Rows: TypeAlias = "Checked | np.memmap[Any, Any] | DenseRows"
"""Rows `(n, d)` in memory, converted and checked, or the memory map of a file, or sparse ones."""


def as_rows(x: Any, name: str) -> Any:
    """Rows `(n, d)` before conversion: an array, the memory map of a file, or `DenseRows`.

    All axes but the last of an array count as rows.
    """
    if isinstance(x, str | os.PathLike):
        x = _open(x, name)
    if isinstance(x, DenseRows):
        return x
    if is_sparse(x):
        return DenseRows(to_csr(x, name))
    array = convert.to_array(x, name)
    if array.ndim < 2:
        raise ValueError(f"{name}: expected rows (n, d), got an array {array.shape}")
    return array if array.ndim == 2 else array.reshape(-1, array.shape[-1])


def _open(path: str | os.PathLike[str], name: str) -> Any:
    """The memory map of a `.npy` file."""
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{name}: expected a .npy file of numbers, got {path}") from error
    if not isinstance(rows, np.ndarray):
        raise ValueError(f"{name}: expected a .npy file, got the archive {path}")
    return rows


def array_of(rows: Checked | Array | DenseRows) -> Any:
    """The array of rows, converted if they are `Checked`."""
    if isinstance(rows, Checked):
        assert rows.converted is not None
        return rows.converted
    return rows


def as_row_weights(sample_weight: Any, x: Any) -> Any:
    """Weights of the rows of `as_rows(x)`: those of (b, t) rows as (b t,)."""
    shape = getattr(x, "shape", ())
    if len(shape) > 2 and getattr(sample_weight, "shape", None) == tuple(shape[:-1]):
        return sample_weight.reshape(-1)
    return sample_weight


def read_rows(rows: Rows, indices: range | Indices) -> Floats:
    """Some rows as float32; those of a file are checked each time."""
    array = array_of(rows)
    part: Floats = (
        array[indices.start : indices.stop] if isinstance(indices, range) else array[indices]
    )
    if isinstance(rows, Checked):
        return part
    return convert.features(part, "x", (None, array.shape[1]), indices)


@dataclass(frozen=True)
class WeightedRows:
    """Rows of a training with their sample weights `(n,)`, or None: all 1."""

    rows: Rows
    weights: Floats | None = None

    @classmethod
    def of(cls, rows: Rows, sample_weight: Any, prefix: str = "") -> WeightedRows:
        """Rows and the `sample_weight` of `fit`, checked."""
        if sample_weight is None:
            return cls(rows)
        name = f"{prefix}sample_weight"
        if isinstance(sample_weight, list | tuple | Mapping) and len(sample_weight) == 1:
            values = sample_weight.values() if isinstance(sample_weight, Mapping) else sample_weight
            sample_weight = next(iter(values))  # as for a model with one output
        array = cast("Array", to_part(sample_weight, name).raw)
        weights = convert.weights(array, name, (len(array_of(rows)),))
        return cls(rows, weights if np.any(weights > 0) else None)

    def for_training(self, validation_split: float) -> WeightedRows:
        """Those that `validation_split` leaves for training."""
        return self._slice(0, training_samples(len(array_of(self.rows)), validation_split))

    def for_validation(self, validation_split: float) -> WeightedRows:
        """Those that `validation_split` holds out."""
        count = len(array_of(self.rows))
        return self._slice(training_samples(count, validation_split), count)

    def _slice(self, first: int, stop: int) -> WeightedRows:
        part = slice(first, stop)
        weights = None if self.weights is None else self.weights[part]
        if isinstance(self.rows, Checked):
            return WeightedRows(Checked(self.rows.raw[part], array_of(self.rows)[part]), weights)
        if isinstance(self.rows, DenseRows):
            return WeightedRows(self.rows.slice_rows(first, stop), weights)
        return WeightedRows(cast("np.memmap[Any, Any]", self.rows[part]), weights)

    def blocks(self, verbose: Verbose = 0) -> Iterator[tuple[Floats, Floats | None]]:
        """All rows in blocks, with their weights; negative weights count as 0."""
        count, width = array_of(self.rows).shape
        size = max(1, min(_BLOCK_ROWS, _BLOCK_VALUES // max(width, 1)))
        for start in tracked(range(0, count, size), "reading rows", verbose):
            block = range(start, min(start + size, count))
            weights = None
            if self.weights is not None:
                weights = np.maximum(self.weights[block.start : block.stop], 0)
            yield read_rows(self.rows, block), weights

    def total_weight(self) -> float:
        """The sum of the weights."""
        if self.weights is None:
            return len(array_of(self.rows))
        return float(np.maximum(self.weights, 0).sum(dtype=np.float64))

    def evenly_spaced(self, limit: int = _SAMPLE_ROWS) -> Floats:
        """Up to `limit` evenly spaced rows of those with a weight above 0."""
        counted = np.arange(len(array_of(self.rows)))
        if self.weights is not None:
            counted = np.flatnonzero(self.weights > 0)
        at = np.linspace(0, len(counted) - 1, min(len(counted), limit))
        return read_rows(self.rows, counted[np.unique(at.astype(np.int64))])


class Moments:
    """The sums by which mean and variance of rows are known, a part of the rows at a time.

    References
    ----------
    Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance", equation 2.1b.
    """

    def __init__(self) -> None:
        self._shift: Any = 0.0  # the first row: sums of rows that equal it are exact
        self._weight = 0.0
        self._counted = 0
        self._mean: Any = 0.0  # of the rows minus the shift
        self._square = 0.0

    def add(self, rows: Any, weights: Any = None) -> None:
        """Adds rows `(n, d)`, which count by their weights `(n,)`."""
        if weights is None:
            weight, counted = float(len(rows)), len(rows)
        else:
            weights = np.asarray(weights, np.float64)
            weight, counted = float(weights.sum()), int(np.count_nonzero(weights))
        if weight == 0:
            return
        if not self._weight:
            self._shift = np.asarray(rows[0], np.float64)
        shifted = rows - self._shift
        mean = shifted.mean(axis=0) if weights is None else weights @ shifted / weight
        shifted -= mean
        weighted = shifted if weights is None else weights[:, None] * shifted
        self._square += float(np.vdot(weighted, shifted))
        change = mean - self._mean
        total = self._weight + weight
        if self._weight:
            self._square += float(change @ change) * self._weight * weight / total
        self._mean = self._mean + change * (weight / total)
        self._weight = total
        self._counted += counted

    @property
    def mean(self) -> Any:
        """`sum w x / sum w` (d,), float64."""
        return self._shift + self._mean

    def square_about(self, center: Any) -> float:
        """`sum w |x - center|^2` over all values."""
        offset = self.mean - center
        return self._square + self._weight * float(np.vdot(offset, offset))

    @property
    def variance(self) -> float:
        """`sum w |x - mean|^2` per value and row of nonzero weight; NaN without one."""
        return self._square / (self._counted * len(self._mean)) if self._counted else math.nan


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
        self.moments: Moments | None = None
        """If set, takes the targets of each batch that is drawn."""

    def __iter__(self) -> Iterator[Any]:
        return map(self._pair, itertools.count(), iterate(self._batches))

    def on_epoch_begin(self) -> None:
        """Called before each pass."""
        call_hook(self._batches, "on_epoch_begin")

    def on_epoch_end(self) -> None:
        """Called after each pass."""
        call_hook(self._batches, "on_epoch_end")

    def first(self) -> tuple[Any, Any]:
        """The rows of the first batch, and their sample weights or None."""
        return self._rows(next(iterate(self._batches), None))

    @staticmethod
    def _rows(batch: Any) -> tuple[Any, Any]:
        if batch is None:
            raise ValueError("x: expected at least one batch, got an empty iterator")
        x, _, weights = unpack(batch)
        return as_rows(x, "batch 0: x"), as_row_weights(weights, x)

    def _pair(self, index: int, batch: Any) -> Any:
        given, y, weight = unpack(batch)
        x = as_rows(given, f"batch {index}: x")
        y = x if y is None else as_rows(y, f"batch {index}: y")
        self._limits.check(y, f"batch {index}: y")
        if self.moments is not None:
            self.moments.add(y, as_row_weights(weight, given))
        return (x, y) if weight is None else (x, y, as_row_weights(weight, given))


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

    def first(self) -> tuple[Any, Any]:
        held = next(iter(self._batches), None)
        if held is not None:
            self._batches = itertools.chain([held], self._batches)
        return self._rows(held)
