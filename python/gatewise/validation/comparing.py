"""Comparison of models by cross-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewise.data.csr import is_sparse, to_csr
from gatewise.utils.checks import check_flag
from gatewise.validation.cross_validation import CrossValidation, cross_validate
from gatewise.validation.dense_peers import with_dense_peers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def compare(
    models: Mapping[str, Any],
    x: Any,
    y: Any = None,
    cv: Any = 5,
    *,
    scoring: str | Callable[..., float] | None = None,
    seed: int = 0,
    dense_peers: bool = False,
    **fit_options: Any,
) -> CrossValidation:
    """Compares the scores and times of several models by cross-validation on the same folds.

    Parameters
    ----------
    models : mapping of str to model
        A compiled model of this package, of which each fold trains a new copy; a scikit-learn
        estimator or pipeline, which is cloned; or a function without arguments that returns
        either. So the same call compares encoders, expert kinds and selectors.
    x : array or SciPy sparse matrix (n, ...)
        Samples.
    y : array (n,) or (n, u), optional
        Labels or targets. If omitted, models learn to reconstruct x. Labels are integers from 0,
        or text, bool or whole floats, which are trained on as indices of the sorted classes, each
        `(n,)` or `(n, 1)`; or one-hot rows. Whole floats are labels if a candidate classifies.
    cv : int, splitter, or iterable of (training, validation) rows
        An int is the count of shuffled folds, stratified by class if y holds labels.
    scoring : str, scorer, or callable (y, predicted) -> float, optional
        Higher is better. A name of scikit-learn, such as "neg_log_loss" or "roc_auc", what its
        `make_scorer` makes, or a function. Default: accuracy for labels, else the fraction of
        variance explained.
    seed : int
        Seed of the folds and of initial weights: fold i uses `seed + i` for every model.
    dense_peers : bool
        If True, each model with linear, MLP or GLU experts is followed by two in which dense
        layers take their place: "dense = active" of as many parameters as a row uses, and
        "dense = total" of as many as there are. All else, and the training, is the same: what the
        experts bring is the difference.
    **fit_options
        Options of `fit` for this package's models: `epochs`, `batch_size`, `callbacks`, ...

    Returns
    -------
    CrossValidation
        Scores, times, and the cheapest model within one standard error of the best.

    Raises
    ------
    ValueError
        There is no model, a model is not compiled, x, y and cv do not match, or no model has
        experts for `dense_peers`.
    TypeError
        A candidate is none of the three kinds.
    ImportError
        scikit-learn, which splits the rows, is missing; the message names the extra.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 4))
    >>> def make(units):
    ...     model = gw.Sequential([gw.Input((4,)), gw.layers.Dense(units), gw.layers.Dense(1)])
    ...     model.compile("adam", "mse")
    ...     return model
    >>> result = gw.compare({"2 units": make(2), "8 units": make(8)}, x, x[:, :1], cv=3)
    >>> result.scores.shape
    (2, 3)
    """
    if is_sparse(x):
        x = to_csr(x, "x")
    if check_flag("dense_peers", dense_peers):
        models = with_dense_peers(dict(models), x.shape[-1], seed)
    return cross_validate(models, x, y, cv, scoring, seed, fit_options)
