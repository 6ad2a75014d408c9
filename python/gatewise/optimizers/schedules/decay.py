"""Rates that fall by a power, in steps, along a polynomial, or with the inverse of time."""

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
    """What the decays by `p = step / decay_steps` have in common."""

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
        The first step's rate, at least 0.
    decay_steps : float
        After how many steps the rate has been multiplied by `decay_rate`; above 0.
    decay_rate : float
        At least 0.
    staircase : bool, default False
        Whether p is rounded down, so that the rate falls every `decay_steps` steps only.
    name : str, default "ExponentialDecay"
        Its name.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind, or outside its range.

    Examples
    --------
    >>> import gatewise as gw
    >>> schedule = gw.optimizers.schedules.ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)
    >>> schedule(200)
    0.025
    """

    name: str = "ExponentialDecay"

    def __call__(self, step: float) -> float:
        """The rate after `step` steps."""
        rate: float = self.initial_learning_rate * self.decay_rate ** self._progress(step)
        return rate


@registry.register("inverse_time_decay")
@dataclass(frozen=True, eq=False, repr=False)
class InverseTimeDecay(_Decay):
    """`initial_learning_rate / (1 + decay_rate * p)` with `p = step / decay_steps`.

    Parameters
    ----------
    initial_learning_rate : float
        The first step's rate, at least 0.
    decay_steps : float
        How many steps make p greater by 1; above 0.
    decay_rate : float
        At least 0.
    staircase : bool, default False
        Whether p is rounded down, so that the rate falls every `decay_steps` steps only.
    name : str, default "InverseTimeDecay"
        Its name.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind, or outside its range.
    """

    name: str = "InverseTimeDecay"

    def __call__(self, step: float) -> float:
        """The rate after `step` steps."""
        return self.initial_learning_rate / (1 + self.decay_rate * self._progress(step))


@registry.register("piecewise_constant_decay")
@dataclass(frozen=True, eq=False, repr=False)
class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[i]`, where `boundaries[i - 1] < step <= boundaries[i]`.

    Parameters
    ----------
    boundaries : sequence of float
        Numbers of steps, at least 0, in ascending order.
    values : sequence of float
        Rates, at least 0; one more than there are boundaries.
    name : str, default "PiecewiseConstant"
        Its name.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind, length or order.

    Notes
    -----
    As in Keras a boundary's own step still has the rate before it: with `boundaries=[100]` the
    first value is that of 101 steps, those after 0 to 100 others.
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
        """The rate after `step` steps."""
        return self.values[bisect_left(self.boundaries, step)]

    def get_config(self) -> Config:
        """The settings as JSON values, from which `from_config` makes an equal object."""
        return {
            "boundaries": list(self.boundaries),
            "values": list(self.values),
            "name": self.name,
        }


@registry.register("polynomial_decay")
@dataclass(frozen=True, eq=False, repr=False)
class PolynomialDecay(LearningRateSchedule):
    """`(initial - end) (1 - step / decay_steps)^power + end`, with `step` at most `decay_steps`.

    Parameters
    ----------
    initial_learning_rate : float
        The first step's rate, at least 0.
    decay_steps : float
        After how many steps the rate is `end_learning_rate`; above 0.
    end_learning_rate : float, default 0.0001
        The rate from there on.
    power : float, default 1
        At least 0; 1 is a straight line.
    cycle : bool, default False
        Whether there is no end: then `decay_steps` counts as its first multiple that is not less
        than `step`, and the rate rises again behind each one, to a lower peak every time.
    name : str, default "PolynomialDecay"
        Its name.

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind, or outside its range.
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
        """The rate after `step` steps."""
        decay_steps = self.decay_steps
        if self.cycle:
            decay_steps *= max(1, math.ceil(step / decay_steps))
        # At most 1 even where a multiple of decay_steps was rounded below step.
        left = 1 - min(step / decay_steps, 1)
        change = self.initial_learning_rate - self.end_learning_rate
        rate: float = change * left**self.power + self.end_learning_rate
        return rate


def _check_numbers(name: str, values: object) -> tuple[float, ...]:
    if not isinstance(values, Iterable) or isinstance(values, str):
        raise TypeError(f"{name}: expected a list of numbers, got {shown(values)}")
    return tuple(check_number(name, value, 0.0) for value in values)
