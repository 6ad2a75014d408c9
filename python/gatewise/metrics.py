"""Metrics reported with the loss, as means over samples, with the names of Keras."""

from __future__ import annotations

from typing import ClassVar, Literal

from gatewise.losses import Loss, TargetKind
from gatewise.registry import Config, Configurable, Registry
from gatewise.utils.checks import check_defaults, check_integer
from gatewise.utils.public_names import public_names
from gatewise.utils.unused_hooks import RefusesUnusedHooks, hooks


class Metric(Configurable, RefusesUnusedHooks):
    """Base class of metrics.

    Parameters
    ----------
    name : str
        Key of the metric in `history`.
    """

    unused_hooks = hooks(
        "metrics run in the core (CONTRIBUTING has the recipe); compute others from `predict` in a "
        "callback's on_epoch_end",
        "update_state",
        "result",
        "reset_state",
    )

    kind: ClassVar[str]
    target: ClassVar[TargetKind] = "values"
    """What the metric compares with: `"labels"` are class indices, all else rows of values."""
    direction: ClassVar[Literal["up", "down"]]
    """Whether higher or lower is better; used by callbacks with `mode="auto"`."""

    def __init__(self, name: str, dtype: object = None) -> None:
        check_defaults(type(self).__name__, {"dtype": dtype}, {"dtype": None})
        self.name = name

    def native_options(self) -> Config:
        """The settings in the form that the core reads."""
        return {}

    def get_config(self) -> Config:
        """The settings as JSON values; `from_config` creates an equal object from them."""
        return {"name": self.name, **self.native_options()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


registry: Registry[Metric] = Registry("metric", Metric)


@registry.register("binary_accuracy")
class BinaryAccuracy(Metric):
    """Fraction of units classified correctly at threshold 0.5: `mean_j [(p_j > 0.5) = y_j]`.

    Parameters
    ----------
    name : str, default "binary_accuracy"
        Name of the metric.
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
        self, name: str = "binary_accuracy", dtype: object = None, threshold: float = 0.5
    ) -> None:
        check_defaults("BinaryAccuracy", {"threshold": threshold}, {"threshold": 0.5})
        super().__init__(name, dtype)


@registry.register("categorical_accuracy")
class CategoricalAccuracy(Metric):
    """Fraction of samples whose largest output has the index of the one-hot target's 1.

    Parameters
    ----------
    name : str, default "categorical_accuracy"
        Name of the metric.
    dtype
        Only None.
    """

    kind = "categorical_accuracy"
    direction = "up"

    def __init__(self, name: str = "categorical_accuracy", dtype: object = None) -> None:
        super().__init__(name, dtype)


@registry.register("sparse_categorical_accuracy")
class SparseCategoricalAccuracy(Metric):
    """Fraction of samples whose largest output has the target class index.

    Parameters
    ----------
    name : str, default "sparse_categorical_accuracy"
        Name of the metric.
    dtype
        Only None.
    """

    kind = "sparse_categorical_accuracy"
    target = "labels"
    direction = "up"

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: object = None) -> None:
        super().__init__(name, dtype)


@registry.register("mse", "MSE", "mean_squared_error")
class MeanSquaredError(Metric):
    """Mean squared error: `mean_j (p_j - y_j)^2`.

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
class MeanAbsoluteError(Metric):
    """Mean absolute error: `mean_j |p_j - y_j|`.

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


@registry.register("top_k_categorical_accuracy")
class TopKCategoricalAccuracy(Metric):
    """Fraction of samples whose target class is among the k largest outputs.

    That is, fewer than k outputs are greater than the one at the index of the one-hot target's 1.

    Parameters
    ----------
    k : int, default 5
        Count of outputs to consider, at least 1.
    name : str, default "top_k_categorical_accuracy"
        Name of the metric.
    dtype
        Only None.

    Raises
    ------
    TypeError, ValueError
        If `k` is not an integer of at least 1.
    """

    kind = "top_k_categorical_accuracy"
    direction = "up"

    def __init__(
        self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: object = None
    ) -> None:
        super().__init__(name, dtype)
        self.k = check_integer("k", k, 1)

    def native_options(self) -> Config:
        """The settings in the form that the core reads."""
        return {"k": self.k}


ACCURACY_NAMES = ("accuracy", "acc")
"""Names that select the accuracy by the loss and the output."""


def get(identifier: object, argument: str = "metric") -> Metric:
    """The metric given by a name, a configuration or an instance.

    A given name becomes the metric's name: `get("mse").name == "mse"`.

    Parameters
    ----------
    identifier : str, dict or Metric
        The user's value.
    argument : str, default "metric"
        Argument name for error messages.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known names. `"accuracy"` is not in this
        registry: it depends on loss and output, and `compile` resolves it.
    TypeError
        If `identifier` has another type.
    """
    metric = registry.get(identifier, argument)
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def get_for_output(identifier: object, loss: Loss, units: int) -> Metric:
    """Like `get`, but `"accuracy"` and `"acc"` become the accuracy that Keras would choose.

    Parameters
    ----------
    identifier : str, dict or Metric
        The user's value.
    loss : Loss
        The output's loss.
    units : int
        The output's width.

    Raises
    ------
    ValueError
        Also if the metric does not accept the targets of the loss.
    """
    labels = loss.target == "labels"
    if isinstance(identifier, str) and identifier in ACCURACY_NAMES:
        many = SparseCategoricalAccuracy if labels else CategoricalAccuracy
        kind = BinaryAccuracy if units == 1 and not labels else many
        return kind(name=identifier)
    metric = get(identifier)
    if loss.target != "any" and labels != (metric.target == "labels"):
        fitting = "sparse_categorical_accuracy" if labels else "a metric of targets, not of labels"
        raise ValueError(
            f"metrics: expected {fitting} (or 'accuracy') with loss {loss.kind}, got "
            f"{metric.name!r}"
        )
    return metric


def serialize(metric: Metric) -> Config:
    """`{"class_name": ..., "config": ...}`, from which `get` restores the metric."""
    return registry.serialize(metric)


def __dir__() -> list[str]:
    return public_names(globals())
