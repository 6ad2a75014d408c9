"""Batches from memory, files and iterators."""

from __future__ import annotations

import functools
import operator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise import losses
from gatewise.data import (
    ArraySource,
    IteratorSource,
    Signature,
    StreamSource,
    TargetRule,
    is_iterable_of_batches,
    labelled_samples,
)
from gatewise.data.parts import open_npy
from gatewise.data.sample_set import SampleSet

SIGNATURE = Signature(["i"], [(None, 2)], ["o"], [TargetRule(losses.get("mse"), (None, 1))])


def make_set(path: Path, samples: int = 103) -> SampleSet:
    x = np.arange(2 * samples, dtype=np.float64).reshape(samples, 2)
    np.save(path / "x.npy", x)
    return labelled_samples(SIGNATURE, path / "x.npy", np.arange(samples))


def stream(samples: SampleSet, shuffle: bool) -> StreamSource:
    # Rows have 8 bytes, buffers 40 rows, blocks 2 rows.
    return StreamSource(samples, batch_size=10, shuffle=shuffle, buffer_bytes=320)


def rows_of(samples: SampleSet, source: StreamSource, stream_index: int, skip: int = 0) -> list:
    """The row indices of each batch, from the row ranges of its buffer."""
    read: list[list[int]] = []
    datasets: dict[int, list[int]] = {}
    original = SampleSet.dataset

    def spy(self: SampleSet, row_ranges: object = None) -> object:
        dataset = original(self, row_ranges)  # type: ignore[arg-type]
        row_indices = self.inputs[0].read(row_ranges)[1]  # type: ignore[arg-type]
        datasets[id(dataset)] = [int(index) for index in row_indices]
        return dataset

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SampleSet, "dataset", spy)
        kept = []
        for dataset, order in source.start_pass(7, stream_index, skip):
            kept.append(dataset)
            read.append([datasets[id(dataset)][row] for row in order])
    return read


def test_array_source_yields_each_sample_once() -> None:
    samples = labelled_samples(SIGNATURE, np.ones((25, 2)), np.ones(25))
    source = ArraySource(samples, 10, shuffle=True)
    batches = [order.tolist() for _, order in source.start_pass(7, 1)]
    assert [len(batch) for batch in batches] == [10, 10, 5]
    assert sorted(functools.reduce(operator.iadd, batches, [])) == list(range(25))
    assert source.steps == 3


def test_array_source_order_depends_only_on_seed_and_stream() -> None:
    samples = labelled_samples(SIGNATURE, np.ones((25, 2)), np.ones(25))
    source = ArraySource(samples, 10, shuffle=True)

    def rows(seed: int, index: int, skip: int = 0) -> list[list[int]]:
        return [order.tolist() for _, order in source.start_pass(seed, index, skip)]

    assert rows(7, 1) == rows(7, 1)
    assert rows(7, 1) != rows(7, 2)
    assert rows(7, 1) != rows(8, 1)
    assert rows(7, 1, skip=2) == rows(7, 1)[2:]


def test_array_source_without_shuffle_keeps_the_order() -> None:
    samples = labelled_samples(SIGNATURE, np.ones((25, 2)), np.ones(25))
    batches = list(ArraySource(samples, 25, shuffle=False).start_pass(7, 1))
    assert batches[0][1].tolist() == list(range(25))


def test_stream_source_yields_each_sample_once(tmp_path: Path) -> None:
    samples = make_set(tmp_path)
    source = stream(samples, shuffle=True)
    rows = rows_of(samples, source, 1)
    assert sorted(functools.reduce(operator.iadd, rows, [])) == list(range(103))
    assert [len(batch) for batch in rows] == [10] * 10 + [3]
    assert source.steps == 11
    assert rows != rows_of(samples, source, 2)
    assert rows == rows_of(samples, source, 1)


def test_stream_source_mixes_blocks_of_the_whole_file(tmp_path: Path) -> None:
    samples = make_set(tmp_path)
    first = rows_of(samples, stream(samples, shuffle=True), 1)[0]
    assert max(first) - min(first) > 40


@pytest.mark.parametrize("skip", [1, 4, 5, 11])
def test_stream_source_skips_batches(tmp_path: Path, skip: int) -> None:
    samples = make_set(tmp_path)
    source = stream(samples, shuffle=True)
    assert rows_of(samples, source, 1, skip) == rows_of(samples, source, 1)[skip:]


def test_stream_source_without_shuffle_keeps_the_order(tmp_path: Path) -> None:
    samples = make_set(tmp_path)
    rows = rows_of(samples, stream(samples, shuffle=False), 1)
    assert functools.reduce(operator.iadd, rows, []) == list(range(103))


