"""Penalties on kernels, added to the loss.

L1 and GroupL1 are solved proximally by the core: after each update `w <- sign(w) max(|w| - t, 0)`,
or the like for a group of weights as a whole, so that weights become exactly zero, which
`summary()` counts.
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
    """What l1 holds for in place of single weights; see `GroupL1`."""

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
@dataclass(frozen=True, eq=False, repr=False)
class L1(Regularizer):
    """`l1 * sum |w|`, which makes weights exactly 0.

    References
    ----------
    Tibshirani 1996, "Regression shrinkage and selection via the lasso", equation 1.
    """

    l1: float = 0.01


@REGULARIZERS.register("l2")
@dataclass(frozen=True, eq=False, repr=False)
class L2(Regularizer):
    """`l2 * sum w^2`; as in Keras there is no factor of one half.

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
    """`l1 * sum_g sqrt(p_g) ||w_g||_2`, which makes whole groups of weights exactly 0.

    p_g is the number of weights in group g of a kernel W `(d, u)`; each expert has groups of its
    own. With the factor a group of any size is 0 where the root mean square of the loss's gradient
    in it is at most `l1`, as a single weight is with L1 where its gradient is.

    Parameters
    ----------
    l1 : float
        At least 0.
    groups : "input", "unit" or "block"
        What a group is. `"input"`: a row of W; an input whose group is 0 is not looked at.
        `"unit"`: a column of W; a unit whose group is 0 has its bias alone. `"block"`: what one
        input gives to 16 consecutive units (fewer at the end), the pieces in which the core's
        products read W.

    Raises
    ------
    ValueError, TypeError
        `l1` is below 0 or no number, or `groups` is another.

    Notes
    -----
    After each update, `w_g <- w_g max(0, 1 - t / ||h * w_g||)` with `t = learning_rate * l1 *
    sqrt(p_g)`. h is 1 for SGD: the proximal step of the penalty. For Adam h is `sqrt(v_hat) +
    epsilon`, by which Adam's own step divides: a group then becomes 0 exactly where the proximal
    step in Adam's metric makes it 0, at a gradient of the same size as with SGD; a group that
    remains is scaled as a whole, where that step would need a search for a root in every group.
    Momentum takes SGD's. A step touches the experts that rows were sent to, as with every penalty.

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
