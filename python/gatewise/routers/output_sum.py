"""Router that scores experts by the sums of their outputs."""

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
    """Chooses the k linear experts whose outputs have the largest sums.

    `s_i = 1 . E_i(x) = x . (W_i 1) + 1 . b_i`, where `W_i 1` and `1 . b_i` are stored beside the
    kernels, so only the chosen experts run. Weights are the softmax over the chosen, or 1 each.

    Parameters
    ----------
    k : int, optional
        Experts per row; by default the layer's `k`.
    combine : {"softmax", "sum"}
        Weights of the chosen experts. With "softmax", experts also get a gradient through their
        scores; with "sum", only the choice depends on the scores.

    Raises
    ------
    ValueError
        k is below 1, or `combine` is unknown. The layer also raises it for experts that are not
        linear, and for a balance term other than `Bias`: a loss on scores would update inactive
        experts.
    TypeError
        k is not an integer.

    Notes
    -----
    The router has no parameters. A step recomputes the sums of the experts that it updated. The
    scores cost 2 n d E flops in forward, as for `TopK`.
    """

    combine: str = "softmax"

    kind: ClassVar[str] = "output_sum"
    takes_losses: ClassVar[bool] = False
    balance_rate: ClassVar[float] = 1e-2  # at 0.001 half of the rows of digits got one expert

    def __post_init__(self) -> None:
        super().__post_init__()
        check_combine(self.combine)

    def check_expert(self, expert: Expert) -> None:
        if expert != Linear():
            raise ValueError(
                f"expert: expected linear experts with router {self}, which uses the sums of "
                f"their kernels, got {expert}"
            )
