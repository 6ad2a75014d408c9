"""Scores of a comparison: functions, and scikit-learn's scorers by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gatewise._extras import import_extra
from gatewise.data.scores import default_scoring, has_labels
from gatewise.validation.candidates import is_estimator, predict

Score = Callable[[Any, Any, Any, Any], float]
"""From a trained model, rows, targets and predictions to a number; higher is better."""


def is_function(scoring: Any) -> bool:
    """Whether it is a function of targets and predictions, and no scorer of scikit-learn."""
    return callable(scoring) and not _is_scorer(scoring)


def _is_scorer(scoring: Any) -> bool:
    return hasattr(scoring, "_score_func")  # scikit-learn has no public sign of one


def find_score(scoring: Any, y: Any) -> tuple[str, Score]:
    """Name and function of a score.

    Parameters
    ----------
    scoring : str, scorer, callable (y, predicted) or None
        A name of scikit-learn, such as "neg_log_loss" or "roc_auc"; what its `make_scorer` makes;
        a function; or None for accuracy of labels, else the fraction of variance explained.
    y : array
        What predictions are compared with.

    Raises
    ------
    ValueError
        scikit-learn has no scorer of that name.
    TypeError
        It is none of these.
    """
    if scoring is None:
        name, function = default_scoring(y)
        return name, _of_predictions(function)
    if isinstance(scoring, str):
        scorer = import_extra("sklearn.metrics", "sklearn").get_scorer(scoring)
        return scoring, _of_estimators(scorer)
    if _is_scorer(scoring):
        return "score", _of_estimators(scoring)
    if callable(scoring):
        return "score", _of_predictions(scoring)
    raise TypeError(
        "scoring: expected a name of scikit-learn, a scorer, or a function (y, predicted), "
        f"got {type(scoring).__name__}"
    )


def _of_predictions(function: Callable[[Any, Any], float]) -> Score:
    return lambda model, x, y, predicted: function(y, predicted)


def _of_estimators(scorer: Any) -> Score:
    def score(model: Any, x: Any, y: Any, predicted: Any) -> float:
        return float(scorer(model if is_estimator(model) else _as_estimator(model, y), x, y))

    return score


def _as_estimator(model: Any, y: Any) -> Any:
    """A trained model of this package as scorers expect it."""
    base: Any = import_extra("sklearn.base", "sklearn")
    is_classifier = has_labels(y)
    kind: Any = base.ClassifierMixin if is_classifier else base.RegressorMixin

    class Trained(kind, base.BaseEstimator):  # type: ignore[misc]
        def fit(self, X: Any, y: Any) -> Any:
            raise TypeError("fit: expected a model that is only scored")

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, X: Any) -> Any:
            outputs = np.asarray(predict(model, X))
            if not is_classifier:
                return outputs[:, 0] if outputs.ndim == 2 and outputs.shape[1] == 1 else outputs
            return _shares(outputs).argmax(axis=1)

        if is_classifier:

            def predict_proba(self, X: Any) -> Any:
                return _shares(np.asarray(predict(model, X)))

    found = Trained()
    if is_classifier:
        outputs = getattr(model, "output_shape", (None, 0))[-1]
        found.classes_ = np.arange(max(int(np.max(y)) + 1, outputs or 0))
    return found


def _shares(outputs: Any) -> Any:
    """Probabilities `(n, C)`, also of a model of one output, that of the second class."""
    values = outputs.astype(np.float64)
    if values.ndim == 1 or values.shape[1] == 1:
        column = values.reshape(-1)
        return np.stack([1 - column, column], axis=1)
    return values / values.sum(axis=1, keepdims=True)
