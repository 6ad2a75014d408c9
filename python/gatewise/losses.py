"""Losses, with the names and formulas of Keras.

The core computes a loss and its gradient together; these objects select a loss and its settings.
`p` is the model's output clipped to [1e-7, 1 - 1e-7], `y` the target, `u` the unit count.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from gatewise.registry import Config, Configurable, Registry
from gatewise.utils.checks import check_defaults, check_flag, check_number
from gatewise.utils.public_names import public_names
from gatewise.utils.unused_hooks import RefusesUnusedHooks, hooks

TargetKind: TypeAlias = Literal["labels", "one_hot", "probabilities", "values"]
"""What a loss compares outputs with: class indices, one-hot rows or distributions over classes,
independent probabilities, or any values."""


class Loss(Configurable, RefusesUnusedHooks):
    """Base class of losses: has a name, and is averaged over the samples of a batch.

    Parameters
    ----------
    name : str
        Name of the loss, as returned by `get_config`.
    """

    unused_hooks = hooks(
        "losses run in the core (CONTRIBUTING has the recipe)",
        "call",
    )

    kind: ClassVar[str]
    target: ClassVar[TargetKind]
    from_logits: bool | None = None
    """Whether outputs are logits or probabilities; None for losses of other outputs."""

    def __init__(self, name: str) -> None:
        self.name = name

    def native_options(self) -> Config:
        """The settings in the form that the core reads."""
        return {}

    def get_config(self) -> Config:
        """The settings as JSON values; `from_config` creates an equal object from them."""
        return {"name": self.name, **self.native_options()}

    def __repr__(self) -> str:
        settings = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({settings})"


registry: Registry[Loss] = Registry("loss", Loss)


@registry.register("mse", "MSE", "mean_squared_error")
class MeanSquaredError(Loss):
    """Mean squared error: `mean_j (p_j - y_j)^2` per sample, with `p` not clipped.

    Parameters
    ----------
    reduction : str, default "sum_over_batch_size"
        Only this value: the weighted sum over samples, divided by their count, as in Keras.
    name : str, default "mean_squared_error"
        Name of the loss.
    dtype : None or "float32"
        Only these: values are float32.

    Raises
    ------
    TypeError
        For another `reduction` or `dtype`.
    """

    kind = "mse"
    target = "values"

    def __init__(
        self,
        reduction: str = "sum_over_batch_size",
        name: str = "mean_squared_error",
        dtype: object = None,
    ) -> None:
        _check_fixed(self, reduction=reduction, dtype=dtype)
        super().__init__(name)


@registry.register("mae", "MAE", "mean_absolute_error")
class MeanAbsoluteError(Loss):
    """Mean absolute error: `mean_j |p_j - y_j|` per sample, with derivative 0 where `p_j = y_j`.

    Parameters
    ----------
    reduction : str, default "sum_over_batch_size"
        Only this value: the weighted sum over samples, divided by their count, as in Keras.
    name : str, default "mean_absolute_error"
        Name of the loss.
    dtype : None or "float32"
        Only these: values are float32.

    Raises
    ------
    TypeError
        For another `reduction` or `dtype`.
    """

    kind = "mae"
    target = "values"

    def __init__(
        self,
        reduction: str = "sum_over_batch_size",
        name: str = "mean_absolute_error",
        dtype: object = None,
    ) -> None:
        _check_fixed(self, reduction=reduction, dtype=dtype)
        super().__init__(name)


class _SmoothedCrossentropy(Loss):
    """Base class of binary and categorical cross-entropy."""

    def __init__(
        self, from_logits: bool, label_smoothing: float, axis: int, reduction: str, name: str
    ) -> None:
        _check_fixed(self, axis=axis, reduction=reduction)
        super().__init__(name)
        self.from_logits = check_flag("from_logits", from_logits)
        self.label_smoothing = check_number("label_smoothing", label_smoothing, 0.0, 1.0)

    def native_options(self) -> Config:
        """The settings in the form that the core reads."""
        return {"from_logits": self.from_logits, "label_smoothing": self.label_smoothing}


@registry.register("binary_crossentropy", "bce", "BCE")
class BinaryCrossentropy(_SmoothedCrossentropy):
    """Independent binary units: `-mean_j (y_j log p_j + (1 - y_j) log(1 - p_j))`.

    Parameters
    ----------
    from_logits : bool, default False
        If True, the output is logits, to which a sigmoid is applied; else probabilities.
    label_smoothing : float in [0, 1], default 0
        `s`: a target `y` becomes `y (1 - s) + s / 2`.
    axis, reduction, dtype
        Only Keras' defaults: -1, "sum_over_batch_size", None.
    name : str, default "binary_crossentropy"
        Name of the loss.

    Raises
    ------
    TypeError
        For another `axis`, `reduction` or `dtype`.
    ValueError
        If `label_smoothing` is outside its range.
    """

    kind = "binary_crossentropy"
    target = "probabilities"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: object = None,
    ) -> None:
        _check_fixed(self, dtype=dtype)
        super().__init__(from_logits, label_smoothing, axis, reduction, name)


@registry.register("categorical_crossentropy")
class CategoricalCrossentropy(_SmoothedCrossentropy):
    """One of `u` classes, with one-hot targets: `-sum_j y_j log p_j`.

    Unless `from_logits`, each output row is first divided by its sum, as in Keras.

    Parameters
    ----------
    from_logits : bool, default False
        If True, the output is logits, to which a softmax is applied; else probabilities.
    label_smoothing : float in [0, 1], default 0
        `s`: a target `y` becomes `y (1 - s) + s / u` (Szegedy et al. 2016).
    axis, reduction, dtype
        Only Keras' defaults: -1, "sum_over_batch_size", None.
    name : str, default "categorical_crossentropy"
        Name of the loss.

    Raises
    ------
    TypeError
        For another `axis`, `reduction` or `dtype`.
    ValueError
        If `label_smoothing` is outside its range.

    References
    ----------
    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, sec. 7.
    """

    kind = "categorical_crossentropy"
    target = "one_hot"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: object = None,
    ) -> None:
        _check_fixed(self, dtype=dtype)
        super().__init__(from_logits, label_smoothing, axis, reduction, name)


@registry.register("sparse_categorical_crossentropy")
class SparseCategoricalCrossentropy(Loss):
    """One of `u` classes, with the class index `c` as target: `-log p_c`.

    Parameters
    ----------
    from_logits : bool, default False
        If True, the output is logits, to which a softmax is applied; else probabilities.
    ignore_class, reduction, axis, dtype
        Only Keras' defaults: None, "sum_over_batch_size", -1, None.
    name : str, default "sparse_categorical_crossentropy"
        Name of the loss.

    Raises
    ------
    TypeError
        For another `ignore_class`, `axis`, `reduction` or `dtype`.
    """

    kind = "sparse_categorical_crossentropy"
    target = "labels"

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: None = None,
        reduction: str = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: object = None,
    ) -> None:
        _check_fixed(self, ignore_class=ignore_class, reduction=reduction, axis=axis, dtype=dtype)
        super().__init__(name)
        self.from_logits = check_flag("from_logits", from_logits)

    def native_options(self) -> Config:
        """The settings in the form that the core reads."""
        return {"from_logits": self.from_logits}


def get(identifier: object) -> Loss:
    """The loss given by a name, a configuration or an instance.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known names.
    TypeError
        If `identifier` has another type.
    """
    return registry.get(identifier)


def serialize(loss: Loss) -> Config:
    """`{"class_name": ..., "config": ...}`, from which `get` restores the loss."""
    return registry.serialize(loss)


def _check_fixed(loss: Loss, **given: object) -> None:
    fixed = {"reduction": "sum_over_batch_size", "axis": -1, "dtype": None, "ignore_class": None}
    check_defaults(type(loss).__name__, given, fixed)


def __dir__() -> list[str]:
    return public_names(globals())
