"""Learning rate schedules, with the formulas of Keras.

A schedule is passed as an optimizer's `learning_rate`. It is a function of the count of previous
steps only (0 for the first step), so resumed training continues with the same rates. Rates are
computed in float64; Keras computes them in float32.
"""

from __future__ import annotations

from gatewise.optimizers.learning_rate import LearningRateSchedule, registry
from gatewise.optimizers.schedules.cosine import CosineDecay, CosineDecayRestarts
from gatewise.optimizers.schedules.decay import (
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from gatewise.optimizers.schedules.warmup import LinearWarmup
from gatewise.registry import Config
from gatewise.utils.public_names import public_names

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "LinearWarmup",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


def serialize(learning_rate_schedule: LearningRateSchedule) -> Config:
    """`{"class_name": ..., "config": ...}`, from which `deserialize` restores the schedule.

    Raises
    ------
    TypeError
        If the schedule has a user-defined class.
    """
    return registry.serialize(learning_rate_schedule)


def deserialize(config: Config, custom_objects: None = None) -> LearningRateSchedule:
    """Restores a schedule from the result of `serialize`.

    Raises
    ------
    ValueError
        If the class is not in this module.
    TypeError
        If `config` is not such a dict, or `custom_objects` is given.
    """
    return registry.deserialize(config, custom_objects)


def __dir__() -> list[str]:
    return public_names(globals())
