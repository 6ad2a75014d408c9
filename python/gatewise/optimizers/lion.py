"""Lion."""

from __future__ import annotations

from gatewise.optimizers.base import Optimizer, check_decay_rate, registry
from gatewise.optimizers.learning_rate import Rate
from gatewise.registry import Config


@registry.register("lion")
class Lion(Optimizer):
    """Steps of equal size: `w <- w - lr sign(b1 m + (1 - b1) g); m <- b2 m + (1 - b2) g`.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or dict, default 0.001
        Step size, about a third to a tenth of Adam's; see `Optimizer`.
    beta_1 : float in [0, 1), default 0.9
        Weight of the momentum in the direction of a step.
    beta_2 : float in [0, 1), default 0.99
        Decay of the momentum.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps
        See `Optimizer`.
    name : str, default "lion"
        Name of the optimizer.
    dense_updates : bool, default False
        See `Optimizer`.
    **unsupported
        See `Optimizer`.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`.
    ValueError
        In `fit`, if a kernel has an L1 or GroupL1 penalty: steps of one length have no proximal
        step that comes to rest.

    References
    ----------
    Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, algorithm 2.
    """

    kind = "lion"

    def __init__(
        self,
        learning_rate: Rate | Config = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str = "lion",
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

    def _own_settings(self) -> Config:
        return {"beta_1": self.beta_1, "beta_2": self.beta_2}
