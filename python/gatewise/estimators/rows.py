"""Rows of a training: a fixed order, equal ones merged, some of them held out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gatewise._extras import import_extra
from gatewise.estimators.columns import Cells

_validation = import_extra("sklearn.utils.validation", "sklearn")

_MERGED_ROWS = 10_000
_MERGED_VALUES = 20_000_000
"""Most rows, and values of numbers, that are sorted and merged."""
_MIN_HELD_OUT = 4
"""Fewest rows that are worth holding out."""


class Part(NamedTuple):
    """Rows of a table with their targets and weights."""

    x: Any
    y: Any
    weight: Any


def check_weights(sample_weight: Any, x: Any) -> Any:
    """Weights of the rows of x, float64 `(n,)`; all 1 if there are none."""
    count = x.shape[0]
    if sample_weight is None:
        return np.ones(count)
    weight = _validation.check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weight.shape != (count,):
        raise ValueError(f"sample_weight: expected shape ({count},), got {weight.shape}")
    if (weight < 0).any():
        raise ValueError("sample_weight: expected weights >= 0, got a negative one")
    return weight


def counted(cells: Cells, y: Any, weight: Any) -> Part:
    """The rows of a weight above 0; ValueError if there is none."""
    kept = weight > 0
    if not kept.any():
        raise ValueError("sample_weight: expected a weight above zero, all weights are zero")
    return Part(cells, y, weight) if kept.all() else Part(cells.take(kept), y[kept], weight[kept])


def merged(part: Part) -> Part:
    """Distinct pairs of row and target in a fixed order, with the sums of their weights.

    So a row of weight w is trained on exactly as w equal rows of weight 1. Tables of more than
    10,000 rows stay as they are: there a weight is a factor of the row's loss. Weights are scaled
    to a mean of 1.

    Parameters
    ----------
    part : Part
        Cells, targets (n,) or (n, t) as numbers, and weights (n,).
    """
    cells, y, weight = part
    count, width = cells.numbers.shape
    if count <= _MERGED_ROWS and count * width <= _MERGED_VALUES:
        keys = np.column_stack([cells.keys(), y]).astype(np.float64) + 0.0  # -0 is 0
        _, first, same = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        weight = np.bincount(same.ravel(), weights=weight)
        cells, y = cells.take(first), y[first]
    return Part(cells, y, weight / weight.mean())


def held_out(
    part: Part, fraction: float, is_labels: bool, seed: int, number: int
) -> tuple[Part, Part | None]:
    """Rows to train on and rows to choose the best epoch by, or None if there are too few.

    Each number has other rows, as long as `number * fraction < 1`. With labels each class is held
    out in its share, but for those of a single row.
    """
    count = len(part.y)
    rng = np.random.default_rng(seed)
    if is_labels and part.y.ndim == 1:
        groups = [np.flatnonzero(part.y == label) for label in np.unique(part.y)]
    else:
        groups = [np.arange(count)]
    chosen = np.concatenate([_share(each, fraction, rng, number) for each in groups])
    if len(chosen) < _MIN_HELD_OUT or len(chosen) > count // 2:
        return part, None
    mask = np.zeros(count, np.bool_)
    mask[chosen] = True
    return _rows_of(part, ~mask), _rows_of(part, mask)


def _share(rows: Any, fraction: float, rng: Any, number: int) -> Any:
    """The share of that number of the rows in random order; a remainder is rounded by chance."""
    order, size = rng.permutation(rows), int(fraction * len(rows) + rng.random())
    if len(rows) < 2:
        return rows[:0]
    return np.take(order, np.arange(number * size, (number + 1) * size), mode="wrap")


def _rows_of(part: Part, mask: Any) -> Part:
    return Part(part.x[mask], part.y[mask], part.weight[mask])
