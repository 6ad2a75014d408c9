"""The router whose scores are the experts' own outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gatewise.experts import Linear
from gatewise.routers.base import ROUTERS, SparseRouter, check_combine

if TYPE_CHECKING:
    from gatewise.experts import Expert


@ROUTERS.register("output_sum")
@dataclass(frozen=True, eq=False, repr=False)
class OutputSum(SparseRouter):
    """The k linear experts whose outputs have the largest sums.

    `s_i = 1 . E_i(x) = x . (W_i 1) + 1 . b_i`, from sums of every kernel that are kept beside it,
    so that nothing runs but the chosen. Weights are the softmax over the chosen, or 1 each.

    Parameters
    ----------
    k : int, optional
        Experts kept per row; the layer's `k` unless given.
    combine : {"softmax", "sum"}
        What the chosen weigh. With "softmax" the experts learn through their scores too; with "sum"
        the choice alone depends on them.

    Raises
    ------
    ValueError
        k is below 1, or `combine` is neither. The layer refuses other than linear experts, and a
        balance other than a bias: a loss on scores would move experts that no row chose.
    TypeError
        k is no integer.

    Notes
    -----
    The router has no parameters. A step updates the sums of the experts that it touched; forward
    costs 2 n d E flops for scores, as `TopK` does.
    """

    combine: str = "softmax"

    kind: ClassVar[str] = "output_sum"
    takes_losses: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_combine(self.combine)

    def check_expert(self, expert: Expert) -> None:
        if expert != Linear():
            raise ValueError(
                f"expert: expected linear ones with router {self}, which knows the sums of their "
                f"outputs without running them, got {expert}"
            )
