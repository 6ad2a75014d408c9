"""Selectors based on the graph of correlated columns; they ignore targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise._extras import import_extra
from gatewise.selection.base import FeatureSelector, correlations

if TYPE_CHECKING:
    import numpy.typing as npt

    from gatewise._core import Doubles


def association_graph(similarities: Doubles, neighbours: int) -> Doubles:
    """Edge weights `(d, d)` of the nearest-neighbour graph of columns; 0 where there is no edge.

    An edge is kept if either end is among the `neighbours` most similar columns of the other.
    """
    count = len(similarities)
    weights = similarities.copy()
    np.fill_diagonal(weights, 0)
    kept = np.zeros_like(weights, np.bool_)
    nearest = np.argsort(-weights, axis=1, kind="stable")[:, : min(neighbours, count - 1)]
    np.put_along_axis(kept, nearest, True, axis=1)
    result: Doubles = np.where(kept | kept.T, weights, 0)
    return result


class _Graph(FeatureSelector):
    """Base of selectors that use the k-nearest-neighbour graph of absolute correlations."""

    _needs_targets = False

    def __init__(
        self, n_features_to_select: int | float | None = None, neighbours: int = 10
    ) -> None:
        super().__init__(n_features_to_select)
        self.neighbours = neighbours

    def _graph(self, X: Any) -> Doubles:
        if not isinstance(self.neighbours, int | np.integer) or self.neighbours < 1:
            raise ValueError(f"neighbours: expected an integer >= 1, got {self.neighbours!r}")
        return association_graph(correlations(X), int(self.neighbours))


class PageRankSelector(_Graph):
    """Selects the columns of highest PageRank in the correlation graph.

    Edges join each column to its `neighbours` most correlated columns, weighted by `|r|`.

    Parameters
    ----------
    n_features_to_select : int or float, optional
        How many columns are kept, as a count or a fraction. Default: half of them.
    neighbours : int
        Edges from each column.
    damping : float in (0, 1)
        The fraction of a column's rank that is passed along its edges.

    References
    ----------
    Brin, Page 1998, "The anatomy of a large-scale hypertextual web search engine", section 2.1.
    """

    def __init__(
        self,
        n_features_to_select: int | float | None = None,
        neighbours: int = 10,
        damping: float = 0.85,
    ) -> None:
        super().__init__(n_features_to_select, neighbours)
        self.damping = damping

    def _score(self, X: Any, y: Any) -> None:
        networkx = import_extra("networkx", "select")
        graph = networkx.from_numpy_array(self._graph(X))
        ranks = networkx.pagerank(graph, alpha=self.damping, max_iter=1000)
        self.scores_ = np.array([ranks[column] for column in range(X.shape[1])])


class BetweennessSelector(_Graph):
    """Selects the columns of highest betweenness: the share of shortest paths through a column.

    The graph is that of `PageRankSelector`, with all edges of length 1.

    Parameters
    ----------
    n_features_to_select : int or float, optional
        How many columns are kept, as a count or a fraction. Default: half of them.
    neighbours : int
        Edges from each column.
    pivots : int
        If there are more columns, only the paths from this many random columns are counted.
    random_state : int
        Seed of the random columns.

    References
    ----------
    Freeman 1977, "A set of measures of centrality based on betweenness"; Brandes, Pich 2007,
    "Centrality estimation in large networks" (from some nodes only).
    """

    def __init__(
        self,
        n_features_to_select: int | float | None = None,
        neighbours: int = 10,
        pivots: int = 256,
        random_state: int = 0,
    ) -> None:
        super().__init__(n_features_to_select, neighbours)
        self.pivots = pivots
        self.random_state = random_state

    def _score(self, X: Any, y: Any) -> None:
        networkx = import_extra("networkx", "select")
        columns = X.shape[1]
        graph = networkx.from_numpy_array(self._graph(X) > 0)
        found = networkx.betweenness_centrality(
            graph, k=None if columns <= self.pivots else self.pivots, seed=self.random_state
        )
        self.scores_ = np.array([found[column] for column in range(columns)])


class ComponentsSelector(_Graph):
    """Selects one column of each connected component of the correlation graph.

    The graph is that of `PageRankSelector` without edges whose `|r|` is below `threshold`. Each
    component keeps the column with the largest sum of `|r|` to the others of the component.

    Parameters
    ----------
    threshold : float in [0, 1]
        Smallest `|r|` of an edge.
    neighbours : int
        Edges from each column.

    Attributes
    ----------
    scores_ : ndarray (d,)
        Above 0 for the column kept of each component, else 0.
    components_ : ndarray (d,) of int
        The component of each column.
    """

    components_: npt.NDArray[np.int64]

    def __init__(self, threshold: float = 0.5, neighbours: int = 10) -> None:
        super().__init__(None, neighbours)
        self.threshold = threshold

    def _score(self, X: Any, y: Any) -> None:
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components

        graph = self._graph(X)
        graph[graph < self.threshold] = 0
        labels = connected_components(csr_array(graph), directed=False)[1]
        self.components_ = labels.astype(np.int64)
        self.scores_ = represent(correlations(X), self.components_)

    def _count(self) -> int:
        return int(np.count_nonzero(self.scores_))


def represent(similarities: Doubles, labels: npt.NDArray[np.int64]) -> Doubles:
    """Scores: above 0 for the column of each cluster most similar to the others, else 0."""
    scores = np.zeros(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        sums = similarities[np.ix_(members, members)].sum(axis=1)
        scores[members[sums.argmax()]] = 1 + sums.max()
    return scores
