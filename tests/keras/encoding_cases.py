"""Numbers and ids that become indices and rows, for Keras and for this package."""

from __future__ import annotations

import numpy as np

BOUNDARIES = [-0.4, 0.0, 0.35, 0.35, 1.0]
NUM_TOKENS = 5
MODES = ("int", "one_hot", "multi_hot", "count")
SHAPES = ((4,), (3, 1), (3, 4), (2, 3, 4), (2, 3, 1))

# Sizes of the batches, whether numbers are repeated, bins and epsilon.
ADAPTED = [
    ((3,), False, 5, 0.01),  # fewer numbers than bins
    ((8,), False, 4, 0.01),
    ((150,), False, 4, 0.01),  # more than 1 / epsilon
    ((250,), True, 7, 0.01),
    ((250,), False, 1, 0.01),
    ((997,), False, 10, 0.03),
    ((40, 333, 7), False, 6, 0.01),
    ((120, 120, 120), True, 5, 0.1),
    ((20, 20), False, 3, 1.0),
]


def numbers(count: int, start: int = 0, repeated: bool = False) -> np.ndarray:
    """Float32 numbers from -1 to 2 in no order, or 12 of them again and again."""
    values = np.arange(start, start + count) * 7919 % 1009 % (12 if repeated else 1009)
    return (3 * values / (11 if repeated else 1008) - 1).astype(np.float32)


def batches(sizes: tuple[int, ...], repeated: bool) -> list[np.ndarray]:
    """One array for each size."""
    starts = np.cumsum([0, *sizes])
    return [numbers(size, int(at), repeated) for size, at in zip(sizes, starts[:-1], strict=True)]


def inputs(shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of a shape, of which some equal a boundary."""
    values = numbers(int(np.prod(shape)), 5)
    values[::3] = np.resize(np.array(BOUNDARIES, np.float32), values[::3].shape)
    return values.reshape(shape)


def ids(shape: tuple[int, ...]) -> np.ndarray:
    """Ids of a shape."""
    return (np.arange(np.prod(shape)) * 7 % 11 % NUM_TOKENS).reshape(shape)
