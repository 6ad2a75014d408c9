"""Penalties on kernels, added to the loss.

L1 is solved proximally by the core: after each update `w <- sign(w) max(|w| - t, 0)`, so that
weights become exactly zero, which `summary()` counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewise.registry import Config, Configurable, Registry
from gatewise.utils.checks import check_number


class Regularizer(Configurable):
    """`l1 * sum |w| + l2 * sum w^2` over one array."""

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        check_number("l1", self.l1, 0)
        check_number("l2", self.l2, 0)


REGULARIZERS: Registry[Regularizer] = Registry("regularizer", Regularizer)


def get(identifier: object, argument: str = "regularizer") -> Regularizer | None:
    """The regularizer that a name, a configuration or an instance means; None means none."""
    return None if identifier is None else REGULARIZERS.get(identifier, argument)


def serialize(regularizer: Regularizer | None) -> Config | None:
    """The configuration that `get` reads back."""
    return None if regularizer is None else REGULARIZERS.serialize(regularizer)


@REGULARIZERS.register("l1")
@dataclass(frozen=True)
class L1(Regularizer):
    """`l1 * sum |w|`, which makes weights exactly 0.

    References
    ----------
    Tibshirani 1996, "Regression shrinkage and selection via the lasso", equation 1.
    """

    l1: float = 0.01


@REGULARIZERS.register("l2")
@dataclass(frozen=True)
class L2(Regularizer):
    """`l2 * sum w^2`; as in Keras there is no factor of one half.

    References
    ----------
    Hoerl, Kennard 1970, "Ridge regression: biased estimation for nonorthogonal problems".
    """

    l2: float = 0.01


@REGULARIZERS.register("l1_l2")
@dataclass(frozen=True)
class L1L2(Regularizer):
    """`l1 * sum |w| + l2 * sum w^2`.

    References
    ----------
    Zou, Hastie 2005, "Regularization and variable selection via the elastic net", equation 3.
    """

    l1: float = 0.0
    l2: float = 0.0


l1 = L1
l2 = L2
l1_l2 = L1L2
