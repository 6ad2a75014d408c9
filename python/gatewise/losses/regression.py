"""Losses of values: errors, their logarithms and their angle.

`p_j` are the outputs of a row, `y_j` its targets, `u` the unit count, `e_j = p_j - y_j`.
"""

from __future__ import annotations

from gatewise.losses.base import Loss, registry
from gatewise.registry import Config
from gatewise.utils.checks import check_defaults, check_number


@registry.register("mse", "MSE", "mean_squared_error")
class MeanSquaredError(Loss):
    """Mean squared error: `mean_j e_j^2`.

    Parameters
    ----------
    reduction, dtype
        See `Loss`.
    name : str, default "mean_squared_error"
        Name of the loss.
    """

    kind = "mse"
    target = "values"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_error",
        dtype: object = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("mae", "MAE", "mean_absolute_error")
class MeanAbsoluteError(Loss):
    """Mean absolute error: `mean_j |e_j|`, with derivative 0 where `e_j = 0`.

    Parameters
    ----------
    reduction, dtype
        See `Loss`.
    name : str, default "mean_absolute_error"
        Name of the loss.
    """

    kind = "mae"
    target = "values"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_error",
        dtype: object = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("mape", "MAPE", "mean_absolute_percentage_error")
class MeanAbsolutePercentageError(Loss):
    """Mean absolute percentage error: `100 mean_j |e_j| / max(|y_j|, 1e-7)`.

    Parameters
    ----------
    reduction, dtype
        See `Loss`.
    name : str, default "mean_absolute_percentage_error"
        Name of the loss.
    """

    kind = "mean_absolute_percentage_error"
    target = "values"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_percentage_error",
        dtype: object = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("msle", "MSLE", "mean_squared_logarithmic_error")
class MeanSquaredLogarithmicError(Loss):
    """Mean squared logarithmic error: `mean_j (log(1 + p_j) - log(1 + y_j))^2`.

    Outputs and targets below 1e-7 count as 1e-7; the gradient there is 0.

    Parameters
    ----------
    reduction, dtype
        See `Loss`.
    name : str, default "mean_squared_logarithmic_error"
        Name of the loss.
    """

    kind = "mean_squared_logarithmic_error"
    target = "values"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_logarithmic_error",
        dtype: object = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("huber")
class Huber(Loss):
    """Huber's loss: `mean_j` of `e_j^2 / 2` for `|e_j| <= delta`, else `delta |e_j| - delta^2 / 2`.

    Parameters
    ----------
    delta : float >= 0, default 1
        The error from which on the loss is linear.
    reduction, dtype
        See `Loss`.
    name : str, default "huber_loss"
        Name of the loss.

    Raises
    ------
    TypeError, ValueError
        If `delta` is not a number in its range.

    References
    ----------
    Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35, 1964,
    eq. 1.2 (example iii).
    """

    kind = "huber"
    target = "values"

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: object = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = check_number("delta", delta, 0.0)

    def native_options(self) -> Config:
        """The settings of the formula in the form that the core reads."""
        return {"delta": self.delta}


@registry.register("log_cosh", "logcosh")
class LogCosh(Loss):
    """Logarithm of the hyperbolic cosine: `mean_j log(cosh(e_j))`.

    About `e_j^2 / 2` for small errors, and `|e_j| - log 2` for large ones.

    Parameters
    ----------
    reduction, dtype
        See `Loss`.
    name : str, default "log_cosh"
        Name of the loss.
    """

    kind = "log_cosh"
    target = "values"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "log_cosh",
        dtype: object = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("cosine_similarity")
class CosineSimilarity(Loss):
    """Negative cosine of the angle between outputs and targets: `-sum_j y_j p_j / (|y| |p|)`.

    Norms below 1e-7 count as 1e-7.

    Parameters
    ----------
    axis : int, default -1
        Only the last axis.
    reduction, dtype
        See `Loss`.
    name : str, default "cosine_similarity"
        Name of the loss.

    Raises
    ------
    TypeError
        For another `axis`.
    """

    kind = "cosine_similarity"
    target = "values"

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity",
        dtype: object = None,
    ) -> None:
        check_defaults("CosineSimilarity", {"axis": axis}, {"axis": -1})
        super().__init__(name, reduction, dtype)
