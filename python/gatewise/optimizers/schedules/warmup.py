"""Linear warm-up before another schedule."""

from __future__ import annotations

from dataclasses import dataclass

from gatewise.optimizers.learning_rate import (
    LearningRateSchedule,
    Rate,
    check_rate,
    check_steps,
    registry,
    serialize_rate,
)
from gatewise.registry import Config
from gatewise.utils.checks import check_number


@registry.register("linear_warmup")
@dataclass(frozen=True, eq=False, repr=False)
class LinearWarmup(LearningRateSchedule):
    """Increases the rate linearly to the first rate of another schedule, which then starts.

    `initial + (learning_rate(0) - initial) step / warmup_steps` for the first `warmup_steps` steps,
    then `learning_rate(step - warmup_steps)`. Keras has no such class: of its schedules,
    only `CosineDecay` has a warm-up. `LinearWarmup(CosineDecay(rate, n), w)` returns the same rates
    as `CosineDecay(0, n, warmup_target=rate, warmup_steps=w)`.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or dict
        Follows the warm-up: a constant rate, or a schedule or its configuration.
    warmup_steps : float
        Length of the warm-up in steps; above 0.
    initial_learning_rate : float, default 0
        Rate of the first step, at least 0.
    name : str, default "LinearWarmup"
        Name of the schedule.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, or is out of range.

    References
    ----------
    Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017, section 2.2.

    Examples
    --------
    >>> from gatewise.optimizers.schedules import LinearWarmup, PolynomialDecay
    >>> decay = PolynomialDecay(0.01, decay_steps=900, end_learning_rate=0.0)
    >>> schedule = LinearWarmup(decay, warmup_steps=100)
    >>> [schedule(step) for step in (0, 50, 100, 1000)]
    [0.0, 0.005, 0.01, 0.0]
    """

    learning_rate: Rate
    warmup_steps: float
    initial_learning_rate: float = 0.0
    name: str = "LinearWarmup"

    def __post_init__(self) -> None:
        self._store(
            learning_rate=check_rate("learning_rate", self.learning_rate),
            warmup_steps=check_steps("warmup_steps", self.warmup_steps),
            initial_learning_rate=check_number(
                "initial_learning_rate", self.initial_learning_rate, 0.0
            ),
        )

    def __call__(self, step: float) -> float:
        """The rate after `step` previous steps."""
        if step < self.warmup_steps:
            total_delta = self._rate_after_warmup(0) - self.initial_learning_rate
            return self.initial_learning_rate + total_delta * (step / self.warmup_steps)
        return self._rate_after_warmup(step - self.warmup_steps)

    def get_config(self) -> Config:
        """The settings as JSON values; `from_config` creates an equal object from them."""
        return {**super().get_config(), "learning_rate": serialize_rate(self.learning_rate)}

    def _rate_after_warmup(self, step: float) -> float:
        rate = self.learning_rate
        return rate(step) if isinstance(rate, LearningRateSchedule) else rate
