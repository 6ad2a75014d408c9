"""The units in which a dictionary is learnt."""

from __future__ import annotations

from typing import Any

import numpy as np

from gatewise.data.convert import Floats

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
    """
    count, width = rows.shape
    mean = np.zeros(width)
    if center:
        for start in range(0, count, _ROWS):
            mean += np.sum(rows[start : start + _ROWS], axis=0, dtype=np.float64)
        mean /= count
    center_row = mean.astype(np.float32)
    if not scale:
        return center_row, 1.0
    square = 0.0
    for start in range(0, count, _ROWS):
        part = np.asarray(rows[start : start + _ROWS], np.float64) - center_row
        square += float(np.vdot(part, part))
    return center_row, (count * width / square) ** 0.5 if square > 0 else 1.0
