"""Learning rates: a number, or a schedule with a rate for each step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TypeAlias

from gatewise.registry import Config, Configurable, Registry, shown
from gatewise.utils.checks import check_number


class LearningRateSchedule(Configurable, ABC):
    """Base class of schedules: computes the learning rate of each training step.

    A user-defined subclass implements `__call__(step)`, and should compute the rate from `step`
    only. It cannot be serialized: saving, copying or pickling a model compiled with it raises
    TypeError.

    Examples
    --------
    >>> import gatewise as gw
    >>> class InverseRoot(gw.optimizers.schedules.LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 / (1 + step) ** 0.5
    >>> gw.optimizers.SGD(InverseRoot()).learning_rate
    0.1
    """

    @abstractmethod
    def __call__(self, step: float) -> float:
        """The rate, at least 0, of the step that follows `step` previous steps."""

    def _store(self, **values: object) -> None:
        """Sets fields of the frozen dataclass to their checked values."""
        for name, value in values.items():
            object.__setattr__(self, name, value)


Rate: TypeAlias = float | LearningRateSchedule

registry: Registry[LearningRateSchedule] = Registry("schedule", LearningRateSchedule)  # type: ignore[type-abstract]


def check_rate(name: str, value: object) -> Rate:
    """`value` as a rate >= 0 or a schedule; a dict is a result of `serialize`.

    Raises
    ------
    TypeError, ValueError
        If `value` is neither.
    """
    if isinstance(value, LearningRateSchedule):
        return value
    if isinstance(value, dict):
        return registry.get(value, name)
    try:
        return check_number(name, value, 0.0)
    except TypeError:
        raise TypeError(
            f"{name}: expected a number >= 0 or a schedule of gatewise.optimizers.schedules, "
            f"got {shown(value)}"
        ) from None


def check_steps(name: str, value: object) -> float:
    """`value` as a number > 0, int if integral; TypeError if not a number, else ValueError."""
    number = check_number(name, value, 0.0)
    if number == 0:
        raise ValueError(f"{name}: expected a number > 0, got {value!r}")
    return int(number) if number.is_integer() else number


def rate_at(schedule: LearningRateSchedule, step: int) -> float:
    """A schedule's rate for the step after `step` previous steps.

    Raises
    ------
    TypeError
        If the schedule does not return a number.
    ValueError
        If the rate is negative, NaN or infinite.
    """
    try:
        value: object = schedule(step)
    except OverflowError:
        value = math.inf
    # Fast path, since this runs in every step: `check_number` formats its message up front.
    if type(value) is float and 0 <= value < math.inf:
        return value
    return check_number(f"{type(schedule).__name__}({step})", value, 0.0)


def serialize_rate(rate: Rate) -> float | Config:
    """The number, or the schedule's configuration; `check_rate` accepts both.

    Raises
    ------
    TypeError
        If the schedule has a user-defined class.
    """
    return registry.serialize(rate) if isinstance(rate, LearningRateSchedule) else rate


def describe(schedule: LearningRateSchedule) -> Config | str:
    """The configuration; for a user-defined schedule its class name."""
    try:
        return registry.serialize(schedule)
    except TypeError:
        return type(schedule).__name__
