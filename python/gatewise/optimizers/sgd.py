"""Stochastic gradient descent."""

from __future__ import annotations

from gatewise.optimizers.base import Optimizer, registry
from gatewise.optimizers.learning_rate import Rate
from gatewise.registry import Config
from gatewise.utils.checks import check_flag, check_number


@registry.register("sgd", "SGD")
class SGD(Optimizer):
    """Gradient descent: `w <- w - lr g`, or with momentum `m <- momentum m - lr g; w <- w + m`.

    With `nesterov`, `w <- w + momentum m - lr g`, where m is already updated.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or dict, default 0.01
        Step size; see `Optimizer`.
    momentum : float in [0, 1], default 0
        Fraction of the previous step that is kept.
    nesterov : bool, default False
        If True, use Nesterov momentum (Sutskever et al. 2013).
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps
        See `Optimizer`.
    name : str, default "SGD"
        Name of the optimizer.
    dense_updates : bool, default False
        See `Optimizer`.
    **unsupported
        See `Optimizer`.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`.

    References
    ----------
    Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep
    learning", ICML 2013.
    """

    kind = "sgd"

    def __init__(
        self,
        learning_rate: Rate | Config = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str = "SGD",
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
        self.momentum = check_number("momentum", momentum, 0.0, 1.0)
        self.nesterov = check_flag("nesterov", nesterov)

    def _own_settings(self) -> Config:
        return {"momentum": self.momentum, "nesterov": self.nesterov}
