"""F scores: harmonic means of precision and recall."""

from __future__ import annotations

from typing import Any

import numpy as np

from gatewise.losses.arrays import to_floats
from gatewise.metrics.base import UnitMetric, registry
from gatewise.registry import Config
from gatewise.utils.checks import check_number

_EPSILON = 1e-7
"""Keras' epsilon, added to divisors."""
_AVERAGES = (None, "micro", "macro", "weighted")


@registry.register("f_beta_score", "fbeta_score")
class FBetaScore(UnitMetric):
    """Weighted harmonic mean of precision P and recall R: `(1 + b^2) P R / (b^2 P + R)`.

    Parameters
    ----------
    average : None, "micro", "macro" or "weighted"
        None: a score for each class. Their mean: `"macro"`; weighted by the count of their
        positives: `"weighted"`. `"micro"`: the score of the counts of all classes.
    beta : float > 0, default 1
        Weight of recall beside precision, squared.
    threshold : float in (0, 1], optional
        Outputs above it are predicted positive; unless given, the largest ones of each row.
    name : str, default "fbeta_score"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range.

    References
    ----------
    van Rijsbergen, "Information Retrieval", 2nd ed. 1979, ch. 7.
    """

    direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: object = None,
    ) -> None:
        super().__init__(name, dtype)
        if average not in _AVERAGES:
            raise ValueError(
                f"average: expected one of {', '.join(map(str, _AVERAGES))}, got {average!r}"
            )
        self.average = average
        self.beta = check_number("beta", beta, 0.0)
        if self.beta == 0:
            raise ValueError(f"beta: expected a number > 0, got {beta!r}")
        if threshold is not None:
            threshold = check_number("threshold", threshold, 0.0, 1.0)
            if threshold == 0:
                raise ValueError("threshold: expected a number in (0, 1], got 0")
        self.threshold = threshold

    def sums_shape(self, units: int) -> tuple[int, ...]:
        """True and false positives, false negatives, and positives."""
        return 4, 1 if self.average == "micro" else units

    def update_state(self, y_true: object, y_pred: object, sample_weight: object = None) -> None:
        """Adds one-hot or binary targets and predictions (n, u), and weights (n,)."""
        expected, outputs = to_floats(y_true, "y_true"), to_floats(y_pred, "y_pred")
        if outputs.ndim != 2 or expected.shape != outputs.shape:
            raise ValueError(
                f"{type(self).__name__}: expected targets and predictions (n, u), got shapes "
                f"{expected.shape} and {outputs.shape}"
            )
        self.build(outputs.shape[1])
        if self.threshold is None:
            largest = outputs.max(axis=1, keepdims=True, initial=-np.inf)
            predicted = ((outputs >= largest) & (np.abs(outputs) > 1e-9)).astype(np.float64)
        else:
            predicted = (outputs > self.threshold).astype(np.float64)
        targets = expected.astype(np.float64)
        weights = np.ones((len(outputs), 1))
        if sample_weight is not None:
            weights = to_floats(sample_weight, "sample_weight").reshape(-1, 1).astype(np.float64)
        terms = (predicted * targets, predicted * (1 - targets), (1 - predicted) * targets, targets)
        counts = np.array([(weights * each).sum(axis=0) for each in terms])
        if self.average == "micro":
            counts = counts.sum(axis=1, keepdims=True)
        self.add_sums(counts)

    def result(self) -> Any:
        """The score, or (u,) scores without an average; 0 of no rows."""
        if self.sums is None:
            return np.float64(0)
        right, wrong, missed, positive = np.asarray(self.sums)
        precision = right / (right + wrong + _EPSILON)
        recall = right / (right + missed + _EPSILON)
        square = self.beta**2
        scores = (1 + square) * precision * recall / (square * precision + recall + _EPSILON)
        if self.average is None:
            return scores
        if self.average == "weighted":
            return np.float64((scores * positive).sum() / (positive.sum() + _EPSILON))
        return np.float64(scores.mean())

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return {"average": self.average, "beta": self.beta, "threshold": self.threshold}


@registry.register("f1_score")
class F1Score(FBetaScore):
    """Harmonic mean of precision P and recall R: `2 P R / (P + R)`.

    Parameters
    ----------
    average : None, "micro", "macro" or "weighted"
        None: a score for each class. Their mean: `"macro"`; weighted by the count of their
        positives: `"weighted"`. `"micro"`: the score of the counts of all classes.
    threshold : float in (0, 1], optional
        Outputs above it are predicted positive; unless given, the largest ones of each row.
    name : str, default "f1_score"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range.
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: object = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return {"average": self.average, "threshold": self.threshold}
