"""A table and its splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class Table:
    """Rows `x` (n, d) with labels or values `y` (n,).

    Attributes
    ----------
    classes : int
        Count of labels; 0 for values.
    standardize : bool
        Whether inputs are centred and scaled by the training rows.
    has_regimes : bool
        Whether the table is made of parts that follow different rules.
    """

    x: Any
    y: Any
    classes: int = 0
    standardize: bool = True
    has_regimes: bool = False


class Split(NamedTuple):
    """Training, validation and held-out rows, standardized; `scale` is that of the values."""

    train: tuple[Any, Any]
    validation: tuple[Any, Any]
    held_out: tuple[Any, Any]
    scale: float


def split(table: Table, seed: int) -> Split:
    """70 % of the rows are for training, 15 % of them for validation; by seed."""
    rows = len(table.x)
    order = np.random.default_rng(1000 + seed).permutation(rows)
    training = int(0.7 * rows)
    validation = int(0.15 * training)
    parts = [order[validation:training], order[:validation], order[training:]]
    x = np.asarray(table.x, np.float32)
    if table.standardize:
        mean, deviation = x[parts[0]].mean(axis=0), x[parts[0]].std(axis=0)
        x = (x - mean) / np.where(deviation > 0, deviation, 1)
    scale = 1.0
    if table.classes:
        y = np.asarray(table.y, np.int32)
    else:
        y = np.asarray(table.y, np.float32)
        mean, scale = y[parts[0]].mean(), float(y[parts[0]].std())
        y = (y - mean) / scale
    train, valid, held_out = ((x[each], y[each]) for each in parts)
    return Split(train, valid, held_out, scale)
