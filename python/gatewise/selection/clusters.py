"""Selectors that keep one column of each cluster of columns; they ignore targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise._extras import import_extra
from gatewise.selection.base import FeatureSelector, correlations
from gatewise.selection.graphs import represent

if TYPE_CHECKING:
    import numpy.typing as npt


class KMeansSelector(FeatureSelector):
    """Selects one column of each of k clusters of columns, found by k-means.

    The vector of a column's absolute correlations with all columns is its point in k-means. Each
    cluster keeps the column with the largest sum of `|r|` to the others of the cluster.

    Parameters
    ----------
    n_features_to_select : int or float, optional
        Cluster count, or the same as a fraction of the columns. Default: half of the columns.
    random_state : int
        Seed of the first centres.

    Attributes
    ----------
    scores_ : ndarray (d,)
        Above 0 for the column kept of each cluster, else 0.
    labels_ : ndarray (d,) of int
        The cluster of each column.

    References
    ----------
    Lloyd 1982, "Least squares quantization in PCM".
    """

    labels_: npt.NDArray[np.int64]
    _needs_targets = False

    def __init__(
        self, n_features_to_select: int | float | None = None, random_state: int = 0
    ) -> None:
        super().__init__(n_features_to_select)
        self.random_state = random_state

    def _score(self, X: Any, y: Any) -> None:
        cluster = import_extra("sklearn.cluster", "select")
        similarities = correlations(X)
        count = min(self._count(), len(np.unique(similarities, axis=0)))
        model = cluster.KMeans(count, n_init=1, random_state=self.random_state).fit(similarities)
        self.labels_ = model.labels_.astype(np.int64)
        self.scores_ = represent(similarities, self.labels_)

    def _get_support_mask(self) -> npt.NDArray[np.bool_]:
        super()._get_support_mask()  # checks that fit was called
        return self.scores_ > 0


class DBSCANSelector(FeatureSelector):
    """Selects one column of each dense cluster of columns, and every column outside clusters.

    The distance of two columns is `1 - |r|`. Each cluster keeps the column with the largest sum of
    `|r|` to the others of the cluster.

    Parameters
    ----------
    eps : float in (0, 1)
        Largest distance of neighbours.
    min_samples : int
        Neighbours, including itself, that make a column the core of a cluster.

    Attributes
    ----------
    scores_ : ndarray (d,)
        Above 0 for the columns that are kept.
    labels_ : ndarray (d,) of int
        The cluster of each column; -1 for columns in no cluster.

    References
    ----------
    Ester, Kriegel, Sander, Xu 1996, "A density-based algorithm for discovering clusters in large
    spatial databases with noise".
    """

    labels_: npt.NDArray[np.int64]
    _needs_targets = False

    def __init__(self, eps: float = 0.3, min_samples: int = 2) -> None:
        super().__init__(None)
        self.eps = eps
        self.min_samples = min_samples

    def _score(self, X: Any, y: Any) -> None:
        cluster = import_extra("sklearn.cluster", "select")
        similarities = correlations(X)
        model = cluster.DBSCAN(eps=self.eps, min_samples=self.min_samples, metric="precomputed")
        self.labels_ = model.fit(1 - similarities).labels_.astype(np.int64)
        noise = np.flatnonzero(self.labels_ < 0)
        labels = self.labels_.copy()
        labels[noise] = labels.max() + 1 + np.arange(len(noise))
        self.scores_ = represent(similarities, labels)

    def _get_support_mask(self) -> npt.NDArray[np.bool_]:
        super()._get_support_mask()
        return self.scores_ > 0
