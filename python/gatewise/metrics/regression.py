"""Metrics of values: errors, their angle, and the share of variance that is explained.

`p_j` are the outputs of a row, `y_j` its targets, `e_j = p_j - y_j`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gatewise.losses.arrays import to_floats, to_rows
from gatewise.metrics.base import Doubles, UnitMetric, registry
from gatewise.metrics.reduction import Mean, RowMetric
from gatewise.registry import Config
from gatewise.utils.checks import check_defaults, check_integer
from gatewise.utils.warn import warn_user


@registry.register("mse", "MSE", "mean_squared_error")
class MeanSquaredError(RowMetric):
    """Mean squared error: `mean_j e_j^2`.

    Parameters
    ----------
    name : str, default "mean_squared_error"
        Name of the metric.
    dtype
        Only None.
    """

    kind = "mse"
    direction = "down"

    def __init__(self, name: str = "mean_squared_error", dtype: object = None) -> None:
        super().__init__(name, dtype)


@registry.register("mae", "MAE", "mean_absolute_error")
class MeanAbsoluteError(RowMetric):
    """Mean absolute error: `mean_j |e_j|`.

    Parameters
    ----------
    name : str, default "mean_absolute_error"
        Name of the metric.
    dtype
        Only None.
    """

    kind = "mae"
    direction = "down"

    def __init__(self, name: str = "mean_absolute_error", dtype: object = None) -> None:
        super().__init__(name, dtype)


@registry.register("mape", "MAPE", "mean_absolute_percentage_error")
class MeanAbsolutePercentageError(RowMetric):
    """Mean absolute percentage error: `100 mean_j |e_j| / max(|y_j|, 1e-7)`.

    Parameters
    ----------
    name : str, default "mean_absolute_percentage_error"
        Name of the metric.
    dtype
        Only None.
    """

    kind = "mean_absolute_percentage_error"
    direction = "down"

    def __init__(self, name: str = "mean_absolute_percentage_error", dtype: object = None) -> None:
        super().__init__(name, dtype)


@registry.register("msle", "MSLE", "mean_squared_logarithmic_error")
class MeanSquaredLogarithmicError(RowMetric):
    """Mean squared logarithmic error: `mean_j (log(1 + p_j) - log(1 + y_j))^2`.

    Parameters
    ----------
    name : str, default "mean_squared_logarithmic_error"
        Name of the metric.
    dtype
        Only None.
    """

    kind = "mean_squared_logarithmic_error"
    direction = "down"

    def __init__(self, name: str = "mean_squared_logarithmic_error", dtype: object = None) -> None:
        super().__init__(name, dtype)


@registry.register("log_cosh_error")
class LogCoshError(RowMetric):
    """Logarithm of the hyperbolic cosine of errors: `mean_j log(cosh(e_j))`.

    Parameters
    ----------
    name : str, default "logcosh"
        Name of the metric.
    dtype
        Only None.
    """

    kind = "log_cosh"
    direction = "down"

    def __init__(self, name: str = "logcosh", dtype: object = None) -> None:
        super().__init__(name, dtype)


@registry.register("cosine_similarity")
class CosineSimilarity(RowMetric):
    """Cosine of the angle between outputs and targets: `sum_j y_j p_j / (|y| |p|)`.

    Parameters
    ----------
    name : str, default "cosine_similarity"
        Name of the metric.
    dtype
        Only None.
    axis : int, default -1
        Only the last axis.

    Raises
    ------
    TypeError
        For another `axis`.
    """

    kind = "cosine_similarity"
    direction = "up"

    def __init__(
        self, name: str = "cosine_similarity", dtype: object = None, axis: int = -1
    ) -> None:
        check_defaults("CosineSimilarity", {"axis": axis}, {"axis": -1})
        super().__init__(name, dtype)


@registry.register("root_mean_squared_error")
class RootMeanSquaredError(Mean):
    """Root of the mean squared error of all rows: `sqrt(mean e_j^2)`.

    Parameters
    ----------
    name : str, default "root_mean_squared_error"
        Name of the metric.
    dtype
        Only None.
    """

    target = "values"
    direction = "down"

    def __init__(self, name: str = "root_mean_squared_error", dtype: object = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: object, y_pred: object, sample_weight: object = None) -> None:
        """Adds targets and predictions (n, ..., u)."""
        expected, outputs = to_rows(y_true, y_pred)
        self.add_values(np.square(outputs.astype(np.float64) - expected), sample_weight)

    def result(self) -> np.float64:
        """The root of the mean."""
        return np.float64(np.sqrt(super().result()))


@registry.register("r2_score")
class R2Score(UnitMetric):
    """Share of the variance of the targets that is explained, over all rows.

    `1 - sum (y - p)^2 / sum (y - mean(y))^2` for each unit, 0 for targets that are all the same.

    Parameters
    ----------
    class_aggregation : "uniform_average", "variance_weighted_average" or None
        How the scores of the units become one: their mean; weighted by the variances; or not at
        all.
    num_regressors : int, default 0
        Independent variables, for the adjusted score; 0 gives the plain one.
    name : str, default "r2_score"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If `class_aggregation` or `num_regressors` is something else.

    References
    ----------
    Theil, "Economic Forecasts and Policy", 1961 (the adjusted score).
    """

    direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: object = None,
    ) -> None:
        super().__init__(name, dtype)
        known = ("uniform_average", "variance_weighted_average", None)
        if class_aggregation not in known:
            raise ValueError(
                f"class_aggregation: expected one of {', '.join(map(str, known))}, got "
                f"{class_aggregation!r}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = check_integer("num_regressors", num_regressors, 0)
        self.num_samples = self.add_variable()

    def sums_shape(self, units: int) -> tuple[int, ...]:
        """Weights, targets, their squares and squared errors, each times the weights."""
        return 4, units

    def update_state(self, y_true: object, y_pred: object, sample_weight: object = None) -> None:
        """Adds targets and predictions (n, u), and weights (n,)."""
        rows = to_rows(y_true, y_pred)
        expected, outputs = (each.astype(np.float64) for each in rows)
        if outputs.ndim != 2:
            raise ValueError(f"R2Score: expected predictions (n, u), got shape {outputs.shape}")
        self.build(outputs.shape[1])
        weights: Doubles = np.ones(outputs.shape)
        if sample_weight is not None:
            given = to_floats(sample_weight, "sample_weight").astype(np.float64)
            weights = weights * given.reshape(given.shape + (1,) * (2 - given.ndim))
        terms = (np.ones(outputs.shape), expected, expected**2, (expected - outputs) ** 2)
        self.add_sums(np.array([(weights * each).sum(axis=0) for each in terms]))
        self.num_samples.assign_add(expected.size)

    def result(self) -> Any:
        """The score, or (u,) scores without aggregation; 0 of no rows."""
        if self.sums is None or not self.num_samples:
            return np.float64(0)
        count, total, squares, residual = np.asarray(self.sums)
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = squares - total * (total / count)
            scores = 1 - residual / variance
            scores = np.where(np.isinf(scores), 0.0, scores)
            if self.class_aggregation == "uniform_average":
                scores = scores.mean()
            elif self.class_aggregation == "variance_weighted_average":
                scores = (variance * scores).sum() / variance.sum()
        return self._adjusted(scores)

    def _adjusted(self, scores: Any) -> Any:
        count, regressors = float(self.num_samples), self.num_regressors
        if regressors and regressors >= count - 1:
            warn_user(
                f"num_regressors: expected less than the count of targets - 1 ({count - 1:g}), got "
                f"{regressors}; the score is not adjusted"
            )
        elif regressors:
            scores = 1 - (1 - scores) * (count - 1) / (count - regressors - 1)
        return scores if np.ndim(scores) else np.float64(scores)

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return {
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
