"""Choice of a selector by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gatewise._extras import import_extra
from gatewise.data.csr import is_sparse, to_csr
from gatewise.selection.clusters import DBSCANSelector, KMeansSelector
from gatewise.selection.graphs import BetweennessSelector, ComponentsSelector, PageRankSelector
from gatewise.selection.statistics import (
    LassoSelector,
    LogisticSelector,
    RidgeSelector,
    TTestSelector,
)
from gatewise.validation.cross_validation import CrossValidation, TableReprMixin, cross_validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewise.selection.base import FeatureSelector


@dataclass(frozen=True)
class SelectorChoice(TableReprMixin):
    """A chosen selector, the reason, and the measurements.

    Attributes
    ----------
    selector : FeatureSelector
        The chosen selector, fitted on all rows.
    name : str
        Its name in `result`.
    reason : str
        Why it was chosen, in a sentence.
    result : CrossValidation
        Scores and times; the cost of a selector is the count of columns it keeps when fitted on
        all rows.
    """

    selector: FeatureSelector
    name: str
    reason: str
    result: CrossValidation


def choose_selector(
    x: Any,
    y: Any,
    cv: Any = 5,
    *,
    selectors: Mapping[str, Any] | None = None,
    n_features_to_select: int | float | None = None,
    estimator: Any = None,
    scoring: str | Callable[..., float] | None = None,
    seed: int = 0,
) -> SelectorChoice:
    """Chooses the selector with the fewest columns within one standard error of the best score.

    In each fold, each selector is fitted on the training rows, the estimator is fitted on the
    columns that it keeps, and the estimator is scored on the held-out rows.

    Parameters
    ----------
    x : array or SciPy sparse matrix (n, d)
        Rows.
    y : array (n,)
        Labels.
    cv : int, splitter, or iterable of (training, validation) rows
        As in `gw.compare`.
    selectors : mapping of str to selector, optional
        Selectors to compare. Default: all nine.
    n_features_to_select : int or float, optional
        Setting of the nine default selectors.
    estimator : estimator, optional
        Model fitted on the selected columns. Default: logistic regression on scaled columns.
    scoring, seed
        As in `gw.compare`.

    Returns
    -------
    SelectorChoice

    Raises
    ------
    ValueError
        x, y and cv do not match, or a selector has an invalid setting.
    ImportError
        scikit-learn or networkx is missing; the message names the extra.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(120, 6))
    >>> choice = gw.selection.choose_selector(x, x[:, 2] > 0, cv=3, n_features_to_select=1)
    >>> choice.selector.get_support(indices=True)
    array([2])
    """
    pipeline = import_extra("sklearn.pipeline", "select")
    base = import_extra("sklearn.base", "select")
    if is_sparse(x):
        x = to_csr(x, "x")
    if estimator is None:
        scaling = import_extra("sklearn.preprocessing", "select").MaxAbsScaler()
        linear = import_extra("sklearn.linear_model", "select")
        estimator = pipeline.make_pipeline(scaling, linear.LogisticRegression(max_iter=1000))
    if selectors is None:
        selectors = all_selectors(n_features_to_select)
    fitted = {name: base.clone(each).fit(x, y) for name, each in selectors.items()}
    costs = [float(each.get_support().sum()) for each in fitted.values()]
    models = {name: pipeline.make_pipeline(each, estimator) for name, each in selectors.items()}
    result = cross_validate(models, x, y, cv, scoring, seed, {}, costs, "columns")
    return SelectorChoice(fitted[result.chosen], result.chosen, result.reason, result)


def all_selectors(n_features_to_select: int | float | None = None) -> dict[str, FeatureSelector]:
    """The nine selectors by their short names."""
    count = n_features_to_select
    return {
        "t-test": TTestSelector(count),
        "logistic": LogisticSelector(count),
        "lasso": LassoSelector(count),
        "ridge": RidgeSelector(count),
        "pagerank": PageRankSelector(count),
        "betweenness": BetweennessSelector(count),
        "components": ComponentsSelector(),
        "k-means": KMeansSelector(count),
        "dbscan": DBSCANSelector(),
    }
