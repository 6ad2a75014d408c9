"""The best of one rate at thresholds where another rate is high enough.

Rates of the counts of true and false positives and negatives (tp, fp, tn, fn): sensitivity, or
recall, `tp / (tp + fn)`; specificity `tn / (tn + fp)`; precision `tp / (tp + fp)`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from gatewise.metrics.base import registry
from gatewise.metrics.confusion import CONDITIONS, ConfusionMetric, share
from gatewise.registry import Config
from gatewise.utils.checks import check_integer, check_number

_PARTS = {
    "sensitivity": ("true_positives", "false_negatives"),
    "recall": ("true_positives", "false_negatives"),
    "specificity": ("true_negatives", "false_positives"),
    "precision": ("true_positives", "false_positives"),
}
"""For each rate the count that is divided, and the one that completes its divisor."""


class _ConstrainedRate(ConfusionMetric):
    """The largest `best` rate of the thresholds whose `limited` rate is at least `value`."""

    direction = "up"
    best: ClassVar[str]
    limited: ClassVar[str]

    def __init__(
        self,
        value: float,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: object,
    ) -> None:
        self.value = check_number(self.limited, value, 0.0, 1.0)
        self.num_thresholds = check_integer("num_thresholds", num_thresholds, 1)
        parts = self.num_thresholds - 1
        given = [each / parts for each in range(parts + 1)] if parts else [0.5]
        super().__init__(given, 0.5, name, dtype)
        self.is_even = parts > 0
        self.class_id = None if class_id is None else check_integer("class_id", class_id, 0)

    def _selection(self) -> dict[str, Any]:
        return {"class_id": self.class_id}

    def result(self) -> np.float64:
        """The rate; 0 if it is limited at all thresholds."""
        limited, best = self._rate(self.limited), self._rate(self.best)
        # In float32, so that rounded sums of weights do not miss a limit that they equal.
        is_high = limited.astype(np.float32) >= np.float32(self.value)
        return np.float64(np.where(is_high, best, 0.0).max())

    def _rate(self, name: str) -> Any:
        part, other = (np.array(self.counts[CONDITIONS.index(each)]) for each in _PARTS[name])
        return share(part, part + other)

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return {
            self.limited: self.value,
            "num_thresholds": self.num_thresholds,
            "class_id": self.class_id,
        }


@registry.register("sensitivity_at_specificity")
class SensitivityAtSpecificity(_ConstrainedRate):
    """Largest sensitivity of the thresholds whose specificity is high enough.

    `max tp / (tp + fn)` of the thresholds with `tn / (tn + fp) >= specificity`, 0 if there is none.

    Parameters
    ----------
    specificity : float in [0, 1]
        Lower bound of the specificity.
    num_thresholds : int, default 200
        Thresholds, evenly spaced from 0 to 1; one is 0.5.
    class_id : int, optional
        Only this unit counts.
    name : str, default "sensitivity_at_specificity"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range.

    Examples
    --------
    >>> import gatewise as gw
    >>> metric = gw.metrics.SensitivityAtSpecificity(0.5)
    >>> round(float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])), 4)
    0.5
    """

    best = "sensitivity"
    limited = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: object = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = self.value


@registry.register("specificity_at_sensitivity")
class SpecificityAtSensitivity(_ConstrainedRate):
    """Largest specificity of the thresholds whose sensitivity is high enough.

    `max tn / (tn + fp)` of the thresholds with `tp / (tp + fn) >= sensitivity`, 0 if there is none.

    Parameters
    ----------
    sensitivity : float in [0, 1]
        Lower bound of the sensitivity.
    num_thresholds : int, default 200
        Thresholds, evenly spaced from 0 to 1; one is 0.5.
    class_id : int, optional
        Only this unit counts.
    name : str, default "specificity_at_sensitivity"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range.

    Examples
    --------
    >>> import gatewise as gw
    >>> metric = gw.metrics.SpecificityAtSensitivity(0.5)
    >>> round(float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])), 4)
    0.6667
    """

    best = "specificity"
    limited = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: object = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = self.value


@registry.register("precision_at_recall")
class PrecisionAtRecall(_ConstrainedRate):
    """Largest precision of the thresholds whose recall is high enough.

    `max tp / (tp + fp)` of the thresholds with `tp / (tp + fn) >= recall`, 0 if there is none.

    Parameters
    ----------
    recall : float in [0, 1]
        Lower bound of the recall.
    num_thresholds : int, default 200
        Thresholds, evenly spaced from 0 to 1; one is 0.5.
    class_id : int, optional
        Only this unit counts.
    name : str, default "precision_at_recall"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range.

    Examples
    --------
    >>> import gatewise as gw
    >>> metric = gw.metrics.PrecisionAtRecall(0.5)
    >>> round(float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])), 4)
    0.5
    """

    best = "precision"
    limited = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: object = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = self.value


@registry.register("recall_at_precision")
class RecallAtPrecision(_ConstrainedRate):
    """Largest recall of the thresholds whose precision is high enough.

    `max tp / (tp + fn)` of the thresholds with `tp / (tp + fp) >= precision`, 0 if there is none.

    Parameters
    ----------
    precision : float in [0, 1]
        Lower bound of the precision.
    num_thresholds : int, default 200
        Thresholds, evenly spaced from 0 to 1; one is 0.5.
    class_id : int, optional
        Only this unit counts.
    name : str, default "recall_at_precision"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range.

    Examples
    --------
    >>> import gatewise as gw
    >>> metric = gw.metrics.RecallAtPrecision(0.5)
    >>> round(float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])), 4)
    1.0
    """

    best = "recall"
    limited = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: object = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = self.value
