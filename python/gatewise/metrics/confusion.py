"""Counts of right and wrong predictions at thresholds, precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from gatewise.metrics.base import Doubles, Metric, registry
from gatewise.metrics.confusion_counts import are_even, confusion_counts
from gatewise.registry import Config
from gatewise.utils.checks import check_integer, check_number, to_plain

Thresholds: TypeAlias = float | Sequence[float] | None

CONDITIONS = ("true_positives", "false_positives", "true_negatives", "false_negatives")
_ALL_OUTPUTS = -1e10
"""The threshold that all of the k largest outputs are above."""


class FourCounts:
    """Keras' names of the four counts that a metric keeps at thresholds."""

    def four_counts(self) -> Any:
        """The counts (4, t) of `CONDITIONS`, or (4, t, u) of units."""
        raise NotImplementedError

    @property
    def true_positives(self) -> Any:
        """Weighted count at each threshold."""
        return self.four_counts()[0]

    @property
    def false_positives(self) -> Any:
        """Weighted count at each threshold."""
        return self.four_counts()[1]

    @property
    def true_negatives(self) -> Any:
        """Weighted count at each threshold."""
        return self.four_counts()[2]

    @property
    def false_negatives(self) -> Any:
        """Weighted count at each threshold."""
        return self.four_counts()[3]


class ConfusionMetric(FourCounts, Metric):
    """Base class of metrics of the four counts at thresholds.

    Parameters
    ----------
    thresholds : float in [0, 1], or list of them, or None
        As the user gave them.
    default : float
        The threshold for None.
    name, dtype
        See `Metric`.

    Raises
    ------
    TypeError, ValueError
        If a threshold is not a number in its range.
    """

    target = "values"

    def __init__(
        self, thresholds: Thresholds, default: float, name: str | None, dtype: object
    ) -> None:
        super().__init__(name, dtype)
        given: Any = to_plain(thresholds)
        given = given.tolist() if isinstance(given, np.ndarray) else given
        if isinstance(given, (list, tuple)):
            given = [check_number("thresholds", each, 0.0, 1.0) for each in given]
        elif given is not None:
            given = check_number("thresholds", given, 0.0, 1.0)
        self.init_thresholds: float | list[float] | None = given
        found = default if given is None else given
        self.thresholds = [found] if isinstance(found, (int, float)) else found
        if not self.thresholds:
            raise ValueError("thresholds: expected at least one number, got none")
        self.is_even = are_even(self.thresholds)
        self.counts = self.add_variable((4, len(self.thresholds)))

    def four_counts(self) -> Any:
        """The counts (4, t) of `CONDITIONS`."""
        return self.counts

    def update_state(self, y_true: object, y_pred: object, sample_weight: object = None) -> None:
        """Adds the rows of a batch.

        Parameters
        ----------
        y_true : array (n, ..., u) or (n,)
            Targets; all but 0 are positive.
        y_pred : array (n, ..., u) or (n,)
            Probabilities.
        sample_weight : array (n, ...), optional
            Weights of samples, rows or units.
        """
        self.counts.assign_add(
            confusion_counts(
                y_true,
                y_pred,
                sample_weight,
                np.array(self.thresholds),
                even=self.is_even,
                **self._selection(),
            )
        )

    def _selection(self) -> dict[str, Any]:
        """Which outputs count."""
        return {}

    def _of_thresholds(self, values: Doubles) -> Any:
        """One number for one threshold, else an array."""
        return np.float64(values[0]) if len(self.thresholds) == 1 else values

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return {"thresholds": self.init_thresholds}


class _Count(ConfusionMetric):
    condition: ClassVar[str]

    def __init__(
        self, thresholds: Thresholds = None, name: str | None = None, dtype: object = None
    ) -> None:
        super().__init__(thresholds, 0.5, name, dtype)

    def result(self) -> Any:
        """The weighted count for each threshold; a number for one."""
        return self._of_thresholds(np.array(self.counts[CONDITIONS.index(self.condition)]))


@registry.register("true_positives")
class TruePositives(_Count):
    """Weighted count of positive targets that are predicted positive.

    Parameters
    ----------
    thresholds : float in [0, 1] or list of them, default 0.5
        An output above it is predicted positive.
    name : str, default "true_positives"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If a threshold is not a number in its range.
    """

    condition = "true_positives"


@registry.register("true_negatives")
class TrueNegatives(_Count):
    """Weighted count of negative targets that are predicted negative.

    Parameters
    ----------
    thresholds : float in [0, 1] or list of them, default 0.5
        An output above it is predicted positive.
    name : str, default "true_negatives"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If a threshold is not a number in its range.
    """

    condition = "true_negatives"


@registry.register("false_positives")
class FalsePositives(_Count):
    """Weighted count of negative targets that are predicted positive.

    Parameters
    ----------
    thresholds : float in [0, 1] or list of them, default 0.5
        An output above it is predicted positive.
    name : str, default "false_positives"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If a threshold is not a number in its range.
    """

    condition = "false_positives"


@registry.register("false_negatives")
class FalseNegatives(_Count):
    """Weighted count of positive targets that are predicted negative.

    Parameters
    ----------
    thresholds : float in [0, 1] or list of them, default 0.5
        An output above it is predicted positive.
    name : str, default "false_negatives"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If a threshold is not a number in its range.
    """

    condition = "false_negatives"


class _Share(ConfusionMetric):
    """True positives divided by them and another count."""

    direction = "up"
    other: ClassVar[str]

    def __init__(
        self,
        thresholds: Thresholds = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: object = None,
    ) -> None:
        super().__init__(thresholds, 0.5 if top_k is None else _ALL_OUTPUTS, name, dtype)
        self.top_k = None if top_k is None else check_integer("top_k", top_k, 1)
        self.class_id = None if class_id is None else check_integer("class_id", class_id, 0)

    def _selection(self) -> dict[str, Any]:
        return {"top_k": self.top_k, "class_id": self.class_id}

    def result(self) -> Any:
        """The share for each threshold, 0 of none; a number for one threshold."""
        right = np.array(self.counts[0])
        return self._of_thresholds(share(right, right + self.counts[CONDITIONS.index(self.other)]))

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return {**super().own_settings(), "top_k": self.top_k, "class_id": self.class_id}


def share(part: Doubles, whole: Doubles) -> Doubles:
    """`part / whole`, 0 where the whole is 0."""
    result: Doubles = np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole != 0)
    return result


@registry.register("precision")
class Precision(_Share):
    """Share of predicted positives that are positive: `tp / (tp + fp)`.

    Parameters
    ----------
    thresholds : float in [0, 1] or list of them, default 0.5
        An output above it is predicted positive; with `top_k` all of these are unless it is given.
    top_k : int, optional
        Only the k largest outputs of a row can be predicted positive.
    class_id : int, optional
        Only this unit counts.
    name : str, default "precision"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range.
    """

    other = "false_positives"


@registry.register("recall")
class Recall(_Share):
    """Share of positives that are predicted positive: `tp / (tp + fn)`.

    Parameters
    ----------
    thresholds : float in [0, 1] or list of them, default 0.5
        An output above it is predicted positive; with `top_k` all of these are unless it is given.
    top_k : int, optional
        Only the k largest outputs of a row can be predicted positive.
    class_id : int, optional
        Only this unit counts.
    name : str, default "recall"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range.
    """

    other = "false_negatives"
