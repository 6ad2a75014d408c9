"""RMSprop."""

from __future__ import annotations

from gatewise.optimizers.base import Optimizer, check_decay_rate, registry
from gatewise.optimizers.learning_rate import Rate
from gatewise.registry import Config
from gatewise.utils.checks import check_flag, check_number


@registry.register("rmsprop")
class RMSprop(Optimizer):
    """RMSprop in Keras' form: `v <- v + (g^2 - v)(1 - rho); w <- w - lr g / sqrt(v + epsilon)`.

    With momentum, `m <- momentum m - lr g / sqrt(v + epsilon); w <- w + m`. With `centered`, v is
    reduced by `a^2` in both, where `a <- a + (g - a)(1 - rho)`: an estimate of the variance.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or dict, default 0.001
        Step size; see `Optimizer`.
    rho : float in [0, 1), default 0.9
        Decay of the mean square of the gradient.
    momentum : float in [0, 1), default 0
        Fraction of the previous step that is kept.
    epsilon : float, default 1e-7
        Keeps the quotient finite; at least 1e-30.
    centered : bool, default False
        If True, divide by the root of the variance, not of the mean square.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps
        See `Optimizer`.
    name : str, default "rmsprop"
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
    The proximal step of an L1 penalty is `lr l1 / (1 - momentum) / sqrt(v + epsilon)`: weights stop
    where the loss gradient equals the penalty's. That of GroupL1 follows it as under Adam.

    References
    ----------
    Tieleman, Hinton, "Neural networks for machine learning", lecture 6.5, Coursera 2012.
    Graves, "Generating sequences with recurrent neural networks", 2013, equations 38 to 41.
    """

    kind = "rmsprop"

    def __init__(
        self,
        learning_rate: Rate | Config = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str = "rmsprop",
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
        self.momentum = check_decay_rate("momentum", momentum)
        self.epsilon = check_number("epsilon", epsilon, 1e-30)
        self.centered = check_flag("centered", centered)

    def _own_settings(self) -> Config:
        return {
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
