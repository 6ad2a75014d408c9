"""Losses, with the names and formulas of Keras.

The core computes a loss and its gradient together; these objects select a loss and its settings,
and can be called on arrays. `regression`, `probabilistic`, `focal` and `hinge` have the classes,
`functions` the same losses as functions of arrays, `function` a loss that is a function of yours.
"""

from __future__ import annotations

import inspect
from typing import Any

from gatewise.losses.base import Loss, TargetKind, registry
from gatewise.losses.focal import BinaryFocalCrossentropy, CategoricalFocalCrossentropy
from gatewise.losses.function import LossFunctionWrapper
from gatewise.losses.functions import (
    FUNCTIONS,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
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
from gatewise.registry import Config
from gatewise.utils.public_names import public_names

__all__ = [
    "CROSSENTROPY_NAMES",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "TargetKind",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "crossentropy_for",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "registry",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]


CROSSENTROPY_NAMES = ("crossentropy", "ce")
"""Names that select the cross-entropy by the output and its targets."""


def crossentropy_for(units: int, are_labels: bool) -> Loss:
    """The cross-entropy that Keras chooses for `"crossentropy"` and `"ce"`.

    Parameters
    ----------
    units : int
        The output's width; 1 is binary.
    are_labels : bool
        Whether targets are class indices, not one-hot rows.
    """
    if units == 1:
        return BinaryCrossentropy()
    return SparseCategoricalCrossentropy() if are_labels else CategoricalCrossentropy()


def get(identifier: object) -> Loss:
    """The loss given by a name, a configuration, an instance, a class or a function.

    Parameters
    ----------
    identifier : str, dict, Loss, type or callable
        A class or function of this module is the loss of this name; another function becomes a
        `LossFunctionWrapper`.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known names.
    TypeError
        If `identifier` has another type.
    """
    kind: Any = FUNCTIONS.get(identifier) if inspect.isfunction(identifier) else identifier
    if isinstance(kind, type) and issubclass(kind, Loss):
        return kind.from_config({})
    if callable(identifier) and not isinstance(identifier, (Loss, type)):
        return LossFunctionWrapper(identifier)
    return registry.get(identifier)


def deserialize(config: object, custom_objects: None = None) -> Loss:
    """The loss of a configuration that `serialize` returned, or of a name.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If `config` is none of these, or `custom_objects` is given, which is not supported.
    """
    return registry.deserialize(config, custom_objects)


def serialize(loss: Loss) -> Config:
    """`{"class_name": ..., "config": ...}`, from which `get` restores the loss.

    Raises
    ------
    TypeError
        If the loss is of a class that is not one of this module.
    """
    return registry.serialize(loss)


def __dir__() -> list[str]:
    return public_names(globals())
