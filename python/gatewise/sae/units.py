"""The units in which a dictionary is learnt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gatewise.data.convert import Floats, features

_ROWS = 1 << 14
"""Rows of a file that are read at a time."""


def standard_units(rows: Any, center: bool, scale: bool) -> tuple[Floats, float]:
    """The mean of rows, and the factor that brings their mean square to 1 a value.

    Parameters
    ----------
    rows : array or memory map (n, d)
        Read in parts, twice where both are asked for; sums are float64.
    center, scale : bool
        Whether to look; else the mean is 0, and the factor 1.

    Returns
    -------
    mean : ndarray (d,), float32
    factor : float
        1 where all rows are the mean.

    Raises
    ------
    TypeError, ValueError
        The rows are no numbers, or not finite.
    """
    count, width = rows.shape
    mean = np.zeros(width)
    if center:
        for part in _parts(rows):
            mean += np.sum(part, axis=0, dtype=np.float64)
        mean /= count
    center_row = mean.astype(np.float32)
    if not scale:
        return center_row, 1.0
    square = 0.0
    for part in _parts(rows):
        centred = part.astype(np.float64) - center_row
        square += float(np.vdot(centred, centred))
    return center_row, (count * width / square) ** 0.5 if square > 0 else 1.0


def _parts(rows: Any) -> Iterator[Floats]:
    for start in range(0, len(rows), _ROWS):
        numbers = range(start, min(start + _ROWS, len(rows)))
        yield features(rows[start : numbers.stop], "x", (None, rows.shape[1]), numbers)
