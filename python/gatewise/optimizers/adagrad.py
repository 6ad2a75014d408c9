"""Adagrad."""

from __future__ import annotations

from gatewise.optimizers.base import Optimizer, registry
from gatewise.optimizers.learning_rate import Rate
from gatewise.registry import Config
from gatewise.utils.checks import check_number


@registry.register("adagrad")
class Adagrad(Optimizer):
    """Adagrad: `v <- v + g^2; w <- w - lr g / sqrt(v + epsilon)`.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or dict, default 0.001
        Step size, larger than for other optimizers: 1 in the paper; see `Optimizer`.
    initial_accumulator_value : float, default 0.1
        First value of v, at least 0.
    epsilon : float, default 1e-7
        Keeps the quotient finite; at least 1e-30.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps
        See `Optimizer`.
    name : str, default "adagrad"
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
    The proximal step of an L1 penalty is `lr l1 / sqrt(v + epsilon)`; that of GroupL1 follows it as
    under Adam.

    References
    ----------
    Duchi, Hazan, Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", JMLR 12, 2011, section 1.1.
    """

    kind = "adagrad"

    def __init__(
        self,
        learning_rate: Rate | Config = 0.001,
        initial_accumulator_value: float = 0.1,
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
        name: str = "adagrad",
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
        self.initial_accumulator_value = check_number(
            "initial_accumulator_value", initial_accumulator_value, 0.0
        )
        # With 0 for both, weights without a gradient so far would be updated by 0 / 0.
        self.epsilon = check_number("epsilon", epsilon, 1e-30)

    def _own_settings(self) -> Config:
        return {
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }
