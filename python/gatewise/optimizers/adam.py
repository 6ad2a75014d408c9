"""Adam and AdamW."""

from __future__ import annotations

from gatewise.optimizers.base import Optimizer, check_decay_rate, registry
from gatewise.optimizers.learning_rate import Rate
from gatewise.registry import Config
from gatewise.utils.checks import check_flag, check_number


@registry.register("adam")
class Adam(Optimizer):
    """Adam in Keras' form: `w <- w - lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)`.

    `m <- m + (g - m)(1 - b1)` and `v <- v + (g^2 - v)(1 - b2)`. Unlike in
    PyTorch, `epsilon` is added to the root of the uncorrected `v` ("epsilon hat" of the paper,
    before section 2.1).

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or dict, default 0.001
        Step size; see `Optimizer`.
    beta_1, beta_2 : float in [0, 1), defaults 0.9 and 0.999
        Decay of the first and second moment.
    epsilon : float, default 1e-7
        Keeps the quotient finite; at least 1e-30.
    amsgrad : bool, default False
        If True, divide by the root of the largest v so far, not of v.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps
        See `Optimizer`.
    name : str, default "adam"
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
    Kingma, Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1.
    Reddi, Kale, Kumar, "On the convergence of Adam and beyond", ICLR 2018, algorithm 2 (amsgrad).
    """

    kind = "adam"

    def __init__(
        self,
        learning_rate: Rate | Config = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str = "adam",
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
        # With 0, weights without a gradient so far would be updated by 0 / 0.
        self.epsilon = check_number("epsilon", epsilon, 1e-30)
        self.amsgrad = check_flag("amsgrad", amsgrad)

    def _own_settings(self) -> Config:
        return {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


@registry.register("adamw", "adam_w")
class AdamW(Adam):
    """Adam with decoupled weight decay: `w <- w - lr * weight_decay * w`, then Adam's update.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or dict, default 0.001
        Step size; see `Optimizer`.
    weight_decay : float, default 0.004
        See `Optimizer`; the default is that of Keras.
    beta_1, beta_2, epsilon, amsgrad, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Adam`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps, name, dense_updates
        See `Adam`.
    **unsupported
        See `Optimizer`.

    Raises
    ------
    TypeError, ValueError
        See `Optimizer`.

    References
    ----------
    Loshchilov, Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2.
    """

    kind = "adamw"

    def __init__(
        self,
        learning_rate: Rate | Config = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str = "adamw",
        dense_updates: bool = False,
        **unsupported: object,
    ) -> None:
        if weight_decay is None:
            raise ValueError("weight_decay: expected a number >= 0, got None")
        super().__init__(
            learning_rate=learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            amsgrad=amsgrad,
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
            **unsupported,
        )
