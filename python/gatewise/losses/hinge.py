"""Losses of margins: targets are -1 and 1, or 0 and 1.

`p_j` are the outputs of a row, `y_j` its targets.
"""

from __future__ import annotations

from gatewise.losses.base import Loss, registry


@registry.register("hinge")
class Hinge(Loss):
    """Hinge loss: `mean_j max(1 - y_j p_j, 0)`.

    Targets of a batch that are all 0 or 1 are read as -1 and 1, as in Keras.

    Parameters
    ----------
    reduction, dtype
        See `Loss`.
    name : str, default "hinge"
        Name of the loss.
    """

    kind = "hinge"
    target = "values"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "hinge",
        dtype: object = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("squared_hinge")
class SquaredHinge(Loss):
    """Squared hinge loss: `mean_j max(1 - y_j p_j, 0)^2`.

    Targets of a batch that are all 0 or 1 are read as -1 and 1, as in Keras.

    Parameters
    ----------
    reduction, dtype
        See `Loss`.
    name : str, default "squared_hinge"
        Name of the loss.
    """

    kind = "squared_hinge"
    target = "values"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "squared_hinge",
        dtype: object = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


@registry.register("categorical_hinge")
class CategoricalHinge(Loss):
    """Hinge loss of one of `u` classes: `max(1 + max_j (1 - y_j) p_j - sum_j y_j p_j, 0)`.

    Targets are one-hot rows.

    Parameters
    ----------
    reduction, dtype
        See `Loss`.
    name : str, default "categorical_hinge"
        Name of the loss.
    """

    kind = "categorical_hinge"
    target = "values"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_hinge",
        dtype: object = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
