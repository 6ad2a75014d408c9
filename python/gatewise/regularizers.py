"""Penalties on kernels, added to the loss.

The core applies L1 and GroupL1 by a proximal step after each update: `w <- sign(w) max(|w| - t,
0)`, or its counterpart for a whole weight group. Weights become exactly 0; `summary()` counts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gatewise.registry import Config, Configurable, Registry
from gatewise.utils.checks import check_number
from gatewise.utils.public_names import public_names
from gatewise.utils.unused_hooks import RefusesUnusedHooks, hooks

Array: TypeAlias = npt.NDArray[Any]


class Regularizer(Configurable, RefusesUnusedHooks):
    """`l1 * sum |w| + l2 * sum w^2` over one array; called, it computes the penalty of an array."""

    unused_hooks = hooks("penalties run in the core; use L1, L2, L1L2 or GroupL1", "__call__")

    l1: float = 0.0
    l2: float = 0.0
    groups: str = "none"
    """The weight groups that l1 applies to; "none" for single weights. See `GroupL1`."""

    def __post_init__(self) -> None:
        check_number("l1", self.l1, 0)
        check_number("l2", self.l2, 0)

    def __call__(self, x: npt.ArrayLike) -> float:
        """The penalty of an array, summed in float64."""
        array = np.asarray(x, np.float64)
        penalty = self.l2 * float(np.square(array).sum()) if self.l2 else 0.0
        return penalty + self.l1 * self._norm(array) if self.l1 else penalty

    def _norm(self, array: Array) -> float:
        """What `l1` multiplies."""
        return float(np.abs(array).sum())


REGULARIZERS: Registry[Regularizer] = Registry("regularizer", Regularizer)


def get(identifier: object, argument: str = "regularizer") -> Regularizer | None:
    """The regularizer given by a name, a configuration or an instance; None returns None."""
    return None if identifier is None else REGULARIZERS.get(identifier, argument)


def deserialize(config: object, custom_objects: None = None) -> Regularizer | None:
    """The regularizer of a configuration that `serialize` returned, or of a name.

    Raises
    ------
    ValueError
        The name is unknown.
    TypeError
        `config` is none of these, or `custom_objects` is given, which is not supported.
    """
    return None if config is None else REGULARIZERS.deserialize(config, custom_objects)


def serialize(regularizer: Regularizer | None) -> Config | None:
    """The configuration from which `get` restores the regularizer."""
    return None if regularizer is None else REGULARIZERS.serialize(regularizer)


@REGULARIZERS.register("l1")
@dataclass(frozen=True, eq=False, repr=False)
class L1(Regularizer):
    """`l1 * sum |w|`; sets weights to exactly 0.

    References
    ----------
    Tibshirani 1996, "Regression shrinkage and selection via the lasso", equation 1.
    """

    l1: float = 0.01


@REGULARIZERS.register("l2")
@dataclass(frozen=True, eq=False, repr=False)
class L2(Regularizer):
    """`l2 * sum w^2`; as in Keras, without a factor of 1/2.

    References
    ----------
    Hoerl, Kennard 1970, "Ridge regression: biased estimation for nonorthogonal problems".
    """

    l2: float = 0.01


@REGULARIZERS.register("l1_l2")
@dataclass(frozen=True, eq=False, repr=False)
class L1L2(Regularizer):
    """`l1 * sum |w| + l2 * sum w^2`.

    References
    ----------
    Zou, Hastie 2005, "Regularization and variable selection via the elastic net", equation 3.
    """

    l1: float = 0.0
    l2: float = 0.0


GROUPS = ("input", "unit", "block")
_BLOCK = 16
"""Units of a block, as in the core."""


@REGULARIZERS.register("group_l1")
@dataclass(frozen=True, eq=False, repr=False)
class GroupL1(Regularizer):
    """`l1 * sum_g sqrt(p_g) ||w_g||_2`; sets whole weight groups to exactly 0.

    p_g is the count of weights in group g of a kernel W `(d, u)`; each expert has its own groups.
    Because of the factor sqrt(p_g), a group of any size is 0 where the root mean square of its
    gradient is at most `l1`. With L1 the same holds for a single weight and its gradient.

    Parameters
    ----------
    l1 : float
        At least 0.
    groups : "input", "unit" or "block"
        The weights of a group. `"input"`: a row of W; an input whose group is 0 has no effect.
        `"unit"`: a column of W; a unit whose group is 0 has only its bias. `"block"`: the weights
        of one input to 16 consecutive units (fewer at the end), which are the blocks in which the
        core's products read W.

    Raises
    ------
    ValueError, TypeError
        `l1` is below 0 or not a number, or `groups` is unknown.

    Notes
    -----
    After each update comes the penalty's proximal step in the optimizer's metric, with `t =
    learning_rate * l1 * sqrt(p_g)` and h the divisor of each weight's own step: 1 for SGD,
    `sqrt(v_hat) + epsilon` for Adam. A group with `||h * w_g|| <= t` becomes 0; another one becomes
    `w_g h n / (h n + t)`, where n is its norm afterwards, found by Newton's method. A velocity
    takes part in the step, so that weights rest at the same optimum with any optimizer. A step only
    shrinks the experts that received rows.

    References
    ----------
    Yuan, Lin 2006, "Model selection and estimation in regression with grouped variables", equation
    2.1 with `K_j = p_j I`. Deleu, Bengio 2021, "Structured sparsity inducing adaptive optimizers
    for deep learning", section 3 (the proximal step in a diagonal metric). Ochs et al. 2014,
    "iPiano: inertial proximal algorithm for nonconvex optimization", algorithm 1 (with a velocity).

    Examples
    --------
    >>> import gatewise as gw
    >>> layer = gw.layers.Dense(64, kernel_regularizer=gw.regularizers.GroupL1(1e-3, "input"))
    """

    l1: float = 0.01
    groups: str = "input"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.groups not in GROUPS:
            raise ValueError(f"groups: expected one of {', '.join(GROUPS)}, got {self.groups!r}")

    def _norm(self, array: Array) -> float:
        """Of kernels `(..., d, u)`, each with groups of its own."""
        if array.ndim < 2:
            raise ValueError(f"x: expected a kernel (..., d, u), got shape {array.shape}")
        squares, inputs, units = np.square(array), *array.shape[-2:]
        if self.groups == "input":
            return float(np.sqrt(units * squares.sum(axis=-1)).sum())
        if self.groups == "unit":
            return float(np.sqrt(inputs * squares.sum(axis=-2)).sum())
        starts = np.arange(0, units, _BLOCK)
        sizes = np.minimum(_BLOCK, units - starts)
        return float(np.sqrt(sizes * np.add.reduceat(squares, starts, axis=-1)).sum())


l1 = L1
l2 = L2
l1_l2 = L1L2


def __dir__() -> list[str]:
    return public_names(globals())