def test_stream_source_checks_each_buffer_and_reports_the_row(tmp_path: Path) -> None:
    x = np.ones((100, 2), np.float32)
    x[93, 1] = np.nan
    np.save(tmp_path / "x.npy", x)
    samples = labelled_samples(SIGNATURE, str(tmp_path / "x.npy"), np.ones(100))
    batches = stream(samples, shuffle=False).start_pass(7, 1)
    for _ in range(8):
        next(batches)
    with pytest.raises(ValueError, match="x: expected finite numbers, got nan at row 93, column 1"):
        next(batches)


@given(
    samples=st.integers(1, 200),
    batch_size=st.integers(1, 50),
    buffer_rows=st.integers(1, 120),
    skip=st.integers(0, 10),
)
@settings(max_examples=60, deadline=None)
def test_every_kind_of_stream_yields_each_sample_once(
    samples: int, batch_size: int, buffer_rows: int, skip: int
) -> None:
    x = np.arange(samples, dtype=np.float64)[:, np.newaxis] * [1.0, 1.0]
    whole = labelled_samples(SIGNATURE, x, np.ones(samples))
    source = StreamSource(whole, batch_size, True, buffer_bytes=8 * buffer_rows)
    order = np.random.default_rng(samples).permutation(-(-samples // source._block_rows))
    rows: list[int] = []
    for first in range(0, samples, source._buffer_rows):
        stop = min(first + source._buffer_rows, samples)
        row_ranges = source._row_ranges(order, first, stop)
        assert sum(end - begin for begin, end in row_ranges) == stop - first
        rows.extend(row for begin, end in row_ranges for row in range(begin, end))
    assert sorted(rows) == list(range(samples))
    sizes = [len(batch) for _, batch in source.start_pass(1, 2, skip)]
    assert sum(sizes) == max(0, samples - skip * batch_size)


def test_paths_to_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(b"not an array")
    with pytest.raises(ValueError, match=r"x: expected a \.npy file, got .*x\.npy"):
        open_npy(tmp_path / "x.npy", "x")
    np.savez(tmp_path / "x.npz", a=np.ones(3))
    with pytest.raises(ValueError, match=r"x: expected a \.npy file, got .*x\.npz"):
        open_npy(tmp_path / "x.npz", "x")
    with pytest.raises(FileNotFoundError):
        open_npy(tmp_path / "none.npy", "x")


def test_iterators_and_loaders_count_as_iterables_of_batches() -> None:
    class Loader:
        def __iter__(self) -> object:
            return iter([])

    assert is_iterable_of_batches(iter([]))
    assert is_iterable_of_batches(Loader())
    for other in (np.ones(3), [np.ones(3)], (np.ones(3),), {"a": np.ones(3)}, "x.npy", None, 3):
        assert not is_iterable_of_batches(other)


def make_batches(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.full((4, 2), index), np.ones(4)) for index in range(count)]


class Loader:
    """An iterable that can be iterated repeatedly."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> object:
        return iter(make_batches(self.count))


def test_each_epoch_creates_a_new_iterator_of_a_loader() -> None:
    source = IteratorSource(Loader(3))  # type: ignore[arg-type]
    source.signature = SIGNATURE
    assert source.steps == 3 and not source.one_shot
    for _ in range(2):
        assert len(list(source.start_pass(0, 0))) == 3
    assert len(list(source.start_pass(0, 0, skip=2))) == 1


def test_an_iterator_yields_its_peeked_batch_first() -> None:
    source = IteratorSource(iter(make_batches(3)))
    source.signature = SIGNATURE
    assert source.one_shot and source.steps is None
    assert [part.shape for part in source.first_parts(["i"])] == [(4, 2)]
    assert len(list(source.start_pass(0, 0))) == 3
    assert list(source.start_pass(0, 0)) == []


def test_wrong_batches_are_reported_by_index() -> None:
    bad = [(x.astype(float), y) for x, y in make_batches(2)]
    bad[1][0][2, 1] = np.nan
    source = IteratorSource(iter(bad))
    source.signature = SIGNATURE
    drawn = source.start_pass(0, 0)
    next(drawn)
    with pytest.raises(ValueError, match="batch 1: x: expected finite numbers, got nan at row 2"):
        next(drawn)


def test_batches_without_targets_are_refused() -> None:
    source = IteratorSource(iter([np.ones((4, 2))]))
    source.signature = SIGNATURE
    with pytest.raises(ValueError, match=r"batch 0: expected \(x, y\) or \(x, y, sample_weight\)"):
        next(source.start_pass(0, 0))


def test_an_empty_iterator_is_refused() -> None:
    with pytest.raises(ValueError, match="x: expected at least one batch, got an empty iterator"):
        IteratorSource(iter([])).first_parts(["i"])
