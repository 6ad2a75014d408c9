"""What a learning rate may be: a number, or a schedule that gives each step's."""

from __future__ import annotations

import importlib
import math
from abc import ABC, abstractmethod
from typing import TypeAlias

from gatewise.registry import Config, Configurable, Registry, shown
from gatewise.utils.checks import check_number


class LearningRateSchedule(Configurable, ABC):
    """A learning rate for each training step.

    A class of your own implements `__call__(step)`, and should compute the rate from `step` alone.
    It trains like the others, but no file can name it: saving, copying or pickling a model that was
    compiled with it is refused.

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
        """The rate of a step before which `step` others were done, at least 0."""

    def _store(self, **values: object) -> None:
        """Sets fields to what their checks made of them, although the dataclass is frozen."""
        for name, value in values.items():
            object.__setattr__(self, name, value)


Rate: TypeAlias = float | LearningRateSchedule

registry: Registry[LearningRateSchedule] = Registry("schedule", LearningRateSchedule)  # type: ignore[type-abstract]


def check_rate(name: str, value: object) -> Rate:
    """`value` as a rate >= 0 or a schedule; a dict is read as `serialize` gives it.

    Raises
    ------
    TypeError, ValueError
        If it is neither.
    """
    if isinstance(value, LearningRateSchedule):
        return value
    if isinstance(value, dict):
        # What may be named is registered when it is imported, which few programs need.
        importlib.import_module("gatewise.optimizers.schedules")
        return registry.get(value, name)
    try:
        return check_number(name, value, 0.0)
    except TypeError:
        raise TypeError(
            f"{name}: expected a number >= 0 or a schedule of gatewise.optimizers.schedules, "
            f"got {shown(value)}"
        ) from None


def check_steps(name: str, value: object) -> float:
    """`value` as a number > 0, whole ones as int; TypeError if it is no number, else ValueError."""
    number = check_number(name, value, 0.0)
    if number == 0:
        raise ValueError(f"{name}: expected a number > 0, got {value!r}")
    return int(number) if number.is_integer() else number


def rate_at(schedule: LearningRateSchedule, step: int) -> float:
    """A schedule's rate for the step after `step` others.

    Raises
    ------
    TypeError
        If the schedule gives no number.
    ValueError
        If it is negative, NaN or infinite.
    """
    try:
        value: object = schedule(step)
    except OverflowError:
        value = math.inf
    # In every step: the check below makes its messages first.
    if type(value) is float and 0 <= value < math.inf:
        return value
    return check_number(f"{type(schedule).__name__}({step})", value, 0.0)


def serialize_rate(rate: Rate) -> float | Config:
    """The number, or the schedule's configuration; `check_rate` reads both back.

    Raises
    ------
    TypeError
        If it is a schedule of the user's own class.
    """
    return registry.serialize(rate) if isinstance(rate, LearningRateSchedule) else rate


def describe(schedule: LearningRateSchedule) -> Config | str:
    """The configuration, or of a schedule that has none for files, its class's name."""
    try:
        return registry.serialize(schedule)
    except TypeError:
        return type(schedule).__name__
