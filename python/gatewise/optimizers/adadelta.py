"""Adadelta."""

from __future__ import annotations

from gatewise.optimizers.base import Optimizer, check_decay_rate, registry
from gatewise.optimizers.learning_rate import Rate
from gatewise.registry import Config
from gatewise.utils.checks import check_number


@registry.register("adadelta")
class Adadelta(Optimizer):
    """Adadelta: `w <- w - lr d` with `d = sqrt(s + epsilon) / sqrt(v + epsilon) g`.

    `v <- v + (g^2 - v)(1 - rho)` before d, and `s <- s + (d^2 - s)(1 - rho)` after it.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or dict, default 0.001
        Step size, 1 in the paper; see `Optimizer`.
    rho : float in [0, 1), default 0.95
        Decay of the mean squares of gradients and of steps.
    epsilon : float, default 1e-7
        Decides the first steps; at least 1e-30.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps
        See `Optimizer`.
    name : str, default "adadelta"
        Name of the optimizer.
    dense_updates : bool, default False
        See `Optimizer`.
    **unsupported
        See `Optimizer`.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`.

    Notes
    -----
    The proximal step of an L1 penalty is `lr l1 sqrt(s + epsilon) / sqrt(v + epsilon)`; that of
    GroupL1 follows it as under Adam, with s after the step.

    References
    ----------
    Zeiler, "ADADELTA: an adaptive learning rate method", 2012, algorithm 1.
    """

    kind = "adadelta"

    def __init__(
        self,
        learning_rate: Rate | Config = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str = "adadelta",
        dense_updates: bool = False,
        **unsupported: object,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
            name=name,
            dense_updates=dense_updates,
            unsupported=unsupported,
        )
        self.rho = check_decay_rate("rho", rho)
        self.epsilon = check_number("epsilon", epsilon, 1e-30)

    def _own_settings(self) -> Config:
        return {"rho": self.rho, "epsilon": self.epsilon}
