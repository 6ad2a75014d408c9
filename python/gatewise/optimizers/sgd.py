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
    weight_decay, clipnorm, clipvalue, global_clipnorm : float, optional
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
        name: str = "SGD",
        dense_updates: bool = False,
        **unsupported: object,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            dense_updates,
            name,
            unsupported,
        )
        self.momentum = check_number("momentum", momentum, 0.0, 1.0)
        self.nesterov = check_flag("nesterov", nesterov)

    def _own_settings(self) -> Config:
        return {"momentum": self.momentum, "nesterov": self.nesterov}
