"""Means and sums of values, and metrics that are means of a value per row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

import numpy as np

from gatewise import _core
from gatewise.losses import TargetKind
from gatewise.losses.arrays import flat, match_ranks, to_labelled_rows, to_numbers, to_rows
from gatewise.losses.functions import FUNCTIONS
from gatewise.metrics.base import Array, Direction, Doubles, Metric, registry
from gatewise.registry import Config

_Reduce = Callable[..., Any]


def of_samples(
    values: object, sample_weight: object, reduce: _Reduce
) -> tuple[Doubles, Doubles | None]:
    """Values of samples times their weights, and the weights, as Keras reduces further axes.

    Parameters
    ----------
    values : array (n, ...) or number
        Values of rows or units of samples.
    sample_weight : array (n,) or of more axes of the values, or None
        Their weights.
    reduce : callable (array, axis)
        `np.mean` or `np.sum`: joins the values of a sample.

    Raises
    ------
    ValueError
        If the weights have more axes than the values.
    """
    found: Array = np.asarray(to_numbers(values, "values"), np.float64)
    weights: Array | None = None
    if sample_weight is not None:
        given = np.asarray(to_numbers(sample_weight, "sample_weight"), np.float64)
        found, given = match_ranks(found, given)
        if given.ndim > found.ndim:
            raise ValueError(
                f"sample_weight: expected at most the axes of the values, {found.shape}, got "
                f"{given.shape}"
            )
        if found.ndim > given.ndim:
            found = reduce(found, axis=tuple(range(given.ndim, found.ndim)))
        weights = np.broadcast_to(given, found.shape)
        found = found * weights
        if given.ndim > 1:
            weights = reduce(weights, axis=tuple(range(1, given.ndim)))
    if found.ndim > 1:
        found = reduce(found, axis=tuple(range(1, found.ndim)))
    return found, weights


@registry.register("sum")
class Sum(Metric):
    """Sum of given values, times their weights.

    Parameters
    ----------
    name : str, default "sum"
        Name of the metric.
    dtype
        Only None.
    """

    def __init__(self, name: str = "sum", dtype: object = None) -> None:
        super().__init__(name, dtype)
        self.total = self.add_variable()

    def update_state(self, values: object, sample_weight: object = None) -> None:
        """Adds values (n, ...), or one number."""
        self.total.assign_add(of_samples(values, sample_weight, np.sum)[0].sum())

    def result(self) -> np.float64:
        """The sum."""
        return np.float64(self.total)


@registry.register("mean")
class Mean(Metric):
    """Mean of given values, weighted by their weights; 0 of none.

    Parameters
    ----------
    name : str, default "mean"
        Name of the metric.
    dtype
        Only None.
    """

    def __init__(self, name: str = "mean", dtype: object = None) -> None:
        super().__init__(name, dtype)
        self.total = self.add_variable()
        self.count = self.add_variable()

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Adds `values` (n, ...), or one number, and their `sample_weight`."""
        self.add_values(*args, **kwargs)

    def add_values(self, values: object, sample_weight: object = None) -> None:
        """Adds values (n, ...), or one number."""
        found, weights = of_samples(values, sample_weight, np.mean)
        self.total.assign_add(found.sum())
        self.count.assign_add(weights.sum() if weights is not None else found.size)

    def result(self) -> np.float64:
        """The mean."""
        return np.float64(self.total / self.count) if self.count else np.float64(0)


class MeanMetricWrapper(Mean):
    """Mean of what a function gives for the rows of each batch.

    A function in `compile(metrics=[...])` becomes one.

    Parameters
    ----------
    fn : callable (y_true, y_pred) -> array (n, ...) or number
        Gives a value for each row, or one for the batch.
    name : str, default "mean_metric_wrapper"
        Name of the metric.
    dtype
        Only None.
    **kwargs
        Further arguments of the function.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        dtype: object = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or "mean_metric_wrapper", dtype)
        self.fn = fn
        self.arguments = kwargs

    @property
    def direction(self) -> Direction | None:  # type: ignore[override]
        """Down for a function of `gw.losses`; of others it is not known."""
        return "down" if self.fn in FUNCTIONS else None

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: object = None) -> None:
        """Adds the rows of a batch."""
        self.add_values(self.fn(y_true, y_pred, **self.arguments), sample_weight)

    def own_settings(self) -> Config:
        """The settings; the function is itself among them, so they are no JSON values."""
        return {"fn": self.fn, **self.arguments}


class RowMetric(Mean):
    """Base class of metrics that are means of a value per row, computed by the core.

    In `compile(metrics=[...])` each step of the core gives its mean over the batch; in
    `weighted_metrics`, and called on arrays, it is a `Mean` of the values of rows. The object in
    `metrics` has no state of its own then: `evaluate` and `history` have the results.
    """

    kind: ClassVar[str]
    target: ClassVar[TargetKind] = "values"
    of_units: ClassVar[bool] = False
    """Whether the value of a row is a mean over its units, each of which may have a weight."""

    def native_options(self) -> Config:
        """The settings in the form that the core reads."""
        return self.own_settings()

    def row_values(self, y_true: object, y_pred: object) -> Array:
        """The value of each row `(...)` of predictions `(..., u)`, or of each unit `(..., u)`.

        Raises
        ------
        TypeError
            If the elements are not real numbers.
        ValueError
            If the shapes do not fit.
        """
        are_labels = self.target == "labels"
        targets: Array
        targets, outputs = (to_labelled_rows if are_labels else to_rows)(y_true, y_pred)
        if self.of_units:
            targets, outputs = targets[..., np.newaxis], outputs[..., np.newaxis]
        shape = outputs.shape[:-1]
        if outputs.size == 0:
            return np.zeros(shape, np.float32)
        targets, rows = flat(targets, outputs, are_labels)
        values = _core.metric_values(self.kind, self.native_options(), targets, rows)
        return cast("Array", values.reshape(shape))

    def update_state(self, y_true: object, y_pred: object, sample_weight: object = None) -> None:
        """Adds the rows of a batch.

        Parameters
        ----------
        y_true : array (..., u), or (...) of class indices
            Targets.
        y_pred : array (..., u)
            Predictions.
        sample_weight : array, optional
            Weight of each sample.
        """
        self.add_values(self.row_values(y_true, y_pred), sample_weight)
