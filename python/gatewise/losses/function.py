"""Losses that are functions of the user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.losses.arrays import Array, Floats
from gatewise.losses.base import Loss
from gatewise.registry import Config, to_snake_case

LossFunction = Callable[..., tuple[npt.ArrayLike, npt.ArrayLike]]
FORM = "a function (y_true, y_pred) -> (values (n,), gradient (n, u))"


class LossFunctionWrapper(Loss):
    """A function as a loss; `compile(loss=function)` makes one.

    Parameters
    ----------
    fn : callable (y_true, y_pred) -> (values, gradient)
        Called once per step with the rows of a batch: y_true (n, w), float32, or class indices
        (n,), int32; y_pred (n, u), float32. Returns the loss of each row, (n,), and its derivative
        by each prediction of this row, (n, u), both before weights and reduction.
    reduction, dtype
        See `Loss`.
    name : str, optional
        Name of the loss; that of the function unless given.
    **kwargs
        Further arguments of the function.

    Raises
    ------
    TypeError
        If `fn` is not callable.

    Notes
    -----
    n counts the rows that the step learns from: not those of weight 0, each row of a sample of
    several, and in an ensemble all rows of each member. An error in the function ends the call
    that trains, and leaves the model as before the step.

    A file of a model has no functions, so it is saved without what `compile` was given.

    Examples
    --------
    >>> import numpy as np
    >>> import gatewise as gw
    >>> def quartic(y_true, y_pred):
    ...     error = y_pred - y_true
    ...     return (error**4).mean(axis=1), 4 * error**3 / error.shape[1]
    >>> model = gw.Sequential([gw.Input((2,)), gw.layers.Dense(1)])
    >>> model.compile("sgd", loss=quartic)
    >>> loss = model.train_on_batch(np.ones((4, 2)), np.ones((4, 1)))
    """

    kind = "function"
    target = "any"

    def __init__(
        self,
        fn: LossFunction,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: object = None,
        **kwargs: Any,
    ) -> None:
        if not callable(fn):
            raise TypeError(f"loss: expected {FORM}, got {fn!r}")
        super().__init__(name or name_of(fn), reduction, dtype)
        self.fn = fn
        self.arguments = kwargs

    def get_config(self) -> Config:
        """The settings; the function is itself among them, so they are no JSON values."""
        return {**super().get_config(), "fn": self.fn, **self.arguments}

    def row_values(self, y_true: object, y_pred: object) -> Floats:
        """The loss of each row, as the function gives it."""
        outputs = np.asarray(y_pred, np.float32)
        return self.evaluate(np.asarray(y_true), outputs)[0]

    def evaluate(self, y_true: Array, y_pred: Floats) -> tuple[Floats, Floats]:
        """Values (n,) and gradient (n, u) of the rows of a batch, for the core.

        Raises
        ------
        ValueError
            If the function returns something else.
        """
        found = self.fn(y_true, y_pred, **self.arguments)
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise ValueError(
                f"loss: expected {FORM}, got {_describe(found)} of {self.name}; "
                "gw.losses.LossFunctionWrapper has an example"
            )
        values, gradient = (np.require(each, np.float32, ["C", "A"]) for each in found)
        if values.shape != y_pred.shape[:-1] or gradient.shape != y_pred.shape:
            raise ValueError(
                f"loss: expected {FORM}, got values {values.shape} and gradient {gradient.shape} "
                f"of {self.name} for y_pred {y_pred.shape}"
            )
        return values, gradient


def name_of(function: Callable[..., Any]) -> str:
    """The name of a function, or of the class of an object that can be called, in snake case.

    `rmse` for `RMSE`, `lambda` for a function without a name, as in Keras.
    """
    return to_snake_case(getattr(function, "__name__", type(function).__name__).strip("<>"))


def _describe(found: object) -> str:
    if isinstance(found, np.ndarray):
        return f"values alone: an array of shape {found.shape}"
    return f"values alone: {type(found).__name__}"
