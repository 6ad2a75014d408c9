"""Division of hidden units into groups of equal size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatewise._extras import import_extra

if TYPE_CHECKING:
    import numpy.typing as npt

    from gatewise._core import Doubles

    Groups = npt.NDArray[np.int64]


def by_rank(ranks: npt.NDArray[np.int64], count: int) -> Groups:
    """Group of each unit `(h,)`: the most important units in group 0, the next in group 1, ..."""
    groups: Groups = ranks // (len(ranks) // count)
    return groups


def interleaved(ranks: npt.NDArray[np.int64], count: int) -> Groups:
    """Group of each unit `(h,)`: consecutive ranks are in consecutive groups."""
    groups: Groups = ranks % count
    return groups


def by_kmeans(points: Doubles, count: int, seed: int) -> Groups:
    """Groups units by balanced k-means: k-means centres, then a minimum-cost equal assignment.

    Parameters
    ----------
    points : ndarray (h, d)
        One point per unit.
    count : int
        Group count; it divides h.
    seed : int
        Seed of the first centres.

    Returns
    -------
    ndarray (h,)
        The group of each unit; each group has h / count units.

    References
    ----------
    Malinen, Franti 2014, "Balanced k-means for clustering", section 3.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    size = len(points) // count
    kmeans = import_extra("sklearn.cluster", "sklearn").KMeans(
        count, n_init=4, random_state=seed % 2**32
    )
    centres = kmeans.fit(points).cluster_centers_
    groups = np.zeros(len(points), np.int64)
    for _ in range(3):
        costs = np.repeat(cdist(points, centres, "sqeuclidean"), size, axis=1)
        groups = linear_sum_assignment(costs)[1] // size
        centres = np.stack([points[groups == at].mean(axis=0) for at in range(count)])
    return groups


def by_coactivation(active: npt.NDArray[np.bool_], count: int, seed: int) -> Groups:
    """Groups units that are active in the same rows.

    With A `(n, h)` of 0 and 1, the points of the units are the rows of the leading eigenvectors of
    the matrix of cosines `A_i . A_j / (|A_i| |A_j|)`; balanced k-means groups them.

    Parameters
    ----------
    active : ndarray (n, h) of bool
        Which units are active in which rows.
    count, seed
        As in `by_kmeans`.

    References
    ----------
    Zhang et al. 2022, "MoEfication: transformer feed-forward layers are mixtures of experts",
    section 3.2 (co-activation graph split, by a graph partitioner in the paper). Ng, Jordan, Weiss
    2001, "On spectral clustering" (the embedding).
    """
    columns = active.astype(np.float64)
    lengths = np.maximum(np.linalg.norm(columns, axis=0), 1.0)
    cosines = (columns / lengths).T @ (columns / lengths)
    vectors = np.linalg.eigh(cosines)[1][:, -count:]
    rows = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return by_kmeans(rows, count, seed)
