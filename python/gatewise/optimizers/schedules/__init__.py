"""Learning rates that follow the number of training steps, with the formulas of Keras.

A schedule takes an optimizer's `learning_rate`. It is a function of the number of steps done before
(0 for the first one) and of nothing else, so a training that is continued goes on with the same
rates. Rates are computed in float64; Keras computes them in float32.
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
    """`{"class_name": ..., "config": ...}`, which `deserialize` reads back.

    Raises
    ------
    TypeError
        If the schedule is of a class of your own, which files cannot name.
    """
    return registry.serialize(learning_rate_schedule)


def deserialize(config: Config, custom_objects: None = None) -> LearningRateSchedule:
    """The schedule that `serialize` described.

    Raises
    ------
    ValueError
        If the class is none of this module's.
    TypeError
        If `config` is no such dict, or `custom_objects` is given.
    """
    if custom_objects is not None:
        raise TypeError(f"custom_objects: expected None, got {custom_objects!r}")
    return registry.get(config, "config")
