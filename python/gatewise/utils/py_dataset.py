"""Base class of data classes that give batches by index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class PyDataset:
    """Data whose batch i is `dataset[i]`, for `fit`, `evaluate` and `predict`.

    A subclass has `__len__`, the count of batches, or the property `num_batches`, and
    `__getitem__`, which returns `(x, y)` or `(x, y, sample_weight)`. Batches are made one at a
    time, in order. Any other class with `__len__` and `__getitem__` is taken too, such as a
    `PyDataset` or `Sequence` of Keras.

    Parameters
    ----------
    workers, use_multiprocessing, max_queue_size
        Without effect: in Keras they make batches in other threads or processes, which changes no
        result.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> class Squares(gw.utils.PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, index):
    ...         x = np.arange(4 * index, 4 * index + 4, dtype=np.float32)[:, None]
    ...         return x, x**2
    >>> model = gw.Sequential([gw.Input(shape=(1,)), gw.layers.Dense(1)])
    >>> model.compile(gw.optimizers.SGD(1e-4), "mse")
    >>> len(model.predict(Squares(), verbose=0))
    12
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __len__(self) -> int:
        """Count of batches; a subclass says it."""
        count = None if type(self).num_batches is PyDataset.num_batches else self.num_batches
        if count is None:
            raise NotImplementedError(
                f"{type(self).__name__}: expected a method __len__ or a property num_batches that "
                "gives a count; endless data are an iterator"
            )
        return count

    def __iter__(self) -> Iterator[Any]:
        """The batches of one pass."""
        return (self[index] for index in range(len(self)))

    @property
    def num_batches(self) -> int | None:
        """Count of batches."""
        return len(self)

    def __getitem__(self, index: int) -> Any:
        """Batch `index`, from 0; a subclass returns it."""
        raise NotImplementedError(f"{type(self).__name__}: expected a method __getitem__")

    def on_epoch_begin(self) -> None:
        """Called before each pass over the data."""

    def on_epoch_end(self) -> None:
        """Called after each pass over the data, for a new order."""
