"""Metrics: figures reported beside the loss, as means over the samples, with the names of Keras."""

from __future__ import annotations

from typing import ClassVar, Literal

from gatewise.registry import Config, Configurable, Registry
from gatewise.utils.checks import check_defaults


class Metric(Configurable):
    """What the metrics have in common.

    Parameters
    ----------
    name : str
        The name under which `history` shows it.
    """

    kind: ClassVar[str]
    direction: ClassVar[Literal["up", "down"]]
    """Which way is better; callbacks with `mode="auto"` follow it."""

    def __init__(self, name: str, dtype: None = None) -> None:
        check_defaults(type(self).__name__, {"dtype": dtype}, {"dtype": None})
        self.name = name

    def get_config(self) -> Config:
        """The settings as JSON values, from which `from_config` makes an equal object."""
        return {"name": self.name}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


registry: Registry[Metric] = Registry("metric", Metric)


@registry.register("binary_accuracy")
class BinaryAccuracy(Metric):
    """The share of units on the right side of one half: `mean_j [(p_j > 0.5) = y_j]`.

    Parameters
    ----------
    name : str, default "binary_accuracy"
        Its name.
    dtype, threshold
        Only Keras' defaults: None, 0.5.

    Raises
    ------
    TypeError
        For another `dtype` or `threshold`.
    """

    kind = "binary_accuracy"
    direction = "up"

    def __init__(
        self, name: str = "binary_accuracy", dtype: None = None, threshold: float = 0.5
    ) -> None:
        check_defaults("BinaryAccuracy", {"threshold": threshold}, {"threshold": 0.5})
        super().__init__(name, dtype)


@registry.register("categorical_accuracy")
class CategoricalAccuracy(Metric):
    """The share of samples whose greatest output is where the one-hot target has its one.

    Parameters
    ----------
    name : str, default "categorical_accuracy"
        Its name.
    dtype
        Only None.
    """

    kind = "categorical_accuracy"
    direction = "up"

    def __init__(self, name: str = "categorical_accuracy", dtype: None = None) -> None:
        super().__init__(name, dtype)


@registry.register("sparse_categorical_accuracy")
class SparseCategoricalAccuracy(Metric):
    """The share of samples whose greatest output is at the class number that is the target.

    Parameters
    ----------
    name : str, default "sparse_categorical_accuracy"
        Its name.
    dtype
        Only None.
    """

    kind = "sparse_categorical_accuracy"
    direction = "up"

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: None = None) -> None:
        super().__init__(name, dtype)


@registry.register("mse", "MSE", "mean_squared_error")
class MeanSquaredError(Metric):
    """`mean_j (p_j - y_j)^2`.

    Parameters
    ----------
    name : str, default "mean_squared_error"
        Its name.
    dtype
        Only None.
    """

    kind = "mse"
    direction = "down"

    def __init__(self, name: str = "mean_squared_error", dtype: None = None) -> None:
        super().__init__(name, dtype)


@registry.register("mae", "MAE", "mean_absolute_error")
class MeanAbsoluteError(Metric):
    """`mean_j |p_j - y_j|`.

    Parameters
    ----------
    name : str, default "mean_absolute_error"
        Its name.
    dtype
        Only None.
    """

    kind = "mae"
    direction = "down"

    def __init__(self, name: str = "mean_absolute_error", dtype: None = None) -> None:
        super().__init__(name, dtype)


ACCURACY_NAMES = ("accuracy", "acc")
"""Names that mean the accuracy which fits the loss and the output."""


def get(identifier: object, argument: str = "metric") -> Metric:
    """The metric that a name, a configuration or an object means.

    A name stays the name that is shown: `get("mse").name == "mse"`.

    Parameters
    ----------
    identifier : str, dict or Metric
        What the user gave.
    argument : str, default "metric"
        What an error calls it.

    Raises
    ------
    ValueError
        If the name is not known; the message lists those that are. `"accuracy"` alone is not a
        metric: which one it is depends on loss and output, and `compile` resolves it.
    TypeError
        If it is something else.
    """
    metric = registry.get(identifier, argument)
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def get_for_output(identifier: object, loss: str, units: int) -> Metric:
    """As `get`; `"accuracy"` and `"acc"` become the accuracy that Keras would take.

    Parameters
    ----------
    identifier : str, dict or Metric
        What the user gave.
    loss : str
        The native name of the output's loss.
    units : int
        The output's width.

    Raises
    ------
    ValueError
        Also if the metric does not read the targets that the loss has.
    """
    labels = loss == "sparse_categorical_crossentropy"
    if isinstance(identifier, str) and identifier in ACCURACY_NAMES:
        many = SparseCategoricalAccuracy if labels else CategoricalAccuracy
        kind = BinaryAccuracy if units == 1 and not labels else many
        return kind(name=identifier)
    metric = get(identifier)
    if labels != isinstance(metric, SparseCategoricalAccuracy):
        fitting = "sparse_categorical_accuracy" if labels else "a metric of targets, not of labels"
        raise ValueError(
            f"metrics: expected {fitting} (or 'accuracy') with loss {loss}, got {metric.name!r}"
        )
    return metric


def serialize(metric: Metric) -> Config:
    """`{"class_name": ..., "config": ...}`, which `get` reads back."""
    return registry.serialize(metric)
