"""The learning rate of `SparseAutoencoder.compile(optimizer="auto")`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gatewise.optimizers.learning_rate import LearningRateSchedule, registry
from gatewise.utils.checks import check_integer, check_number

_WARMUP = 0.05
"""Fraction of the steps in which the rate rises to its peak."""
_WARMUP_STEPS = 100
"""The same, where the count of steps is not known."""
_RATE_AFTER = 0.1
"""Rate of the steps after the last planned one, as a fraction of the peak."""
_UNPLANNED_RATE = 0.001
_MAX_RATE = 0.01
_MAX_NARROW_RATE = 0.006


@registry.register("auto_rate")
@dataclass(frozen=True, eq=False, repr=False)
class AutoRate(LearningRateSchedule):
    """Rises linearly to `peak` in the first twentieth of the steps, and falls to 0 by a cosine.

    Each call of `fit` plans it again: the steps are those of the call, the peak is
    `0.0028 sqrt(batch_size / 32) sqrt(k / 32) (2048 / m)^(1/4)` for a dictionary of m latents with
    k active ones per row, more for rows of fewer than 4 k values (see `dictionary_rate`), and
    `0.004 sqrt(batch_size / 32)` for a stack; at most 0.01. Where the count of steps is not known
    (an iterable without a length), the rate rises in 100 steps and stays. Steps beyond those of a
    plan, such as those of `train_on_batch`, have a tenth of its peak; without a plan the peak is
    0.001.

    Parameters
    ----------
    peak : float, optional
        Largest rate; None until the first call plans it.
    first_step : int
        Steps before the call.
    steps : int, optional
        Steps of the call, if known.
    """

    peak: float | None = None
    first_step: int = 0
    steps: int | None = None

    def __post_init__(self) -> None:
        self._store(
            peak=None if self.peak is None else check_number("peak", self.peak, 0.0),
            first_step=check_integer("first_step", self.first_step, 0),
            steps=None if self.steps is None else check_integer("steps", self.steps, 1),
        )

    def __call__(self, step: float) -> float:
        """The rate after `step` previous steps."""
        peak = _UNPLANNED_RATE if self.peak is None else self.peak
        done = max(step - self.first_step, 0)
        warmup = _WARMUP_STEPS if self.steps is None else max(1, round(_WARMUP * self.steps))
        if done < warmup:
            return peak * (done + 1) / warmup
        if self.steps is None:
            return peak
        if done >= self.steps:
            return _RATE_AFTER * peak
        share = min((done - warmup) / max(self.steps - warmup, 1), 1.0)
        return 0.5 * peak * (1 + math.cos(math.pi * share))


def dictionary_rate(batch_size: int, width: int, latents: int, active: float) -> float:
    """The rate at which Adam trains a dictionary of m latents best, by experiment.

    `0.0028 sqrt(batch_size / 32) sqrt(active / 32) (2048 / m)^(1/4)`, at most 0.01. Where a code is
    nearly as large as its row of d values, `4 active > d`, it is `4 active / d` times as much, as
    long as that is at most `0.006 sqrt(batch_size / 32)`. Higher rates leave latents dead, lower
    ones reconstruct worse after the same steps.

    Parameters
    ----------
    batch_size : int
        Rows of a step.
    width : int
        Values d of a row.
    latents : int
        Size m of the code.
    active : float
        Active latents of a row, k or a target of L0.
    """
    batch = (batch_size / 32) ** 0.5
    rate: float = 0.0028 * batch * (active / 32) ** 0.5 * (2048 / latents) ** 0.25
    if 4 * active > width:
        rate = max(rate, min(rate * 4 * active / width, _MAX_NARROW_RATE * batch))
    return min(rate, _MAX_RATE)


def stack_rate(batch_size: int) -> float:
    """The same for a stack: `0.004 sqrt(batch_size / 32)`, at most 0.01."""
    rate: float = 0.004 * (batch_size / 32) ** 0.5
    return min(rate, _MAX_RATE)
