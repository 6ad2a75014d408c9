"""Batches from user-defined iterators and other iterables."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, TypeGuard, cast

import numpy as np

from gatewise import _core
from gatewise.data.convert import Floats, Labels
from gatewise.data.csr import is_sparse
from gatewise.data.dense_rows import DenseRows
from gatewise.data.parts import Part, to_parts
from gatewise.data.sample_set import SampleSet, Signature, labelled_samples, unlabelled_samples
from gatewise.data.sources import Batch

UserBatch: TypeAlias = object
"""`(x, y)` or `(x, y, sample_weight)` as a tuple or list; for prediction also `x` or `(x,)`."""


def is_iterable_of_batches(value: object) -> TypeGuard[Iterable[UserBatch]]:
    """True if `value` iterates over batches; False for an array or a list or dict of arrays.

    So does a class with `__getitem__` and `__len__`, such as `PyDataset`.

    Raises
    ------
    TypeError
        If `value` is a Dataset of PyTorch that gives samples by index instead of batches.
    """
    if isinstance(value, (str, bytes, os.PathLike, list, tuple, Mapping, np.ndarray, DenseRows)):
        return False
    if hasattr(value, "__array__") or is_sparse(value):
        return False
    if _is_torch_dataset(value):
        raise TypeError(
            f"x: expected batches, got a Dataset of samples ({type(value).__name__}); put it in a "
            "torch.utils.data.DataLoader"
        )
    return hasattr(value, "__iter__") or _has_indexed_batches(value)


def _has_indexed_batches(value: object) -> bool:
    return hasattr(value, "__getitem__") and hasattr(value, "__len__")


def _is_torch_dataset(value: object) -> bool:
    """Whether `value` is a map-style Dataset; does not import PyTorch."""
    torch_data = sys.modules.get("torch.utils.data")
    return (
        torch_data is not None
        and isinstance(value, torch_data.Dataset)
        and not isinstance(value, torch_data.IterableDataset)
    )


def iterate(batches: Any) -> Iterator[UserBatch]:
    """The batches of one pass; those of a class without `__iter__` by index."""
    if hasattr(batches, "__iter__"):
        return iter(batches)
    return (batches[index] for index in range(len(batches)))


def call_hook(batches: object, name: str) -> None:
    """Calls `on_epoch_begin` or `on_epoch_end`, if the data have it."""
    hook = getattr(batches, name, None)
    if hook is not None:
        hook()


class IteratorSource:
    """Draws batches from an iterable, and converts and checks each one when it is drawn.

    An iterator, such as a generator, is iterated once, over all epochs. Any other iterable, such as
    a data loader, is iterated again for each pass. Before a pass its `on_epoch_begin` is called and
    after it `on_epoch_end`, if it has them.

    Parameters
    ----------
    batches : iterable
        Yields batches as described at `UserBatch`.
    class_weight : object, optional
        As for `fit`.
    """

    def __init__(self, batches: Iterable[UserBatch], class_weight: object = None) -> None:
        self._batches = batches
        self._class_weight = class_weight
        self._held: list[UserBatch] = []
        self.signature: Signature | None = None
        self.one_shot = iter(batches) is batches if hasattr(batches, "__next__") else False

    @property
    def steps(self) -> int | None:
        """The iterable's length; None if it has none."""
        length = getattr(self._batches, "__len__", None)
        return None if length is None else int(length())

    def first_parts(self, names: list[str]) -> list[Part]:
        """The unconverted inputs of the first batch, to build a model from."""
        return to_parts(self._first()[0], names, "x")

    def first_targets(self) -> object:
        """The targets of the first batch, None if it has none."""
        return self._first()[1]

    def first_features(self) -> list[Floats | Labels | _core.SparseRows]:
        """The converted inputs of the first batch."""
        return unlabelled_samples(cast("Signature", self.signature), self._first()[0]).features()

    def start_pass(self, seed: int, stream: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of one pass; the first `skip` are drawn and dropped."""
        for index, batch in enumerate(self._raw()):
            if index < skip:
                continue
            dataset = self._convert(batch, index).dataset()
            yield dataset, np.arange(dataset.samples, dtype=np.int64)

    def inputs(self) -> Iterator[SampleSet]:
        """The inputs of each batch, for prediction."""
        signature = cast("Signature", self.signature)
        for batch in self._raw():
            yield unlabelled_samples(signature, unpack(batch)[0])

    def _first(self) -> tuple[object, object, object]:
        """The first batch, unpacked; an iterator keeps it, to return it again later."""
        first = self._held[0] if self._held else next(iterate(self._batches), None)
        if first is None:
            raise ValueError("x: expected at least one batch, got an empty iterator")
        if self.one_shot:
            self._held = [first]
        return unpack(first)

    def _raw(self) -> Iterator[UserBatch]:
        """The batches of one pass, between its hooks."""
        call_hook(self._batches, "on_epoch_begin")
        held, self._held = self._held, []
        yield from held
        yield from iterate(self._batches)
        call_hook(self._batches, "on_epoch_end")

    def _convert(self, batch: UserBatch, index: int) -> SampleSet:
        prefix = f"batch {index}: "
        x, y, sample_weight = unpack(batch)
        if y is None:
            raise ValueError(
                f"{prefix}expected (x, y) or (x, y, sample_weight), got {type(batch).__name__}"
            )
        signature = cast("Signature", self.signature)
        return labelled_samples(signature, x, y, sample_weight, self._class_weight, prefix)


def unpack(batch: UserBatch) -> tuple[object, object, object]:
    """x, y and sample weights of a batch; None for each that is missing.

    Raises
    ------
    ValueError
        If `batch` is a tuple or list whose length is not 1, 2 or 3.
    """
    if not isinstance(batch, (tuple, list)):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise ValueError(
            f"batch: expected (x, y) or (x, y, sample_weight), got {len(batch)} elements"
        )
    x, y, weight = (*batch, None, None)[:3]
    return x, y, weight
