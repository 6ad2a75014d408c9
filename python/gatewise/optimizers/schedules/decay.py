"""Exponential, inverse time, piecewise constant and polynomial decay schedules."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gatewise.optimizers.learning_rate import LearningRateSchedule, check_steps, registry
from gatewise.registry import Config, shown
from gatewise.utils.checks import check_flag, check_number


@dataclass(frozen=True, eq=False, repr=False)
class _Decay(LearningRateSchedule):
    """Base class of decays that are functions of `p = step / decay_steps`."""

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        self._store(
            initial_learning_rate=check_number(
                "initial_learning_rate", self.initial_learning_rate, 0.0
            ),
            decay_steps=check_steps("decay_steps", self.decay_steps),
            decay_rate=check_number("decay_rate", self.decay_rate, 0.0),
            staircase=check_flag("staircase", self.staircase),
        )

    def _progress(self, step: float) -> float:
        p = step / self.decay_steps
        return math.floor(p) if self.staircase else p


@registry.register("exponential_decay")
@dataclass(frozen=True, eq=False, repr=False)
class ExponentialDecay(_Decay):
    """`initial_learning_rate * decay_rate^p` with `p = step / decay_steps`.

    Parameters
    ----------
    initial_learning_rate : float
        Rate of the first step, at least 0.
    decay_steps : float
        Steps in which the rate is multiplied by `decay_rate`; above 0.
    decay_rate : float
        Decay factor, at least 0.
    staircase : bool, default False
        If True, p is rounded down: the rate changes only every `decay_steps` steps.
    name : str, default "ExponentialDecay"
        Name of the schedule.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, or is out of range.

    Examples
    --------
    >>> import gatewise as gw
    >>> schedule = gw.optimizers.schedules.ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)
    >>> schedule(200)
    0.025
    """

    name: str = "ExponentialDecay"

    def __call__(self, step: float) -> float:
        """The rate after `step` previous steps."""
        rate: float = self.initial_learning_rate * self.decay_rate ** self._progress(step)
        return rate


@registry.register("inverse_time_decay")
@dataclass(frozen=True, eq=False, repr=False)
class InverseTimeDecay(_Decay):
    """`initial_learning_rate / (1 + decay_rate * p)` with `p = step / decay_steps`.

    Parameters
    ----------
    initial_learning_rate : float
        Rate of the first step, at least 0.
    decay_steps : float
        Steps in which p increases by 1; above 0.
    decay_rate : float
        Coefficient of p, at least 0.
    staircase : bool, default False
        If True, p is rounded down: the rate changes only every `decay_steps` steps.
    name : str, default "InverseTimeDecay"
        Name of the schedule.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, or is out of range.
    """

    name: str = "InverseTimeDecay"

    def __call__(self, step: float) -> float:
        """The rate after `step` previous steps."""
        return self.initial_learning_rate / (1 + self.decay_rate * self._progress(step))


@registry.register("piecewise_constant_decay")
@dataclass(frozen=True, eq=False, repr=False)
class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[i]` for `boundaries[i - 1] < step <= boundaries[i]`.

    Parameters
    ----------
    boundaries : sequence of float
        Step counts, at least 0, in ascending order.
    values : sequence of float
        Rates, at least 0; one more than boundaries.
    name : str, default "PiecewiseConstant"
        Name of the schedule.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, length or order.

    Notes
    -----
    As in Keras, step `boundaries[i]` still has rate `values[i]`: with `boundaries=[100]`, the first
    value applies to 101 steps, those after 0 to 100 previous steps.
    """

    boundaries: Sequence[float]
    values: Sequence[float]
    name: str = "PiecewiseConstant"

    def __post_init__(self) -> None:
        boundaries = _check_numbers("boundaries", self.boundaries)
        values = _check_numbers("values", self.values)
        if len(values) != len(boundaries) + 1:
            raise ValueError(
                f"values: expected {len(boundaries) + 1} numbers, one more than boundaries, "
                f"got {len(values)}"
            )
        if sorted(set(boundaries)) != list(boundaries):
            raise ValueError(f"boundaries: expected numbers in ascending order, got {boundaries}")
        self._store(boundaries=boundaries, values=values)

    def __call__(self, step: float) -> float:
        """The rate after `step` previous steps."""
        return self.values[bisect_left(self.boundaries, step)]

    def get_config(self) -> Config:
        """The settings as JSON values; `from_config` creates an equal object from them."""
        return {
            "boundaries": list(self.boundaries),
            "values": list(self.values),
            "name": self.name,
        }


@registry.register("polynomial_decay")
@dataclass(frozen=True, eq=False, repr=False)
class PolynomialDecay(LearningRateSchedule):
    """`(initial - end) (1 - step / decay_steps)^power + end`, with `step` clipped to `decay_steps`.

    Parameters
    ----------
    initial_learning_rate : float
        Rate of the first step, at least 0.
    decay_steps : float
        Steps after which the rate is `end_learning_rate`; above 0.
    end_learning_rate : float, default 0.0001
        Rate from then on.
    power : float, default 1
        Exponent, at least 0; 1 is a linear decay.
    cycle : bool, default False
        If True, the decay restarts: `decay_steps` is replaced by its smallest multiple >= `step`.
        After each multiple the rate increases again, to a lower peak every time.
    name : str, default "PolynomialDecay"
        Name of the schedule.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, or is out of range.
    """

    initial_learning_rate: float
    decay_steps: float
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False
    name: str = "PolynomialDecay"

    def __post_init__(self) -> None:
        self._store(
            initial_learning_rate=check_number(
                "initial_learning_rate", self.initial_learning_rate, 0.0
            ),
            decay_steps=check_steps("decay_steps", self.decay_steps),
            end_learning_rate=check_number("end_learning_rate", self.end_learning_rate, 0.0),
            power=check_number("power", self.power, 0.0),
            cycle=check_flag("cycle", self.cycle),
        )

    def __call__(self, step: float) -> float:
        """The rate after `step` previous steps."""
        decay_steps = self.decay_steps
        if self.cycle:
            decay_steps *= max(1, math.ceil(step / decay_steps))
        # The quotient can exceed 1 if a multiple of decay_steps is rounded to below step.
        left = 1 - min(step / decay_steps, 1)
        change = self.initial_learning_rate - self.end_learning_rate
        rate: float = change * left**self.power + self.end_learning_rate
        return rate


def _check_numbers(name: str, values: object) -> tuple[float, ...]:
    if not isinstance(values, Iterable) or isinstance(values, str):
        raise TypeError(f"{name}: expected a list of numbers, got {shown(values)}")
    return tuple(check_number(name, value, 0.0) for value in values)
