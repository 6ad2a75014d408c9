"""Adafactor."""

from __future__ import annotations

import math

from gatewise.optimizers.base import Optimizer, registry
from gatewise.optimizers.learning_rate import Rate
from gatewise.registry import Config
from gatewise.utils.checks import check_flag, check_number


@registry.register("adafactor")
class Adafactor(Optimizer):
    """Adafactor: `w <- w - max(epsilon_2, rms(w)) min(lr, 1 / sqrt(t)) u / max(1, rms(u) / d)`.

    `u = g / sqrt(v)`, with `v = r_i c_j / mean(r)` for a matrix: r and c are its means over units
    and over inputs, `r_i <- r_i + (mean_j g_ij^2 + epsilon_1 - r_i) b` and so c, with
    `b = t^beta_2_decay`. For a vector `v <- v + (g^2 + epsilon_1 - v) b`. rms is the root of the
    mean square, and d is `clip_threshold`. So a kernel of n inputs and m units has n + m values of
    state and a stored gradient of n m.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or dict, default 0.001
        Step size relative to the weights; see `Optimizer`.
    beta_2_decay : float, default -0.8
        Exponent of b, at most 0.
    epsilon_1 : float, default 1e-30
        Keeps the quotient finite; at least 1e-30.
    epsilon_2 : float, default 0.001
        Smallest size of weights to which steps are relative, at least 0.
    clip_threshold : float, default 1
        Root mean square of u above which u is scaled down; above 0.
    relative_step : bool, default True
        Without effect, as in Keras' formula: the rate is limited to `1 / sqrt(t)` in any case.
    weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum
        See `Optimizer`.
    ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps
        See `Optimizer`.
    name : str, default "adafactor"
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
        In `fit`, if a kernel has an L1 or GroupL1 penalty, whose proximal step would need v of each
        weight; or if a dictionary has lazy updates or experts.

    Notes
    -----
    The matrix of one expert is a matrix of its own, with its own statistics, rms and t, and an
    expert's bias is a vector: results are Keras' for `Dense`. The kernel of a convolution over
    patches of p values is a matrix [p, filters].

    References
    ----------
    Shazeer, Stern, "Adafactor: adaptive learning rates with sublinear memory cost", ICML 2018,
    algorithm 4.
    """

    kind = "adafactor"

    def __init__(
        self,
        learning_rate: Rate | Config = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str = "adafactor",
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
        self.beta_2_decay = _check_exponent(beta_2_decay)
        self.epsilon_1 = check_number("epsilon_1", epsilon_1, 1e-30)
        self.epsilon_2 = check_number("epsilon_2", epsilon_2, 0.0)
        self.clip_threshold = check_number("clip_threshold", clip_threshold, 0.0)
        if self.clip_threshold == 0:
            raise ValueError(f"clip_threshold: expected a number > 0, got {clip_threshold!r}")
        self.relative_step = check_flag("relative_step", relative_step)

    def _own_settings(self) -> Config:
        return {**self._native_settings(), "relative_step": self.relative_step}

    def _native_settings(self) -> Config:
        return {
            "beta_2_decay": self.beta_2_decay,
            "epsilon_1": self.epsilon_1,
            "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold,
        }


def _check_exponent(value: float) -> float:
    return check_number("beta_2_decay", value, -math.inf, 0.0)
