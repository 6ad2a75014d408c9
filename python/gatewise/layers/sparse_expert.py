"""The expert layer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from gatewise import balance, constraints, experts, initializers, regularizers, routers
from gatewise.layers.base import LAYERS, Layer, ShapeOptions
from gatewise.layers.expert_load import ExpertLoad
from gatewise.layers.fusing import fused_dense
from gatewise.layers.output_activation import OutputActivation
from gatewise.layers.storage import StoredKernels
from gatewise.layers.symbol import Shape
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_flag, check_integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self, Unpack

    from gatewise import _core
    from gatewise._core import Floats, Indices, Labels
    from gatewise.balance import Balance
    from gatewise.constraints import Constraint
    from gatewise.experts import Expert
    from gatewise.initializers import Initializer
    from gatewise.layers.dense import Dense
    from gatewise.regularizers import Regularizer
    from gatewise.routers import Router


class ExpertOptions(ShapeOptions, total=False):
    """Keyword-only arguments of `SparseExpertLayer`."""

    activity_regularizer: str | Regularizer | Config | None
    kernel_constraint: str | Constraint | Config | None
    members: int


class _DefaultInteger(int):
    """A default value that is distinguishable from the same integer passed by the caller."""


_DEFAULT_K = _DefaultInteger(2)
_SHARE_WEIGHT = 0.05
"""Weight of the default balance loss."""
_MEMBER_PREFIX = re.compile(r"^member_\d+_")


@LAYERS.register()
class SparseExpertLayer(StoredKernels, OutputActivation, Layer):
    """`y = f(sum_{i in A(x)} w_i(x) E_i(x) + sum_s S_s(x))`: a few of many experts per row.

    The router chooses the set `A(x)` of experts for each row, and their weights. Experts that no
    row chose are not read, not written and not updated. `S_s` are shared experts, which process
    every row.

    Parameters
    ----------
    units : int
        Width u of the output.
    num_experts : int
        E, at least 1.
    k : int
        Experts per row; sets the router's `k`. If both are given, they must be equal.
    expert : str or Expert
        Kind of expert: a name such as `"linear"`, or an object of `gw.experts`.
    router : str or Router
        Chooses the experts of each row: a name, or an object of `gw.routers`.
    balance : str, Balance, sequence of them, or None
        Balance terms: names or objects of `gw.balance`. "auto" is `Bias()` (`Bias(0.01)` for
        `OutputSum`); `AuxLoss(0.05)` where an expert weighs its share of all scores, as in `Switch`
        and for k = 1; and none where every row has all experts.
    shared_experts : int
        Count of additional experts of the same kind that process every row with weight 1.
    activation : str, optional
        f, applied to the combined output, or "auto", see `Dense`; an expert's own activation is
        inside `E_i`.
    use_bias : bool
        If True, experts have an output bias.
    kernel_initializer : str or Initializer
        Initial values of each expert's kernels, with the fan-in and fan-out of one expert.
    kernel_regularizer : str or Regularizer, optional
        Penalty on the experts' kernels; a step applies it to the experts that it updated.
    seed : int, optional
        Seed of the initial weights and of the router's noise; see `Layer`.
    name : str, optional
        Generated if omitted.
    **options
        `kernel_constraint`: constraint on the experts' kernels after every update, a name or an
        object of `gw.constraints`. `members`: above 1, each member of an ensemble (see
        `gw.layers.MemberScale`) has a router and `num_experts` experts of its own; arrays of
        experts are `(M E, ...)`. `trainable`, `input_shape`, `input_dim`, `dtype`: see `Layer`.

    Raises
    ------
    ValueError
        A value is out of range, k is above `num_experts` or differs from the router's k, a name is
        unknown, or `balance` is set for a router that assigns every row to every expert.
    TypeError
        An argument has the wrong type, or is not supported.

    Notes
    -----
    Input shape `(n, ..., d)`, output shape `(n, ..., u)`; for `(n, t, d)`, n t rows are routed.
    Takes SciPy CSR as a model's first layer. Forward: 2 n k flops per parameter of an expert, and
    2 n d E for the router.

    References
    ----------
    Shazeer et al. 2017, "Outrageously large neural networks: the sparsely-gated mixture-of-experts
    layer", equation 1.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> layer = gw.SparseExpertLayer(3, num_experts=4, k=2)
    >>> y = layer(np.ones((5, 8)))
    >>> indices, weights = layer.routing(np.ones((5, 8)))
    >>> y.shape, indices.shape, layer.expert_load(np.ones((5, 8))).rows.sum()
    ((5, 3), (5, 2), np.int64(10))
    """

    kind = "sparse_expert"
    follows_policy = True
    counts_rows = True

    def __init__(
        self,
        units: int,
        num_experts: int = 8,
        k: int | None = _DEFAULT_K,
        expert: str | Expert | Config = "linear",
        router: str | Router | Config = "top_k",
        balance: str | Balance | Config | Sequence[str | Balance | Config] | None = "auto",
        shared_experts: int = 0,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: str | Initializer | Config = "glorot_uniform",
        kernel_regularizer: str | Regularizer | Config | None = None,
        seed: int | None = None,
        name: str | None = None,
        **options: Unpack[ExpertOptions],
    ) -> None:
        constraint = options.pop("kernel_constraint", None)
        self.members = check_integer("members", options.pop("members", 1), 1)
        super().__init__(seed=seed, name=name, **cast("ShapeOptions", options))
        self.units = check_integer("units", units, 1)
        self.num_experts = check_integer("num_experts", num_experts, 1)
        self.expert = experts.get(expert)
        self.router = _router_with_k(routers.get(router), k, self.num_experts)
        self.router.check_expert(self.expert)
        self.balance = _balance_for(self.router, balance, self.num_experts)
        self.shared_experts = check_integer("shared_experts", shared_experts, 0)
        self._take_activation(activation)
        self.use_bias = check_flag("use_bias", use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer, "kernel_initializer")
        self.kernel_regularizer = regularizers.get(kernel_regularizer, "kernel_regularizer")
        self.kernel_constraint = constraints.get(constraint, "kernel_constraint")
        self._training_load: ExpertLoad | None = None

    @property
    def k(self) -> int | None:
        """Experts per row; None if the count varies by row."""
        return self.router.experts_per_row(self.num_experts)

    def native_options(self) -> NativeOptions:
        options: NativeOptions = {
            "units": self.units,
            "num_experts": self.num_experts,
            "activation": self.activation,
            "use_bias": self.use_bias,
            "shared_experts": self.shared_experts,
            **({"members": self.members} if self.members > 1 else {}),
            **self.expert.native_options(),
            **self.router.native_options(),
            **balance.native_options(self.balance),
            **self.products(),
        }
        return self.with_storage(options)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return (*input_shape[:-1], self.units)

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        if parameter.role == "kernel":
            return self.kernel_initializer
        if parameter.role in ("router", "alpha"):
            name = _MEMBER_PREFIX.sub("", parameter.name)
            return self.router.initializer(name, self.num_experts)
        return super().initializer_for(parameter)

    def describe(self) -> str:
        each = f"k={self.k}" if self.router.chooses else "all"
        members = "" if self.members == 1 else f"{self.members} x "
        name = Layer.describe(self)
        text = f"{name} {members}{self.num_experts} {self.expert.describe()}, {each}"
        return ", ".join(filter(None, (text, self.types())))

    def routing(self, x: Any) -> Any:
        """The experts of each row, and their weights.

        Parameters
        ----------
        x : array (n, ..., d) or SciPy sparse matrix (n, d)
            All leading axes count as rows.

        Returns
        -------
        indices : ndarray (rows, k), int32
            Sorted by descending score; ties by lower index.
        weights : ndarray (rows, k), float32
            If the count of experts varies by row, one SciPy CSR array (rows, E) of weights is
            returned in place of both. With M members all have M times the rows: those of member
            0, then those of member 1, and so on; the experts of member m are m E to (m + 1) E.

        Raises
        ------
        ValueError
            The layer is not built, or x has the wrong width.
        """
        offsets, indices, weights = self._route(x)
        if self.k is None:
            from scipy.sparse import csr_array

            experts = self.members * self.num_experts
            return csr_array((weights, indices, offsets), (len(offsets) - 1, experts))
        return indices.reshape(-1, self.k), weights.reshape(-1, self.k)

    def expert_load(self, x: Any) -> ExpertLoad:
        """The load of the experts for the rows of `x`.

        Parameters
        ----------
        x : array (n, ..., d) or SciPy sparse matrix (n, d)
            All leading axes count as rows.

        Raises
        ------
        ValueError
            The layer is not built, or x has the wrong width.
        """
        indices = self._route(x)[1]
        experts = self.members * self.num_experts
        return ExpertLoad.from_rows(np.bincount(indices, minlength=experts))

    def load(self, x: Any) -> ExpertLoad:
        """The earlier name of `expert_load`."""
        return self.expert_load(x)

    @property
    def adds_balance_loss(self) -> bool:
        """Whether a balance term is part of the training loss."""
        return any(term.is_loss for term in self.balance)

    @property
    def load_(self) -> ExpertLoad:
        """The load in the last training epoch; AttributeError before the first `fit`."""
        if self._training_load is None:
            raise AttributeError(
                f"{self.name}: load_ is available after fit; use load(x) for other data"
            )
        return self._training_load

    def set_training_load(self, rows: Indices) -> None:
        self._training_load = ExpertLoad.from_rows(rows)

    def fuse(self) -> Dense:
        """An equivalent `Dense` layer, for linear experts with the routers `All` and `Static`.

        `W = sum_i alpha_i W_i`, and the same sum for the bias.

        Returns
        -------
        Dense
            Built, with the same activation; its outputs are equal up to rounding.

        Raises
        ------
        ValueError
            The layer is not built, its router's weights depend on the row, or its experts are not
            linear.
        """
        return fused_dense(self)

    def quantize(self, kind: str, block_size: int = 64) -> Self:
        """A new layer for prediction only, with 2, 1 or half a byte a value of experts' kernels.

        See `Model.quantize`.
        """
        model = self.as_model().quantize(kind, block_size=block_size)
        layer: Any = model.layers[0]
        layer.adopt_model(model)
        return layer  # type: ignore[no-any-return]

    def get_config(self) -> Config:
        config = {
            **super().get_config(),
            "units": self.units,
            "num_experts": self.num_experts,
            "k": self.k,
            "expert": experts.EXPERTS.serialize(self.expert),
            "router": routers.ROUTERS.serialize(self.router),
            "balance": [balance.BALANCES.serialize(term) for term in self.balance] or None,
            "shared_experts": self.shared_experts,
            "activation": self.activation_setting,
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            **({"members": self.members} if self.members > 1 else {}),
        }
        return self.with_storage(config)

    def _route(self, x: Any) -> tuple[Indices, Labels, Floats]:
        from gatewise.data.csr import core_rows

        native, width = self.native, self.input_shape[-1]
        self.parameters()
        return native.routing(core_rows(x, "x", width))


def _router_with_k(router: Router, k: int | None, num_experts: int) -> Router:
    """The router with its k; ValueError if the layer's k and the router's k differ."""
    given = k is not None and not isinstance(k, _DefaultInteger)
    if given:
        k = check_integer("k", k, 0)
    router = router.with_k(int(_DEFAULT_K if k is None else k))
    router.check(num_experts)
    own = router.experts_per_row(num_experts)
    if given and k != own:
        raise ValueError(f"k: expected None or {own}, the k of router {router}, got {k}")
    return router


def _balance_for(router: Router, identifier: object, num_experts: int) -> tuple[Balance, ...]:
    if identifier == "auto":
        has_choice = router.chooses and router.experts_per_row(num_experts) != num_experts
        if not has_choice:
            return ()
        if router.weighs_by_share:
            return (balance.AuxLoss(_SHARE_WEIGHT),)
        return (balance.Bias(router.balance_rate),)
    terms = balance.get(identifier)
    if terms and not router.chooses:
        raise ValueError(
            f"balance: expected None with router {router}, which assigns every row to all experts, "
            f"got {', '.join(map(str, terms))}"
        )
    losses = [term for term in terms if not isinstance(term, balance.Bias)]
    if losses and not router.takes_losses:
        raise ValueError(
            f"balance: expected None or Bias with router {router}, because a loss on its scores "
            f"would update inactive experts, got {', '.join(map(str, losses))}"
        )
    return terms
