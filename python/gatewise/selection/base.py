"""Base class of all selectors: scores, the count of features to keep, and scikit-learn's checks.

Importing this package imports scikit-learn (extra `select`).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise._extras import import_extra
from gatewise.data.csr import is_sparse, to_csr

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Self

    from gatewise._core import Doubles

_base = import_extra("sklearn.base", "select")
_selection = import_extra("sklearn.feature_selection", "select")
_validation = import_extra("sklearn.utils.validation", "select")
_sparse = import_extra("sklearn.utils.sparsefuncs", "select")
_multiclass = import_extra("sklearn.utils.multiclass", "select")

BaseEstimator: Any = _base.BaseEstimator
SelectorMixin: Any = _selection.SelectorMixin


class FeatureSelector(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """Column selector that can be a step of a scikit-learn `Pipeline`.

    To add a selector, write a subclass whose `_score` sets `scores_`, and a test.

    Parameters
    ----------
    n_features_to_select : int or float, optional
        How many columns are kept: an integer count, or a fraction in (0, 1] as a float. Default:
        half of them.

    Attributes
    ----------
    scores_ : ndarray (d,)
        Higher is better; of equal scores the first is kept.
    n_features_in_ : int
        Column count seen by `fit`.
    """

    scores_: Doubles
    n_features_in_: int
    _needs_targets = True
    _takes_sparse = True

    def __init__(self, n_features_to_select: int | float | None = None) -> None:
        self.n_features_to_select = n_features_to_select

    def fit(self, X: Any, y: Any = None) -> Self:
        """Scores the columns.

        Parameters
        ----------
        X : array or SciPy sparse matrix (n, d)
            Rows.
        y : array (n,)
            Labels, or numeric targets where the selector accepts them.

        Raises
        ------
        ValueError
            The lengths of X and y differ, a value is not finite, or `n_features_to_select` is out
            of range.
        """
        if is_sparse(X):
            X = to_csr(X, "X")
        checks: dict[str, Any] = {
            "accept_sparse": "csr" if self._takes_sparse else False,
            "dtype": np.float64,
            "ensure_min_samples": 2,
        }
        if self._needs_targets:
            X, y = _validation.validate_data(self, X, y, **checks)
            y = self._check_targets(y)
        else:
            X = _validation.validate_data(self, X, **checks)
        self._check_n_features_to_select()
        self._score(X, y)
        return self

    @abstractmethod
    def _score(self, X: Any, y: Any) -> None:
        """Sets `scores_`."""

    def _check_targets(self, y: Any) -> Any:
        """Checks labels and returns them unchanged; regressions also accept numeric targets."""
        _multiclass.check_classification_targets(y)
        classes = np.unique(y)
        if len(classes) < 2:
            raise ValueError(f"y: expected at least two classes, got one class, {classes[0]!r}")
        return y

    def _check_n_features_to_select(self) -> None:
        selected = self.n_features_to_select
        if selected is None:
            return
        if isinstance(selected, bool) or not isinstance(selected, int | float | np.integer):
            raise TypeError(f"n_features_to_select: expected a number, got {selected!r}")
        is_share = isinstance(selected, float)
        if selected <= 0 or (is_share and selected > 1):
            raise ValueError(
                "n_features_to_select: expected an integer >= 1 or a share in (0, 1], "
                f"got {selected!r}"
            )

    def _count(self) -> int:
        selected, columns = self.n_features_to_select, self.n_features_in_
        if selected is None:
            return max(1, columns // 2)
        if isinstance(selected, float):
            return max(1, math.ceil(selected * columns))
        return min(int(selected), columns)

    def _get_support_mask(self) -> npt.NDArray[np.bool_]:
        _validation.check_is_fitted(self, "scores_")
        return best(self.scores_, self._count())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self._takes_sparse
        tags.target_tags.required = self._needs_targets
        return tags


def best(scores: Doubles, count: int) -> npt.NDArray[np.bool_]:
    """True for the `count` highest scores; of equal scores the first."""
    mask = np.zeros(len(scores), np.bool_)
    mask[np.argsort(-scores, kind="stable")[:count]] = True
    return mask


def moments(X: Any) -> tuple[Doubles, Doubles]:
    """Mean and variance (divided by n) of each column."""
    if hasattr(X, "tocsr"):
        means, variances = _sparse.mean_variance_axis(X, axis=0)
        return means, variances
    return X.mean(axis=0), X.var(axis=0)


def scales(X: Any) -> Doubles:
    """Standard deviation of each column; 1 for constant columns."""
    deviations = np.sqrt(moments(X)[1])
    result: Doubles = np.where(deviations > 0, deviations, 1.0)
    return result


def scaled(X: Any) -> Any:
    """Columns scaled to a standard deviation of 1, but not centred, so that zeros stay zeros."""
    if hasattr(X, "tocsr"):
        X = X.copy()
        _sparse.inplace_column_scale(X, 1 / scales(X))
        return X
    return X / scales(X)


def correlations(X: Any) -> Doubles:
    """Absolute correlation of each pair of columns `(d, d)`; 0 if one of them is constant."""
    means, variances = moments(X)
    products = X.T @ X
    products = np.asarray(products.toarray() if hasattr(products, "toarray") else products)
    covariances = products / X.shape[0] - np.outer(means, means)
    deviations = np.sqrt(variances)
    # A deviation of the size of the mean's rounding error counts as constant.
    is_constant = deviations <= 1e-10 * np.abs(means)
    divisors = np.where(is_constant | (deviations == 0), np.inf, deviations)
    result: Doubles = np.clip(np.abs(covariances / np.outer(divisors, divisors)), 0, 1)
    np.fill_diagonal(result, np.isfinite(divisors))
    return result
