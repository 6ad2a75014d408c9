"""The base class of losses, and their registry."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from gatewise import _core
from gatewise.losses.arrays import (
    REDUCTIONS,
    Array,
    Floats,
    flat,
    reduce,
    to_labelled_rows,
    to_rows,
)
from gatewise.registry import Config, Configurable, Registry
from gatewise.utils.checks import check_defaults
from gatewise.utils.unused_hooks import RefusesUnusedHooks, hooks

TargetKind: TypeAlias = Literal["labels", "one_hot", "probabilities", "values", "any"]
"""What a loss compares outputs with: class indices, one-hot rows or distributions over classes,
independent probabilities, any values; or, for a function, labels or values of any width."""


class Loss(Configurable, RefusesUnusedHooks):
    """Base class of losses: a value for each row, and their reduction to one number.

    Parameters
    ----------
    name : str
        Name of the loss, as returned by `get_config`.
    reduction : str or None, default "sum_over_batch_size"
        How the losses of rows, times their weights, become one number: `"sum_over_batch_size"` and
        `"mean"` divide their sum by the count of rows, `"mean_with_sample_weight"` by the sum of
        the weights, `"sum"` by 1. `"none"` or None: they stay an array, for calls on arrays only.
    dtype : None or "float32"
        Only these: values are float32.

    Raises
    ------
    TypeError
        For another `dtype`.
    ValueError
        If `reduction` is not known.

    Notes
    -----
    A loss can be called on arrays: `loss(y_true, y_pred, sample_weight=None)` gives a float32, or
    an array with reduction `"none"`.
    """

    unused_hooks = hooks(
        "give compile a function (y_true, y_pred) -> (values (n,), gradient (n, u)), or add a loss "
        "to the core (CONTRIBUTING has the recipe)",
        "call",
    )

    kind: ClassVar[str]
    target: ClassVar[TargetKind]
    from_logits: bool | None = None
    """Whether outputs are logits or probabilities; None for losses of other outputs."""
    dtype: ClassVar[str] = "float32"
    """The type of values."""

    def __init__(
        self,
        name: str,
        reduction: str | None = "sum_over_batch_size",
        dtype: object = None,
    ) -> None:
        check_defaults(type(self).__name__, {"dtype": dtype}, {"dtype": None})
        if reduction not in REDUCTIONS:
            known = ", ".join(str(each) for each in REDUCTIONS)
            raise ValueError(f"reduction: expected one of {known}; got {reduction!r}")
        self.name = name
        self.reduction = reduction

    def native_options(self) -> Config:
        """The settings of the formula in the form that the core reads."""
        return {}

    def training_options(self) -> Config:
        """The settings of formula and reduction in the form that the core reads."""
        # Only what differs from the default: stored trainings of before know no reduction.
        if self.reduction == "sum_over_batch_size":
            return self.native_options()
        return {"reduction": self.reduction, **self.native_options()}

    def get_config(self) -> Config:
        """The settings as JSON values; `from_config` creates an equal object from them.

        A reduction is among them unless it is the default.
        """
        return {"name": self.name, **self.training_options()}

    def row_values(self, y_true: object, y_pred: object) -> Floats:
        """The loss of each row, by the formula that training uses.

        Parameters
        ----------
        y_true : array (..., u), or (...) of class indices
            Targets.
        y_pred : array (..., u)
            Predictions.

        Returns
        -------
        ndarray (...), float32
            Without weights.

        Raises
        ------
        TypeError
            If the elements are not real numbers.
        ValueError
            If the shapes do not fit, or a class index is out of range.
        """
        are_labels = self.target == "labels"
        targets: Array
        targets, outputs = (to_labelled_rows if are_labels else to_rows)(y_true, y_pred)
        if outputs.size == 0:
            return np.zeros(outputs.shape[:-1], np.float32)
        targets, rows = flat(targets, outputs, are_labels)
        values = _core.loss_values(self.kind, self.native_options(), targets, rows)
        return values.reshape(outputs.shape[:-1])

    def counted_rows(self, y_true: object) -> Array | None:
        """The rows that count in a mean, as bool; None if all do."""
        return None

    def __call__(self, y_true: object, y_pred: object, sample_weight: object = None) -> Any:
        """The loss of arrays: a float32, or an array of rows with reduction `"none"`."""
        values = self.row_values(y_true, y_pred)
        return reduce(values, sample_weight, self.counted_rows(y_true), self.reduction)

    def __repr__(self) -> str:
        settings = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({settings})"


registry: Registry[Loss] = Registry("loss", Loss)
