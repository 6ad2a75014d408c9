"""Correlations of targets and predictions.

`y` are the targets along an axis and `p` the predictions; `cov(y, p)` is the mean of
`(y - mean y) (p - mean p)`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from gatewise.losses.arrays import to_rows
from gatewise.metrics.base import Array, Doubles, registry
from gatewise.metrics.reduction import Mean
from gatewise.registry import Config
from gatewise.utils.checks import check_integer

_EPSILON = 1e-7
"""Keras' epsilon, added to the divisor of the concordance."""


def pearson_correlation(y_true: object, y_pred: object, axis: int = -1) -> Any:
    """Pearson's correlation coefficient: `cov(y, p) / (std(y) std(p))`.

    Parameters
    ----------
    y_true, y_pred : array (..., u)
        Targets and predictions.
    axis : int, default -1
        The axis that they are compared along.

    Returns
    -------
    ndarray of float64, or float64
        Without the axis. NaN where targets or predictions are all the same.

    Raises
    ------
    TypeError, ValueError
        If the arrays are no numbers, or do not fit.

    Examples
    --------
    >>> import gatewise as gw
    >>> float(gw.metrics.pearson_correlation([1, 2, 3], [6, 4, 2]).round(6))
    -1.0
    """
    expected, outputs, _ = _differences(y_true, y_pred, axis)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected /= np.sqrt(np.square(expected).mean(axis, keepdims=True))
        outputs /= np.sqrt(np.square(outputs).mean(axis, keepdims=True))
    return (expected * outputs).mean(axis)


def concordance_correlation(y_true: object, y_pred: object, axis: int = -1) -> Any:
    """Lin's concordance coefficient: `2 cov(y, p) / (var(y) + var(p) + (mean y - mean p)^2)`.

    Parameters
    ----------
    y_true, y_pred : array (..., u)
        Targets and predictions.
    axis : int, default -1
        The axis that they are compared along.

    Returns
    -------
    ndarray of float64, or float64
        Without the axis.

    Raises
    ------
    TypeError, ValueError
        If the arrays are no numbers, or do not fit.

    References
    ----------
    Lin, "A Concordance Correlation Coefficient to Evaluate Reproducibility", Biometrics 1989.

    Examples
    --------
    >>> import gatewise as gw
    >>> float(gw.metrics.concordance_correlation([1, 2, 3], [2, 3, 4]).round(4))
    0.5714
    """
    expected, outputs, shift = _differences(y_true, y_pred, axis)
    divisor = np.square(expected).mean(axis) + np.square(outputs).mean(axis) + np.square(shift)
    return 2 * (expected * outputs).mean(axis) / (divisor + _EPSILON)


def _differences(y_true: object, y_pred: object, axis: int) -> tuple[Doubles, Doubles, Array]:
    """Targets and predictions less their means, and the difference of these."""
    rows = to_rows(y_true, y_pred)
    expected, outputs = (each.astype(np.float64) for each in rows)
    if not -outputs.ndim <= axis < outputs.ndim:
        raise ValueError(f"axis: expected one of predictions {outputs.shape}, got {axis}")
    means = [each.mean(axis, keepdims=True) for each in (expected, outputs)]
    return expected - means[0], outputs - means[1], np.squeeze(means[0] - means[1], axis)


class _Correlation(Mean):
    """Mean of a correlation along an axis."""

    target = "values"
    direction = "up"
    function: ClassVar[Any]

    def __init__(self, name: str, dtype: object = None, axis: int = -1) -> None:
        super().__init__(name, dtype)
        self.axis = check_integer("axis", axis, -64)  # the axes that an array can have

    def update_state(self, y_true: object, y_pred: object, sample_weight: object = None) -> None:
        """Adds targets and predictions (n, ..., u), and weights of samples or rows."""
        self.add_values(type(self).function(y_true, y_pred, self.axis), sample_weight)

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return {"axis": self.axis}


@registry.register("pearson_correlation")
class PearsonCorrelation(_Correlation):
    """Mean over rows of Pearson's correlation coefficient: `cov(y, p) / (std(y) std(p))`.

    Parameters
    ----------
    name : str, default "pearson_correlation"
        Name of the metric.
    dtype
        Only None.
    axis : int, default -1
        The axis that targets and predictions are compared along. With axis 0, of samples, the mean
        is over units and batches.

    Raises
    ------
    TypeError
        If the axis is no integer.

    Notes
    -----
    NaN once the targets or predictions of a row are all the same, as those of one unit are.
    """

    function = staticmethod(pearson_correlation)

    def __init__(
        self, name: str = "pearson_correlation", dtype: object = None, axis: int = -1
    ) -> None:
        super().__init__(name, dtype, axis)


@registry.register("concordance_correlation")
class ConcordanceCorrelation(_Correlation):
    """Mean over rows of Lin's concordance coefficient.

    `2 cov(y, p) / (var(y) + var(p) + (mean y - mean p)^2)`

    Parameters
    ----------
    name : str, default "concordance_correlation"
        Name of the metric.
    dtype
        Only None.
    axis : int, default -1
        The axis that targets and predictions are compared along. With axis 0, of samples, the mean
        is over units and batches.

    Raises
    ------
    TypeError
        If the axis is no integer.

    References
    ----------
    Lin, "A Concordance Correlation Coefficient to Evaluate Reproducibility", Biometrics 1989.
    """

    function = staticmethod(concordance_correlation)

    def __init__(
        self, name: str = "concordance_correlation", dtype: object = None, axis: int = -1
    ) -> None:
        super().__init__(name, dtype, axis)
