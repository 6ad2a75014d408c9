"""Cosine decay schedules."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gatewise.optimizers.learning_rate import LearningRateSchedule, check_steps, registry
from gatewise.utils.checks import check_number

_ROUNDING = 1e-9
"""Above the rounding error of a logarithm, below one step of a period of 10^9 steps."""


@registry.register("cosine_decay")
@dataclass(frozen=True, eq=False, repr=False)
class CosineDecay(LearningRateSchedule):
    """`peak * ((1 - alpha) (1 + cos(pi p)) / 2 + alpha)`, `p = min(step / decay_steps, 1)`.

    The peak is `initial_learning_rate`, or `warmup_target` if given. In the latter case the rate
    first increases linearly, `initial + (target - initial) step / warmup_steps`, and the decay
    starts after `warmup_steps`.

    Parameters
    ----------
    initial_learning_rate : float
        Rate of the first step, at least 0.
    decay_steps : float
        Length of the decay in steps; above 0.
    alpha : float, default 0
        Final rate as a fraction of the peak.
    name : str, default "CosineDecay"
        Name of the schedule.
    warmup_target : float, optional
        Rate at the end of the warm-up; no warm-up if omitted.
    warmup_steps : float, default 0
        Length of the warm-up in steps; ignored without `warmup_target`.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, or is out of range.

    References
    ----------
    Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
    equation 5. Goyal et al., "Accurate, large minibatch SGD", 2017, section 2.2, for the warm-up.

    Examples
    --------
    >>> import gatewise as gw
    >>> schedule = gw.optimizers.schedules.CosineDecay(
    ...     0.0, decay_steps=1000, warmup_target=0.01, warmup_steps=100
    ... )
    >>> [schedule(step) for step in (0, 50, 100, 1100)]
    [0.0, 0.005, 0.01, 0.0]
    """

    initial_learning_rate: float
    decay_steps: float
    alpha: float = 0.0
    name: str = "CosineDecay"
    warmup_target: float | None = None
    warmup_steps: float = 0

    def __post_init__(self) -> None:
        target = self.warmup_target
        self._store(
            initial_learning_rate=check_number(
                "initial_learning_rate", self.initial_learning_rate, 0.0
            ),
            decay_steps=check_steps("decay_steps", self.decay_steps),
            alpha=check_number("alpha", self.alpha, 0.0),
            warmup_target=None if target is None else check_number("warmup_target", target, 0.0),
            warmup_steps=check_number("warmup_steps", self.warmup_steps, 0.0),
        )

    def __call__(self, step: float) -> float:
        """The rate after `step` previous steps."""
        if self.warmup_target is None:
            peak = self.initial_learning_rate
        elif step < self.warmup_steps:
            total_delta = self.warmup_target - self.initial_learning_rate
            return self.initial_learning_rate + total_delta * (step / self.warmup_steps)
        else:
            peak = self.warmup_target
            step -= self.warmup_steps
        share = _half_cosine(min(step / self.decay_steps, 1))
        return peak * ((1 - self.alpha) * share + self.alpha)


@registry.register("cosine_decay_restarts")
@dataclass(frozen=True, eq=False, repr=False)
class CosineDecayRestarts(LearningRateSchedule):
    """`initial * ((1 - alpha) m_mul^i (1 + cos(pi p)) / 2 + alpha)` in period i >= 0.

    p is the completed fraction of the period. Period i has `first_decay_steps * t_mul^i` steps.

    Parameters
    ----------
    initial_learning_rate : float
        Rate of the first step, at least 0.
    first_decay_steps : float
        Length of period 0 in steps; above 0.
    t_mul : float, default 2
        Ratio of the lengths of consecutive periods; at least 1.
    m_mul : float, default 1
        Ratio of the peaks of consecutive periods (for `alpha=0`); at least 0.
    alpha : float, default 0
        Final rate of a period as a fraction of `initial_learning_rate`.
    name : str, default "SGDRDecay"
        Name of the schedule.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, or is out of range.

    References
    ----------
    Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
    equation 5.
    """

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0
    name: str = "SGDRDecay"

    def __post_init__(self) -> None:
        self._store(
            initial_learning_rate=check_number(
                "initial_learning_rate", self.initial_learning_rate, 0.0
            ),
            first_decay_steps=check_steps("first_decay_steps", self.first_decay_steps),
            t_mul=check_number("t_mul", self.t_mul, 1.0),
            m_mul=check_number("m_mul", self.m_mul, 0.0),
            alpha=check_number("alpha", self.alpha, 0.0),
        )

    def __call__(self, step: float) -> float:
        """The rate after `step` previous steps."""
        period, done = self._period_at(step / self.first_decay_steps)
        peak: float = self.m_mul**period
        share = peak * _half_cosine(done)
        return self.initial_learning_rate * ((1 - self.alpha) * share + self.alpha)

    def _period_at(self, time: float) -> tuple[int, float]:
        """The period at `time` (in lengths of period 0), and its completed fraction."""
        t = self.t_mul
        if t == 1:
            period = math.floor(time)
            return period, time - period
        # The first step of a period must belong to it, however the logarithm is rounded.
        period = math.floor(math.log1p(time * (t - 1)) / math.log(t) + _ROUNDING)
        length: float = t**period
        return period, (time - (length - 1) / (t - 1)) / length


def _half_cosine(p: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * p))
