"""Default scores of predictions: accuracy, and the fraction of variance explained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def has_labels(y: Any) -> bool:
    """Whether targets are class labels: one integer, bool or string per sample."""
    return y is not None and np.ndim(y) == 1 and np.asarray(y).dtype.kind in "iubUSO"


def default_scoring(y: Any) -> tuple[str, Callable[[Any, Any], float]]:
    """Name and function of the default score: accuracy for labels, else explained variance."""
    return ("accuracy", accuracy) if has_labels(y) else ("explained variance", explained_variance)


def accuracy(y: Any, predicted: Any) -> float:
    """Fraction of correct rows; predictions are labels, probabilities, or that of class 1."""
    values = np.asarray(predicted)
    if values.ndim > 1 and values.shape[-1] == 1:
        values = values[:, 0]
    if values.ndim > 1:
        values = values.argmax(axis=-1)
    elif values.dtype.kind == "f" and np.asarray(y).dtype.kind in "iub":
        values = values > 0.5
    return float(np.mean(values == np.asarray(y)))


def explained_variance(y: Any, predicted: Any) -> float:
    """`1 - sum (y - p)^2 / sum (y - mean)^2`, over rows and outputs together (R^2)."""
    target = np.asarray(y.toarray() if hasattr(y, "toarray") else y, np.float64)
    values = np.asarray(predicted, np.float64).reshape(target.shape)
    total_squares = np.sum((target - target.mean(axis=0)) ** 2)
    error = np.sum((target - values) ** 2)
    return float(1 - error / total_squares) if total_squares > 0 else float(error == 0)
