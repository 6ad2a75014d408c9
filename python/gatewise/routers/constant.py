"""Routers that assign every row to every expert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gatewise import initializers
from gatewise.routers.base import ROUTERS, Router
from gatewise.utils.checks import check_flag

if TYPE_CHECKING:
    from gatewise.initializers import Initializer


@ROUTERS.register("all")
@dataclass(frozen=True, eq=False, repr=False)
class All(Router):
    """Uses all experts with weight 1: `y = sum_i E_i(x)`.

    Parameters
    ----------
    shared_bias : bool
        If True, the sum has one bias instead of one per expert: `y = sum_i x W_i + b`.

    Raises
    ------
    TypeError
        `shared_bias` is not a bool.
    """

    shared_bias: bool = False

    kind: ClassVar[str] = "all"
    chooses: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_flag("shared_bias", self.shared_bias)


@ROUTERS.register("static")
@dataclass(frozen=True, eq=False, repr=False)
class Static(Router):
    """Uses all experts, each with a learned weight that is the same for every row.

    `y = sum_i alpha_i E_i(x)`.

    Parameters
    ----------
    constraint : {"free", "non_negative", "simplex"}
        Constraint on alpha: none; all at least 0; or all at least 0 with sum 1, computed as the
        softmax of the stored parameters. In all three, each alpha_i starts at 1/E.
    shared_bias : bool
        If True, the sum has one bias instead of one per expert: `y = sum_i alpha_i x W_i + b`.

    Raises
    ------
    ValueError
        `constraint` is none of the three.
    TypeError
        `shared_bias` is not a bool.

    References
    ----------
    Breiman 1996, "Stacked regressions", section 3, on combining with non-negative weights.
    """

    constraint: str = "free"
    shared_bias: bool = False

    kind: ClassVar[str] = "static"
    chooses: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_flag("shared_bias", self.shared_bias)
        if self.constraint not in ("free", "non_negative", "simplex"):
            raise ValueError(
                f"constraint: expected 'free', 'non_negative' or 'simplex', got {self.constraint!r}"
            )

    def initializer(self, parameter: str, num_experts: int) -> Initializer:
        if self.constraint == "simplex":
            return initializers.Zeros()
        return initializers.Constant(1 / num_experts)
