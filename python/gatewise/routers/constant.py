"""Routers that send every row to every expert."""

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
    """Every expert with weight 1: `y = sum_i E_i(x)`.

    Parameters
    ----------
    shared_bias : bool
        One bias for the sum in place of one per expert: `y = sum_i W_i x + b`.

    Raises
    ------
    TypeError
        `shared_bias` is no flag.
    """

    shared_bias: bool = False

    kind: ClassVar[str] = "all"
    chooses: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_flag("shared_bias", self.shared_bias)


@ROUTERS.register("static")
@dataclass(frozen=True, eq=False, repr=False)
class Static(Router):
    """Every expert, with a learned weight that is the same for every row.

    `y = sum_i alpha_i E_i(x)`.

    Parameters
    ----------
    constraint : {"free", "non_negative", "simplex"}
        What alpha may be: anything; nothing below 0; or nothing below 0 with sum 1, as the softmax
        of the stored numbers. All start at the mean, 1/E each.
    shared_bias : bool
        One bias for the sum in place of one per expert: `y = sum_i alpha_i W_i x + b`.

    Raises
    ------
    ValueError
        The constraint is none of the three.
    TypeError
        `shared_bias` is no flag.

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
