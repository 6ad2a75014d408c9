"""Centre c and scale s, by which rows are standardized."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gatewise.data.convert import Floats
from gatewise.sae.training_data import Rows, array_of, read_rows

Doubles: TypeAlias = npt.NDArray[np.float64]

_MAX_ITERATIONS = 50
"""Limit of the iteration, which reduces the distance by a tenth or more each time."""

_BLOCK_ROWS = 1 << 14
"""Rows of a file that are read at once."""


def check_center(center: object) -> str | None:
    """`center` as "mean", "geometric_median" or None; True is "mean", False None."""
    if isinstance(center, bool):
        return "mean" if center else None
    if center not in (None, "mean", "geometric_median"):
        raise ValueError(
            f"center: expected True, False, 'mean' or 'geometric_median', got {center!r}"
        )
    return None if center is None else str(center)


def center_and_scale(rows: Rows, center: str | None, scale: bool) -> tuple[Floats, float]:
    """The centre of rows, and the factor that scales centred rows to a mean square of 1 per value.

    Parameters
    ----------
    rows : Checked or memory map (n, d)
        Read in blocks, twice if both are computed; sums are float64. Blocks of a file are checked.
    center : str or None
        "mean"; "geometric_median", the point of smallest mean distance, which is robust to
        outliers; or None for 0.
    scale : bool
        Whether to compute the factor; else it is 1.

    Returns
    -------
    center : ndarray (d,), float32
    factor : float
        1 if all rows equal the centre.

    Raises
    ------
    TypeError, ValueError
        The rows of the file are not numeric, or not finite.
    """
    count, width = array_of(rows).shape
    middle = np.zeros(width)
    if center is not None:
        for part in _row_blocks(rows):
            middle += np.sum(part, axis=0, dtype=np.float64)
        middle /= count
    if center == "geometric_median":
        middle = _geometric_median(rows, middle)
    center_row = middle.astype(np.float32)
    if not scale:
        return center_row, 1.0
    square = 0.0
    for part in _row_blocks(rows):
        centred = part.astype(np.float64) - center_row
        square += float(np.vdot(centred, centred))
    return center_row, (count * width / square) ** 0.5 if square > 0 else 1.0


def _geometric_median(rows: Rows, start: Doubles) -> Doubles:
    """Weiszfeld's iteration, `c <- (sum x_i / |x_i - c|) / (sum 1 / |x_i - c|)`, from `start`.

    References
    ----------
    Weiszfeld 1937, "Sur le point pour lequel la somme des distances de n points donnes est
    minimum".
    """
    middle = start
    for _ in range(_MAX_ITERATIONS):
        weights, weighted = 0.0, np.zeros_like(middle)
        for part in _row_blocks(rows):
            distances = np.linalg.norm(part - middle, axis=1)
            # Without this limit, a row at the centre would have infinite weight.
            inverse = 1 / np.maximum(distances, 1e-12 + 1e-6 * distances.max())
            weights += float(inverse.sum())
            weighted += np.sum(inverse[:, None] * part, axis=0)
        moved = weighted / weights
        step, middle = float(np.linalg.norm(moved - middle)), moved
        if step <= 1e-6 * float(np.linalg.norm(middle)):
            break
    return middle


def _row_blocks(rows: Rows) -> Iterator[Floats]:
    count = len(array_of(rows))
    for start in range(0, count, _BLOCK_ROWS):
        yield read_rows(rows, range(start, min(start + _BLOCK_ROWS, count)))
