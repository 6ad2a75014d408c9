"""The model of top-k gating: rows find their experts by a score, and those alone compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewise import routers
from gatewise.io.saved import MODELS
from gatewise.layers import Dense, Input, MemberDense, MemberScale, SparseExpertLayer
from gatewise.layers.base import LAYERS
from gatewise.models.sequential import Sequential
from gatewise.utils.checks import check_flag, check_integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from gatewise.balance import Balance
    from gatewise.experts import Expert
    from gatewise.layers.expert_load import ExpertLoad
    from gatewise.registry import Config
    from gatewise.routers import Router

SCORES = ("router", "output_sum", "key")
_ENSEMBLE_UNITS = 64
"""`expert_units` of an ensemble, unless given."""


@MODELS.register()
class SparseExpertModel(Sequential):
    """`y = f(sum_{i in A(x)} w_i(x) E_i(x))`, A(x) the k experts of highest score `s_i(x)`.

    Scores are those of one row. The experts outside A(x) are not computed, not written and not
    updated. w is the softmax of the scores over A(x), or 1 for each of them.

    Parameters
    ----------
    num_experts : int
        E, at least 1.
    input_dim, output_dim : int
        Widths d and u of a row of x and of y.
    k : int
        Experts per row, at most E.
    expert : str or Expert
        What one expert computes: `"linear"`, `x W_i + b_i`, or an object of `gw.experts`.
    score : {"router", "output_sum", "key"}, or Router
        An object of `gw.routers`, which has a `combine` of its own, or one of three by name:
        `s = x W_r`, a learned map; `s_i = x . (W_i 1) + 1 . b_i`, the sum of a linear expert's own
        outputs, known without running it; or `s_i = <x P, e_i>`, e_i a learned key. Cosines,
        the length of keys and their temperature are settings of `gw.routers.Keys`.
    combine : {"softmax", "sum"}
        What the chosen weigh. With "sum" a learned map has no gradient from the task (see
        `gw.routers.TopK`), and keys would have none at all, which is refused.
    expert_units : int, optional
        Width of the experts' outputs where a `Dense` on top, behind a ReLU, makes the `output_dim`
        outputs from them; unless given, the experts make the outputs themselves.
    activation : str, optional
        f, of the model's last layer. "auto" is the identity, until `compile` is given a
        cross-entropy of probabilities: then softmax, or sigmoid for `binary_crossentropy`.
    balance : str, Balance, sequence of them, or None
        What keeps the load even, see `SparseExpertLayer`.
    members : int
        M. Above 1 the model is an ensemble whose members share the experts: each has its own signs
        of the inputs and its own `Dense` on top of `expert_units` outputs, 64 unless given. See
        `gw.layers.MemberScale`.
    share_experts : bool
        If False, each member has a router and `num_experts` experts of its own instead.
    seed : int, optional
        Of the first weights; the model's own unless given.
    name : str, optional
        Made unless given.

    Raises
    ------
    ValueError
        A number is out of range, a name is unknown, or score, experts, `combine` and `balance` do
        not go together.
    TypeError
        An argument is of another type.

    Notes
    -----
    Input shape `(n, d)`, output shape `(n, u)`. A row costs 2 k flops per parameter of an expert,
    and 2 d E (for keys 2 p (d + E)) for the scores. `gw.choose_experts` compares E and k.

    References
    ----------
    Shazeer et al. 2017, "Outrageously large neural networks: the sparsely-gated mixture-of-experts
    layer", equations 1 and 5.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> model = gw.SparseExpertModel(16, input_dim=8, output_dim=3, k=2, activation="softmax")
    >>> model(np.ones((5, 8))).shape
    (5, 3)
    """

    def __init__(
        self,
        num_experts: int,
        input_dim: int,
        output_dim: int,
        k: int = 2,
        expert: str | Expert | Config = "linear",
        score: str | Router = "router",
        combine: str = "softmax",
        *,
        expert_units: int | None = None,
        activation: str | None = "auto",
        balance: str | Balance | Config | Sequence[str | Balance | Config] | None = "auto",
        members: int = 1,
        share_experts: bool = True,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        check_integer("output_dim", output_dim, 1)
        members = check_integer("members", members, 1)
        scales = check_flag("share_experts", share_experts) and members > 1
        if scales and expert_units is None:
            expert_units = _ENSEMBLE_UNITS
        on_top = expert_units is not None
        layer = SparseExpertLayer(
            output_dim if expert_units is None else check_integer("expert_units", expert_units, 1),
            num_experts=num_experts,
            k=check_integer("k", k, 1),
            expert=expert,
            router=router_for(score, combine) if isinstance(score, str) else score,
            balance=balance,
            activation="relu" if on_top else activation,
            seed=seed,
            members=1 if scales else members,
        )
        layers: list[Any] = [Input((check_integer("input_dim", input_dim, 1),))]
        if scales:
            # Numbers of its own: one seed gives every layer's first parameter the same.
            layers.append(MemberScale(members, seed=None if seed is None else seed + 1))
        layers.append(layer)
        if on_top and members > 1:
            layers.append(MemberDense(output_dim, members, activation, seed=seed))
        elif on_top:
            layers.append(Dense(output_dim, activation=activation, seed=seed))
        super().__init__(layers, name=name)

    @classmethod
    def from_layer_settings(cls, config: Config) -> Self:
        model = cls.__new__(cls)
        first = config["input"]
        layers: list[Any] = [Input(tuple(first["shape"]), name=first["name"])]
        Sequential.__init__(
            model, [*layers, *map(LAYERS.get, config["layers"])], name=config["name"]
        )
        return model

    @property
    def expert_layer(self) -> SparseExpertLayer:
        """The layer of experts."""
        return next(each for each in self.layers if isinstance(each, SparseExpertLayer))

    def load(self, x: Any) -> ExpertLoad:
        """The earlier name of `expert_load`."""
        return self.expert_load(x)


def router_for(score: str, combine: str) -> Router:
    """The router of a way to score and a way to combine.

    Raises
    ------
    ValueError
        One of them is unknown, or keys are to be summed.
    """
    if score not in SCORES:
        raise ValueError(f"score: expected 'router', 'output_sum' or 'key', got {score!r}")
    if score == "output_sum":
        return routers.OutputSum(combine=combine)
    if score == "router":
        return routers.TopK(combine=combine)
    if combine != "softmax":
        raise ValueError(
            f"combine: expected 'softmax' with score 'key', for keys learn through the weights of "
            f"the chosen, got {combine!r}"
        )
    return routers.Keys()
