"""The losses of Keras as functions of arrays: the loss of each row.

Each takes targets and predictions `(..., u)` and returns an array `(...)` of float32. Settings and
formula are those of the class of the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gatewise.losses.arrays import Floats
from gatewise.losses.base import Loss
from gatewise.losses.focal import BinaryFocalCrossentropy, CategoricalFocalCrossentropy
from gatewise.losses.hinge import CategoricalHinge, Hinge, SquaredHinge
from gatewise.losses.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
)
from gatewise.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
)


def mean_squared_error(y_true: object, y_pred: object) -> Floats:
    """The `MeanSquaredError` of each row."""
    return MeanSquaredError().row_values(y_true, y_pred)


def mean_absolute_error(y_true: object, y_pred: object) -> Floats:
    """The `MeanAbsoluteError` of each row."""
    return MeanAbsoluteError().row_values(y_true, y_pred)


def mean_absolute_percentage_error(y_true: object, y_pred: object) -> Floats:
    """The `MeanAbsolutePercentageError` of each row."""
    return MeanAbsolutePercentageError().row_values(y_true, y_pred)


def mean_squared_logarithmic_error(y_true: object, y_pred: object) -> Floats:
    """The `MeanSquaredLogarithmicError` of each row."""
    return MeanSquaredLogarithmicError().row_values(y_true, y_pred)


def cosine_similarity(y_true: object, y_pred: object, axis: int = -1) -> Floats:
    """The `CosineSimilarity` of each row, a loss: the negative cosine."""
    return CosineSimilarity(axis).row_values(y_true, y_pred)


def huber(y_true: object, y_pred: object, delta: float = 1.0) -> Floats:
    """The `Huber` loss of each row."""
    return Huber(delta).row_values(y_true, y_pred)


def log_cosh(y_true: object, y_pred: object) -> Floats:
    """The `LogCosh` loss of each row."""
    return LogCosh().row_values(y_true, y_pred)


def hinge(y_true: object, y_pred: object) -> Floats:
    """The `Hinge` loss of each row."""
    return Hinge().row_values(y_true, y_pred)


def squared_hinge(y_true: object, y_pred: object) -> Floats:
    """The `SquaredHinge` loss of each row."""
    return SquaredHinge().row_values(y_true, y_pred)


def categorical_hinge(y_true: object, y_pred: object) -> Floats:
    """The `CategoricalHinge` loss of each row."""
    return CategoricalHinge().row_values(y_true, y_pred)


def kl_divergence(y_true: object, y_pred: object) -> Floats:
    """The `KLDivergence` of each row."""
    return KLDivergence().row_values(y_true, y_pred)


def poisson(y_true: object, y_pred: object) -> Floats:
    """The `Poisson` loss of each row."""
    return Poisson().row_values(y_true, y_pred)


def binary_crossentropy(
    y_true: object,
    y_pred: object,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Floats:
    """The `BinaryCrossentropy` of each row."""
    return BinaryCrossentropy(from_logits, label_smoothing, axis).row_values(y_true, y_pred)


def binary_focal_crossentropy(
    y_true: object,
    y_pred: object,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Floats:
    """The `BinaryFocalCrossentropy` of each row."""
    loss = BinaryFocalCrossentropy(
        apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis
    )
    return loss.row_values(y_true, y_pred)


def categorical_crossentropy(
    y_true: object,
    y_pred: object,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Floats:
    """The `CategoricalCrossentropy` of each row."""
    return CategoricalCrossentropy(from_logits, label_smoothing, axis).row_values(y_true, y_pred)


def categorical_focal_crossentropy(
    y_true: object,
    y_pred: object,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Floats:
    """The `CategoricalFocalCrossentropy` of each row."""
    loss = CategoricalFocalCrossentropy(alpha, gamma, from_logits, label_smoothing, axis)
    return loss.row_values(y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: object,
    y_pred: object,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Floats:
    """The `SparseCategoricalCrossentropy` of each row, 0 for an ignored class."""
    loss = SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
    return loss.row_values(y_true, y_pred)


FUNCTIONS: dict[Callable[..., Any], type[Loss]] = {
    mean_squared_error: MeanSquaredError,
    mean_absolute_error: MeanAbsoluteError,
    mean_absolute_percentage_error: MeanAbsolutePercentageError,
    mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    cosine_similarity: CosineSimilarity,
    huber: Huber,
    log_cosh: LogCosh,
    hinge: Hinge,
    squared_hinge: SquaredHinge,
    categorical_hinge: CategoricalHinge,
    kl_divergence: KLDivergence,
    poisson: Poisson,
    binary_crossentropy: BinaryCrossentropy,
    binary_focal_crossentropy: BinaryFocalCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    categorical_focal_crossentropy: CategoricalFocalCrossentropy,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
}
"""The class whose instance `compile` takes for a function."""
