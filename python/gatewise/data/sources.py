"""Batches of training or test samples, from arrays in memory or in files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol, TypeAlias

import numpy as np

from gatewise import _core
from gatewise.data.convert import Indices
from gatewise.data.sample_set import SampleSet
from gatewise.utils.streams import buffer_stream

Batch: TypeAlias = tuple[_core.Dataset, Indices]
"""Samples for the core, and the indices of those in the batch."""

# Bytes of a row buffer of a streamed array: large enough to shuffle well and read long contiguous
# ranges, small compared with the memory of a training machine.
_BUFFER_BYTES = 32 << 20
_BLOCKS_PER_BUFFER = 16


class BatchSource(Protocol):
    """Source of batches for `fit` and `evaluate`."""

    @property
    def steps(self) -> int | None:
        """Batches per pass; None if unknown."""

    @property
    def one_shot(self) -> bool:
        """True if the source supports only one pass."""

    def start_pass(self, seed: int, stream: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one pass without the first `skip`; seed and stream set the order."""


class ArraySource:
    """Batches from arrays in memory, converted and checked once, shuffled by index.

    Parameters
    ----------
    samples : SampleSet
        The arrays.
    batch_size : int
        Samples per batch; the last batch of a pass can have fewer.
    shuffle : bool
        If True, each pass has a new random order; else the order of the arrays.
    """

    one_shot = False

    def __init__(self, samples: SampleSet, batch_size: int, shuffle: bool) -> None:
        self._dataset = samples.dataset()
        self._samples = samples.samples
        self._batch_size = batch_size
        self._shuffle = shuffle

    @property
    def steps(self) -> int:
        """Batches per pass."""
        return -(-self._samples // self._batch_size)

    def start_pass(self, seed: int, stream: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one pass without the first `skip`; seed and stream set the order."""
        order = _order(self._shuffle, seed, stream, self._samples)
        return _batches(self._dataset, order, self._batch_size, skip)


class StreamSource:
    """Batches from arrays of which at least one is a file, with one row buffer in memory.

    A shuffled pass reads blocks of consecutive rows in random order, and shuffles the rows of 16
    blocks together in a buffer. Each buffer is converted and checked when it is read. Rows that fit
    one buffer have the order of an array in memory, so that training gives the same bits.

    Parameters
    ----------
    samples : SampleSet
        The arrays.
    batch_size : int
        Samples per batch; the last batch of a pass can have fewer.
    shuffle : bool
        If True, each pass has a new random order; else the order of the arrays.
    buffer_bytes : int, optional
        Approximate size of a buffer.
    """

    one_shot = False

    def __init__(
        self,
        samples: SampleSet,
        batch_size: int,
        shuffle: bool,
        buffer_bytes: int = _BUFFER_BYTES,
    ) -> None:
        self._set = samples
        self._samples = samples.samples
        self._batch_size = batch_size
        self._shuffle = shuffle
        row_bytes = 4 * sum(math.prod(part.shape[1:]) for part in samples.inputs)
        batches = max(1, buffer_bytes // max(1, row_bytes * batch_size))
        self._buffer_rows = batches * batch_size
        self._block_rows = max(1, self._buffer_rows // _BLOCKS_PER_BUFFER)

    @property
    def steps(self) -> int:
        """Batches per pass."""
        return -(-self._samples // self._batch_size)

    def start_pass(self, seed: int, stream: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one pass without the first `skip`; skipped buffers are not read."""
        if self._samples <= self._buffer_rows:  # in the order of an array
            order = _order(self._shuffle, seed, stream, self._samples)
            yield from _batches(self._set.dataset(), order, self._batch_size, skip)
            return
        blocks = -(-self._samples // self._block_rows)
        block_order = _order(self._shuffle, seed, stream, blocks)
        size = self._batch_size
        for buffer, first in enumerate(range(0, self._samples, self._buffer_rows)):
            rows = min(self._buffer_rows, self._samples - first)
            batches = -(-rows // size)
            if skip >= batches:
                skip -= batches
                continue
            dataset = self._set.dataset(self._row_ranges(block_order, first, first + rows))
            order = _order(self._shuffle, seed, buffer_stream(stream, buffer), rows)
            yield from _batches(dataset, order, size, skip)
            skip = 0

    def _row_ranges(self, block_order: Indices, first: int, stop: int) -> list[tuple[int, int]]:
        """File row ranges of rows `first` to `stop` in the order of the shuffled blocks."""
        starts = block_order * self._block_rows
        stops = np.minimum(starts + self._block_rows, self._samples)
        ends = np.cumsum(stops - starts)
        begins = ends - (stops - starts)
        touched = np.flatnonzero((ends > first) & (begins < stop))
        row_ranges: list[tuple[int, int]] = []
        for block in touched:
            start = int(starts[block] + max(first - begins[block], 0))
            end = int(starts[block] + min(stop, ends[block]) - begins[block])
            if row_ranges and row_ranges[-1][1] == start:
                row_ranges[-1] = (row_ranges[-1][0], end)
            else:
                row_ranges.append((start, end))
        return row_ranges


def array_source(samples: SampleSet, batch_size: int, shuffle: bool) -> BatchSource:
    """A `StreamSource` if an array is a file, else an `ArraySource`."""
    kind = StreamSource if samples.streamed else ArraySource
    return kind(samples, batch_size, shuffle)


def _batches(dataset: _core.Dataset, order: Indices, size: int, skip: int) -> Iterator[Batch]:
    """The batches of a dataset in this order, without the first `skip`."""
    for first in range(skip * size, len(order), size):
        yield dataset, order[first : first + size]


def _order(shuffle: bool, seed: int, stream: int, size: int) -> Indices:
    if not shuffle:
        return np.arange(size, dtype=np.int64)
    return _core.permutation(seed, stream, size)
