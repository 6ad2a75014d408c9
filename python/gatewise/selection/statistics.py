"""Selectors based on the relation of each column to the targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise._extras import import_extra
from gatewise.selection.base import FeatureSelector, moments, scaled

if TYPE_CHECKING:
    from gatewise._core import Doubles


class TTestSelector(FeatureSelector):
    """Selects the columns whose means differ most between classes, by Welch's t-test.

    `t = (mean_a - mean_b) / sqrt(var_a / n_a + var_b / n_b)`; with more than two classes, the
    largest `|t|` of one class against all others.

    Parameters
    ----------
    n_features_to_select : int or float, optional
        How many columns are kept, as a count or a fraction. Default: half of them.

    Attributes
    ----------
    scores_ : ndarray (d,)
        `|t|`; infinite for a column that is constant in each class but differs between classes.
    pvalues_ : ndarray (d,)
        Two-sided p-values, times the class count if there are more than two classes (Bonferroni).

    References
    ----------
    Welch 1947, "The generalization of 'Student's' problem when several different population
    variances are involved".

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(100, 5))
    >>> selector = gw.selection.TTestSelector(1).fit(x, x[:, 3] > 0)
    >>> selector.get_support(indices=True)
    array([3])
    """

    pvalues_: Doubles

    def _score(self, X: Any, y: Any) -> None:
        from scipy.stats import ttest_ind_from_stats

        classes = np.unique(y)
        labels = classes[:1] if len(classes) == 2 else classes
        found = []
        for label in labels:
            parts = [self._part(X, mask) for mask in (y == label, y != label)]
            with np.errstate(divide="ignore", invalid="ignore"):
                test = ttest_ind_from_stats(*parts[0], *parts[1], equal_var=False)
            means_differ = parts[0][0] != parts[1][0]
            found.append(
                (
                    np.where(
                        np.isnan(test.statistic), np.where(means_differ, np.inf, 0), test.statistic
                    ),
                    np.where(np.isnan(test.pvalue), np.where(means_differ, 0.0, 1.0), test.pvalue),
                )
            )
        self.scores_ = np.max([np.abs(each) for each, _ in found], axis=0)
        pvalues = np.min([each for _, each in found], axis=0)
        self.pvalues_ = np.minimum(pvalues * len(labels), 1.0)

    @staticmethod
    def _part(X: Any, mask: Any) -> tuple[Doubles, Doubles, int]:
        """Means, standard deviations (divided by n - 1) and row count of a class."""
        count = int(mask.sum())
        means, variances = moments(X[mask])
        return means, np.sqrt(variances * count / max(count - 1, 1)), count


class LogisticSelector(FeatureSelector):
    """Selects the columns with the largest coefficients of a logistic regression.

    Columns are scaled to a standard deviation of 1; a score is the largest `|w|` over classes.

    Parameters
    ----------
    n_features_to_select : int or float, optional
        How many columns are kept, as a count or a fraction. Default: half of them.
    C : float
        Inverse of the L2 penalty's strength, as in `sklearn.linear_model.LogisticRegression`.
    """

    def __init__(self, n_features_to_select: int | float | None = None, C: float = 1.0) -> None:
        super().__init__(n_features_to_select)
        self.C = C

    def _score(self, X: Any, y: Any) -> None:
        linear = import_extra("sklearn.linear_model", "select")
        model = linear.LogisticRegression(C=self.C, max_iter=1000).fit(scaled(X), y)
        self.scores_ = np.abs(model.coef_).max(axis=0)


class _Regression(FeatureSelector):
    """Base of regressions: labels become 0/1 columns, one per class; numeric targets are kept."""

    def _check_targets(self, y: Any) -> Any:
        if np.asarray(y).dtype.kind in "fc" and not np.all(np.asarray(y) == np.round(y)):
            return np.asarray(y, np.float64).reshape(-1, 1)
        classes = np.unique(y)
        if len(classes) < 2:
            raise ValueError(f"y: expected at least two classes, got one class, {classes[0]!r}")
        return (np.asarray(y)[:, None] == classes).astype(np.float64)[:, len(classes) == 2 :]


class LassoSelector(_Regression):
    """Selects the columns with the largest coefficients of an L1-penalized regression.

    `min |y - x w - b|^2 / (2 n) + alpha |w|_1` over columns scaled to a standard deviation of 1,
    with `alpha = strength alpha_max`; alpha_max is the smallest alpha for which all w are 0.
    Labels are regressed as 0 and 1, one class against the others; a score is the largest `|w|`.

    Parameters
    ----------
    n_features_to_select : int or float, optional
        How many columns are kept at most. Default: all columns whose score is not 0.
    strength : float in (0, 1)
        Strength of the penalty.

    References
    ----------
    Tibshirani 1996, "Regression shrinkage and selection via the lasso".
    """

    def __init__(
        self, n_features_to_select: int | float | None = None, strength: float = 0.1
    ) -> None:
        super().__init__(n_features_to_select)
        self.strength = strength

    def _score(self, X: Any, y: Any) -> None:
        linear = import_extra("sklearn.linear_model", "select")
        if not 0 < self.strength < 1:
            raise ValueError(f"strength: expected a number in (0, 1), got {self.strength!r}")
        rows, scores = scaled(X), np.zeros(X.shape[1])
        for target in y.T:
            centred = target - target.mean()
            alpha_max = np.abs(rows.T @ centred).max() / len(target)
            if alpha_max <= 0:
                continue
            model = linear.Lasso(alpha=self.strength * alpha_max, max_iter=10_000)
            scores = np.maximum(scores, np.abs(model.fit(rows, target).coef_))
        self.scores_ = scores

    def _count(self) -> int:
        used = max(1, int(np.count_nonzero(self.scores_)))
        return used if self.n_features_to_select is None else min(super()._count(), used)


class RidgeSelector(_Regression):
    """Selects the columns with the largest coefficients of an L2-penalized regression.

    `min |y - x w - b|^2 + alpha |w|^2` over columns scaled to a standard deviation of 1. Labels
    are regressed as 0 and 1; a score is the largest `|w|` over the classes.

    Parameters
    ----------
    n_features_to_select : int or float, optional
        How many columns are kept, as a count or a fraction. Default: half of them.
    alpha : float
        Strength of the penalty.

    References
    ----------
    Hoerl, Kennard 1970, "Ridge regression: biased estimation for nonorthogonal problems".
    """

    def __init__(self, n_features_to_select: int | float | None = None, alpha: float = 1.0) -> None:
        super().__init__(n_features_to_select)
        self.alpha = alpha

    def _score(self, X: Any, y: Any) -> None:
        linear = import_extra("sklearn.linear_model", "select")
        model = linear.Ridge(alpha=self.alpha).fit(scaled(X), y)
        self.scores_ = np.abs(np.atleast_2d(model.coef_)).max(axis=0)
