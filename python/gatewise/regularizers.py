"""Penalties on kernels, added to the loss.

The core applies L1 and GroupL1 by a proximal step after each update: `w <- sign(w) max(|w| - t,
0)`, or its counterpart for a whole weight group. Weights become exactly 0; `summary()` counts them.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewise.registry import Config, Configurable, Registry
from gatewise.utils.checks import check_number


class Regularizer(Configurable):
    """`l1 * sum |w| + l2 * sum w^2` over one array."""

    l1: float = 0.0
    l2: float = 0.0
    groups: str = "none"
    """The weight groups that l1 applies to; "none" for single weights. See `GroupL1`."""

    def __post_init__(self) -> None:
        check_number("l1", self.l1, 0)
        check_number("l2", self.l2, 0)


REGULARIZERS: Registry[Regularizer] = Registry("regularizer", Regularizer)


def get(identifier: object, argument: str = "regularizer") -> Regularizer | None:
    """The regularizer given by a name, a configuration or an instance; None returns None."""
    return None if identifier is None else REGULARIZERS.get(identifier, argument)


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
    After each update, `w_g <- w_g max(0, 1 - t / ||h * w_g||)` with `t = learning_rate * l1 *
    sqrt(p_g)`. For SGD, with or without momentum, h is 1: the proximal step of the penalty. For
    Adam h is `sqrt(v_hat) + epsilon`, the divisor of its update. A group then becomes 0 exactly
    where the proximal step in Adam's metric sets it to 0, at a gradient of the same size as with
    SGD. A group that remains is scaled as a whole; the exact step would need a root search in every
    group. As with every penalty, a step only shrinks the experts that received rows.

    References
    ----------
    Yuan, Lin 2006, "Model selection and estimation in regression with grouped variables", equation
    2.1 with `K_j = p_j I`. Deleu, Bengio 2021, "Structured sparsity inducing adaptive optimizers
    for deep learning", section 3 (the proximal step in a diagonal metric).

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


l1 = L1
l2 = L2
l1_l2 = L1L2
