"""Assignment of weights or hidden units to experts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def assign_supports(
    ranks: npt.NDArray[np.int64], keep: float, n_experts: int, overlap: float
) -> list[npt.NDArray[np.bool_]]:
    """Assigns the most important weights or units to experts in turn, in order of rank.

    Of N weights or units, the `M = round(keep N)` most important are kept. The first
    `round(overlap M)` of them go to every expert; of the others, the j-th goes to expert
    `j mod K`. Without overlap supports are disjoint.

    Parameters
    ----------
    ranks : ndarray of int
        0 for the most important; any shape.
    keep, overlap : float in [0, 1]
        Fractions, as above.
    n_experts : int
        K.

    Returns
    -------
    list of ndarray of bool
        K masks in the shape of `ranks`.

    Raises
    ------
    ValueError
        An expert would get no weight or unit.
    """
    kept = round(keep * ranks.size)
    shared = round(overlap * kept)
    masks = [
        (ranks < shared)
        | ((ranks < kept) & (ranks >= shared) & ((ranks - shared) % n_experts == i))
        for i in range(n_experts)
    ]
    if not all(mask.any() for mask in masks):
        raise ValueError(
            f"keep: expected at least one weight or unit for each of {n_experts} experts, "
            f"got {keep} of {ranks.size}, which is {kept}"
        )
    return masks
