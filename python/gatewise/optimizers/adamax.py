"""Adamax."""

from __future__ import annotations

from gatewise.optimizers.base import Optimizer, check_decay_rate, registry
from gatewise.optimizers.learning_rate import Rate
from gatewise.registry import Config
from gatewise.utils.checks import check_number


@registry.register("adamax")
class Adamax(Optimizer):
    """Adam with a maximum norm: `w <- w - lr / (1 - b1^t) m / (u + epsilon)`.

    `m <- m + (g - m)(1 - b1)` and `u <- max(b2 u, |g|)`.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or dict, default 0.001
        Step size; see `Optimizer`.
    beta_1, beta_2 : float in [0, 1), defaults 0.9 and 0.999
        Decay of the moment and of the norm.
    epsilon : float, default 1e-7
        Keeps the quotient finite; at least 1e-30.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps
        See `Optimizer`.
    name : str, default "adamax"
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
    The proximal step of an L1 penalty is `lr l1 / (u + epsilon)`; that of GroupL1 follows it as
    under Adam.

    References
    ----------
    Kingma, Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 2.
    """

    kind = "adamax"

    def __init__(
        self,
        learning_rate: Rate | Config = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        name: str = "adamax",
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
        self.beta_1 = check_decay_rate("beta_1", beta_1)
        self.beta_2 = check_decay_rate("beta_2", beta_2)
        self.epsilon = check_number("epsilon", epsilon, 1e-30)

    def _own_settings(self) -> Config:
        return {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
