"""Batches of training or test samples, from arrays in memory or in files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol, TypeAlias

import numpy as np

from gatewise import _core
from gatewise.data.convert import Indices
from gatewise.data.sample_set import SampleSet

Batch: TypeAlias = tuple[_core.Dataset, Indices]
"""Samples held for the core, and which of them the batch has."""

# Rows of one buffer of a streamed array: enough to shuffle well and read in long stretches,
# little beside the memory of any machine that trains.
_BUFFER_BYTES = 32 << 20
_BLOCKS_PER_BUFFER = 16
# A buffer's shuffle must not share a stream with another epoch's; epochs take those below 2**44.
_BUFFER_STREAM_BITS = 44


class BatchSource(Protocol):
    """What `fit` and `evaluate` draw batches from."""

    @property
    def steps(self) -> int | None:
        """Batches of one pass; None if that is not known beforehand."""

    @property
    def one_shot(self) -> bool:
        """Whether the first pass is the only one."""

    def start_pass(self, seed: int, stream: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one pass but the first `skip`; seed and stream decide its shuffle."""


class ArraySource:
    """Arrays in memory: converted and checked once, shuffled by index.

    Parameters
    ----------
    samples : SampleSet
        The arrays.
    batch_size : int
        Samples of a batch; the last one of a pass may have fewer.
    shuffle : bool
        Whether each pass has an order of its own, rather than that of the arrays.
    """

    one_shot = False

    def __init__(self, samples: SampleSet, batch_size: int, shuffle: bool) -> None:
        self._dataset = samples.dataset()
        self._samples = samples.samples
        self._batch_size = batch_size
        self._shuffle = shuffle

    @property
    def steps(self) -> int:
        """Batches of one pass."""
        return -(-self._samples // self._batch_size)

    def start_pass(self, seed: int, stream: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one pass but the first `skip`; seed and stream decide its shuffle."""
        dataset, size = self._dataset, self._batch_size
        order = _order(self._shuffle, seed, stream, self._samples)
        for first in range(skip * size, self._samples, size):
            yield dataset, order[first : first + size]


class StreamSource:
    """Arrays of which at least one lies in a file: a buffer of rows in memory at a time.

    A shuffled pass visits the file in blocks of consecutive rows, in random order, and shuffles
    the rows of 16 such blocks together. Conversion and checks act on each buffer when it is read.

    Parameters
    ----------
    samples : SampleSet
        The arrays.
    batch_size : int
        Samples of a batch; the last one of a pass may have fewer.
    shuffle : bool
        Whether each pass has an order of its own, rather than that of the arrays.
    buffer_bytes : int, optional
        About how much memory a buffer may take.
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
        """Batches of one pass."""
        return -(-self._samples // self._batch_size)

    def start_pass(self, seed: int, stream: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one pass but the first `skip`; buffers of skipped batches are not read."""
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
            buffer_stream = stream + ((buffer + 1) << _BUFFER_STREAM_BITS)
            order = _order(self._shuffle, seed, buffer_stream, rows)
            for start in range(skip * size, rows, size):
                yield dataset, order[start : start + size]
            skip = 0

    def _row_ranges(self, block_order: Indices, first: int, stop: int) -> list[tuple[int, int]]:
        """Where rows `first` to `stop` of the blocks in their shuffled order lie in the file."""
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
    """The source for `samples`, by where they lie."""
    kind = StreamSource if samples.streamed else ArraySource
    return kind(samples, batch_size, shuffle)


def _order(shuffle: bool, seed: int, stream: int, size: int) -> Indices:
    if not shuffle:
        return np.arange(size, dtype=np.int64)
    return _core.permutation(seed, stream, size)
