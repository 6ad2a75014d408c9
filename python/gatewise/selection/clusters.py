"""Selectors by clusters of columns: one of each; targets are not read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise._extras import import_extra
from gatewise.selection.base import FeatureSelector, correlations
from gatewise.selection.graphs import represent

if TYPE_CHECKING:
    import numpy.typing as npt


class KMeansSelector(FeatureSelector):
    """One column for each of k clusters of columns, found by k-means.

    A column is placed by its absolute correlations with all columns; the column most like the
    others of its cluster, by the sum of `|r|`, represents it.

    Parameters
    ----------
    n_features_to_select : int or float, optional
        How many clusters, or which share of the columns; half of them unless given.
    random_state : int
        Of the first centres.

    Attributes
    ----------
    scores_ : ndarray (d,)
        Above 0 for the columns that represent a cluster.
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
        super()._get_support_mask()  # which checks that there was a fit
        return self.scores_ > 0


class DBSCANSelector(FeatureSelector):
    """One column for each dense cluster of columns, and every column that is in none.

    The distance of two columns is `1 - |r|`; the column most like the others of its cluster, by
    the sum of `|r|`, represents it.

    Parameters
    ----------
    eps : float in (0, 1)
        Columns this near are neighbours.
    min_samples : int
        Neighbours that make a column the core of a cluster, itself counted.

    Attributes
    ----------
    scores_ : ndarray (d,)
        Above 0 for the columns that are kept.
    labels_ : ndarray (d,) of int
        The cluster of each column; -1 for those in none.

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
