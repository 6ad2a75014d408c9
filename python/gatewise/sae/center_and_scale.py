"""Centre c and scale s, by which rows are standardized."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gatewise.data.convert import Floats
from gatewise.sae.training_data import Moments, WeightedRows, array_of
from gatewise.training.progress import Verbose

Doubles: TypeAlias = npt.NDArray[np.float64]

_MAX_ITERATIONS = 50
"""Limit of the iteration, which reduces the distance by a tenth or more each time."""


def check_center(center: object) -> str | None:
    """`center` as "mean", "geometric_median" or None; True is "mean", False None."""
    if isinstance(center, bool):
        return "mean" if center else None
    if center not in (None, "mean", "geometric_median"):
        raise ValueError(
            f"center: expected True, False, 'mean' or 'geometric_median', got {center!r}"
        )
    return None if center is None else str(center)


def center_and_scale(
    rows: WeightedRows, center: str | None, scale: bool, verbose: Verbose = 0
) -> tuple[Floats, float]:
    """The centre of rows, and the factor that scales centred rows to a mean square of 1 per value.

    Parameters
    ----------
    rows : WeightedRows
        Read in blocks, once unless the centre is the geometric median; sums are float64. Blocks
        of a file are checked. Means are weighted by the sample weights.
    center : str or None
        "mean"; "geometric_median", the point of smallest mean distance, which is robust to
        outliers; or None for 0.
    scale : bool
        Whether to compute the factor; else it is 1.
    verbose : 0, 1, 2 or "auto"
        Whether a bar is shown, where one can be.

    Returns
    -------
    center : ndarray (d,), float32
    factor : float
        1 if all rows equal the centre.

    Raises
    ------
    TypeError, ValueError
        The rows of the file are not numeric, or not finite; or all weights are 0.
    """
    total, width = rows.total_weight(), array_of(rows.rows).shape[1]
    if center is None and not scale:
        return np.zeros(width, np.float32), 1.0
    if total == 0:
        raise ValueError("sample_weight: expected a weight above 0 among the training rows")
    moments = Moments()
    for part, weights in rows.blocks(verbose):
        moments.add(part, weights)
    middle = np.zeros(width) if center is None else moments.mean
    if center == "geometric_median":
        middle = _geometric_median(rows, middle)
    center_row = middle.astype(np.float32)
    square = moments.square_about(center_row) if scale else 0.0
    return center_row, (total * width / square) ** 0.5 if square > 0 else 1.0


def _geometric_median(rows: WeightedRows, start: Doubles) -> Doubles:
    """Weiszfeld's iteration, `c <- (sum w_i x_i / |x_i - c|) / (sum w_i / |x_i - c|)`.

    References
    ----------
    Weiszfeld 1937, "Sur le point pour lequel la somme des distances de n points donnes est
    minimum".
    """
    middle = start
    for _ in range(_MAX_ITERATIONS):
        total, sums = 0.0, np.zeros_like(middle)
        for part, weights in rows.blocks():
            distances = np.linalg.norm(part - middle, axis=1)
            # Without this limit, a row at the centre would have infinite weight.
            inverse = 1 / np.maximum(distances, 1e-12 + 1e-6 * distances.max())
            if weights is not None:
                inverse = inverse * weights
            total += float(inverse.sum())
            sums += np.sum(inverse[:, None] * part, axis=0)
        moved = sums / total
        step, middle = float(np.linalg.norm(moved - middle)), moved
        if step <= 1e-6 * float(np.linalg.norm(middle)):
            break
    return middle
