"""Routers that score experts by a linear map of the row and choose the highest scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gatewise import initializers
from gatewise.routers.base import ROUTERS, WeightedRouter, check_combine
from gatewise.routers.linear_scores import LinearScores
from gatewise.utils.checks import check_flag

if TYPE_CHECKING:
    from gatewise.initializers import Initializer


@ROUTERS.register("top_k")
@dataclass(frozen=True, eq=False, repr=False)
class TopK(LinearScores, WeightedRouter):
    """Chooses the k experts of highest score `s = c x W_r`, weighted by a softmax.

    With `over="all"`, `w_i = exp(s_i) / sum_j exp(s_j)` over all experts j; with `normalize`, these
    are divided by their sum over the chosen. With `over="chosen"`, j runs over the chosen experts
    only, so the weights always sum to 1. Ties go to the lower index. With `noise`, training adds
    `N(0, 1) noise / (1 + t / noise_steps)` to the scores in step t, so that experts next to the
    chosen ones are tried.

    Parameters
    ----------
    k : int, optional
        Experts per row; by default the layer's `k`.
    normalize : bool, optional
        If True, a row's weights sum to 1; by default they do, unless k = 1, where the weight is
        that of `Switch`. With True and k = 1 the weight is always 1, and only balance terms train
        the router.
    over : {"all", "chosen"}
        Experts that the softmax sums over.
    combine : {"softmax", "sum"}
        Weights of the chosen experts: softmax, or 1 each, `y = sum_{i in A(x)} E_i(x)`. With "sum",
        only the choice depends on the scores, and only balance terms train them.
    shared_bias : bool
        If True, the combined output has one bias instead of one per expert.
    scale : float, optional
        c, above 0; None for min(1, 32 / d). An optimizer with steps of one size per weight, such
        as Adam, moves the scores of wide rows by much in one step; a smaller c makes up for it.
    initial_scale : float
        Factor of the initial W_r, whose values are otherwise those of `GlorotUniform`. With a small
        one the first rows spread evenly.
    noise : float
        Standard deviation of the noise of the first step; 0 for none.
    noise_steps : int, optional
        Steps after which the noise is halved; None for noise that stays.

    Raises
    ------
    ValueError
        A number is out of range, or `over` or `combine` is unknown.
    TypeError
        A number is none, or `normalize` or `shared_bias` is not a bool.

    References
    ----------
    Shazeer et al. 2017, "Outrageously large neural networks", equations 3 and 5 (over the chosen);
    Lepikhin et al. 2021, "GShard", algorithm 1 (over all, normalised).
    """

    normalize: bool | None = None
    over: str = "all"
    combine: str = "softmax"
    shared_bias: bool = False

    kind: ClassVar[str] = "top_k"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flag("shared_bias", self.shared_bias)
        check_combine(self.combine)
        if self.over not in ("all", "chosen"):
            raise ValueError(f"over: expected 'all' or 'chosen', got {self.over!r}")

    @property
    def weighs_by_share(self) -> bool:
        return self.over == "all" and self.combine == "softmax" and not self.normalizes


@ROUTERS.register("switch")
@dataclass(frozen=True, eq=False, repr=False)
class Switch(LinearScores):
    """Chooses the expert of highest score, weighted by its softmax over all experts.

    `w = max_i softmax(c x W_r)_i`. The weight is below 1, so the router has a gradient.

    Parameters
    ----------
    scale, initial_scale, noise, noise_steps
        See `TopK`.

    Raises
    ------
    ValueError, TypeError
        A number is out of range, or none.

    References
    ----------
    Fedus, Zoph, Shazeer 2022, "Switch Transformers", equations 1 and 2 with k = 1.
    """

    kind: ClassVar[str] = "switch"

    @property
    def weighs_by_share(self) -> bool:
        return True

    def experts_per_row(self, num_experts: int) -> int | None:
        return 1


@ROUTERS.register("noisy_top_k")
@dataclass(frozen=True, eq=False, repr=False)
class NoisyTopK(WeightedRouter):
    """Chooses the k experts of highest noisy score, weighted by the softmax over the chosen.

    `h = x W_r + N(0, 1) softplus(x W_n)`. The noise is drawn in training only; `W_n` starts at 0.

    Parameters
    ----------
    k : int, optional
        Experts per row; by default the layer's `k`.
    normalize : bool, optional
        Whether the softmax is over the chosen experts only; by default it is, unless k = 1.

    Raises
    ------
    ValueError
        k is below 1.
    TypeError
        k is not an integer.

    References
    ----------
    Shazeer et al. 2017, "Outrageously large neural networks", equations 3 to 5.
    """

    kind: ClassVar[str] = "noisy_top_k"

    def initializer(self, parameter: str, num_experts: int) -> Initializer:
        if parameter == "router_noise_kernel":
            return initializers.Zeros()
        return super().initializer(parameter, num_experts)


@ROUTERS.register("sigmoid_top_k")
@dataclass(frozen=True, eq=False, repr=False)
class SigmoidTopK(LinearScores, WeightedRouter):
    """Chooses the k experts of highest affinity `a_i = sigmoid((c x W_r)_i)`, weighted by a_i.

    Unlike a softmax, affinities are independent of each other. This suits many experts and
    `balance.Bias`.

    Parameters
    ----------
    k : int, optional
        Experts per row; by default the layer's `k`.
    normalize : bool, optional
        If True, a row's weights are divided by their sum; by default they are, unless k = 1.
    scale, initial_scale, noise, noise_steps
        See `TopK`.

    Raises
    ------
    ValueError
        A number is out of range.
    TypeError
        A number is none, or `normalize` is not a bool.

    References
    ----------
    DeepSeek-AI 2024, "DeepSeek-V3 technical report", equations 13 to 15.
    """

    normalize: bool | None = None

    kind: ClassVar[str] = "sigmoid_top_k"

    @property
    def weighs_by_share(self) -> bool:
        return False
