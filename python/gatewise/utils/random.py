"""Random seeds, derived from a seed of the user or drawn from the system."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from gatewise.utils.checks import check_integer

_SEED_BITS = 63
"""Seeds are non-negative and fit a signed 64-bit integer, in files and in the core."""


class _Seeds:
    """Generates one seed per model; the sequence restarts at `set_random_seed`."""

    def __init__(self) -> None:
        self._sequence: np.random.SeedSequence | None = None

    def start(self, seed: int) -> None:
        self._sequence = np.random.SeedSequence(seed)

    def next(self) -> int:
        sequence = _own_sequence.get() or self._sequence
        if sequence is None:
            return int.from_bytes(os.urandom(8), "little") >> (64 - _SEED_BITS)
        # Consecutive models need different seeds; else all members of an ensemble are equal.
        child = sequence.spawn(1)[0]
        return int(child.generate_state(1, np.uint64)[0]) >> (64 - _SEED_BITS)


_own_sequence: ContextVar[np.random.SeedSequence | None] = ContextVar("sequence", default=None)
"""Of `seeds_from`, which other Python threads do not see."""
_seeds = _Seeds()


def set_random_seed(seed: int) -> None:
    """Makes later models reproducible: initial weights, shuffling, dropout and noise.

    Each model built after the call derives its own seed from this one, in order. Without the call,
    seeds come from the system. Python's `random` and NumPy's `np.random` are seeded too, as in
    Keras.

    Parameters
    ----------
    seed : int
        At least 0; `np.random` gets its last 32 bits.

    Raises
    ------
    TypeError
        If the seed is no integer.
    ValueError
        If it is negative.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> weights = []
    >>> for _ in range(2):
    ...     gw.utils.set_random_seed(7)
    ...     model = gw.Sequential([gw.Input(shape=(4,)), gw.layers.Dense(3)])
    ...     weights.append(model.get_weights()[0])
    >>> bool(np.array_equal(weights[0], weights[1]))
    True
    """
    import random  # not at the first import of the package, whose time is promised

    seed = check_integer("seed", seed, 0)
    _seeds.start(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


def next_seed() -> int:
    """The seed of a model that is being built."""
    return _seeds.next()


@contextmanager
def seeds_from(seed: int) -> Iterator[None]:
    """Context in which models are seeded as after `set_random_seed(seed)`."""
    token = _own_sequence.set(np.random.SeedSequence(check_integer("seed", seed, 0)))
    try:
        yield
    finally:
        _own_sequence.reset(token)
