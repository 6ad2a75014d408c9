"""Conversion of a trained pair of dense layers into routed experts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import routers
from gatewise.data.scores import default_scoring
from gatewise.decompose.grouping import by_coactivation, by_kmeans, by_rank, interleaved
from gatewise.decompose.ranking import (
    dense_pairs,
    kernel_of,
    layer_inputs,
    ranks_of,
    unit_activity,
)
from gatewise.experts import MLP
from gatewise.layers import Dense, Input, SparseExpertLayer
from gatewise.models import Sequential
from gatewise.models.copying import copy_model, copy_weights
from gatewise.utils.checks import check_choice, check_integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatewise._core import Doubles, Floats
    from gatewise.decompose.grouping import Groups
    from gatewise.layers import Layer

METHODS = ("balanced", "importance", "kmeans", "coactivation")
_ZERO_AT_ZERO = ("relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "softsign", "linear")
"""Activations with f(0) = 0: to skip a unit has the same effect as an output of 0."""
_RIDGE = 1e-2
"""Ridge penalty of the router's fit, relative to the mean square of x; limits overfitting."""


def to_experts(
    model: Sequential,
    n_experts: int,
    method: str = "balanced",
    *,
    x: Any,
    k: int | None = None,
    layer: str | Dense | None = None,
    seed: int = 0,
) -> Sequential:
    """Splits a trained pair of dense layers into experts, of which each row uses k.

    The pair `y = g(f(x U + c) V + b)` sums over its h hidden units. They are split into E groups
    of h / E units; each group is an expert `E_i(x) = f(x U_i + c_i) V_i`, and
    `y = g(sum_{i in A(x)} E_i(x) + b)`. With k = E this equals the pair up to rounding. A(x) are
    the k experts of highest `x W_r`. W_r is fitted by ridge regression on x; the target is the
    contribution of each group, `sum_j |h_j| |V_j|` over its units.

    Parameters
    ----------
    model : Sequential
        Trained, with a `Dense` followed by another `Dense`.
    n_experts : int
        E; it divides h.
    method : {"balanced", "importance", "kmeans", "coactivation"}
        Which units form a group. "balanced": the unit of rank r by importance (by activation) goes
        to group r mod E, so that every group resembles the whole layer, and a sum of k groups the
        sum of all. "importance": units of consecutive ranks. "kmeans": units with similar weights
        `U_j`. "coactivation": units that are active in the same rows.
    x : array (n, d) or SciPy sparse matrix
        Representative rows; hidden activations on them determine groups and router.
    k : int, optional
        Experts per row. Default: a quarter of the experts, at least 1. `with_k` changes it.
    layer : str or Dense, optional
        The hidden layer. Default: the widest that can be split.
    seed : int
        Seed of k-means.

    Returns
    -------
    Sequential
        A new model, compiled like the old one, in which one `SparseExpertLayer` replaces the pair.

    Raises
    ------
    ValueError
        There is no such pair, f(0) is not 0, h is not a multiple of E, a number is out of range,
        or a name is unknown.
    ImportError
        scikit-learn is missing for "kmeans" or "coactivation"; the message names the extra.

    References
    ----------
    Zhang et al. 2022, "MoEfication: transformer feed-forward layers are mixtures of experts",
    sections 3.1 to 3.3 ("kmeans", "coactivation", and the target of the router).

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)
    >>> model = gw.Sequential([gw.Input((6,)), gw.layers.Dense(32, "relu"), gw.layers.Dense(3)])
    >>> cut = gw.decompose.to_experts(model, 8, x=x, k=8)
    >>> bool(np.allclose(cut.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5))
    True
    """
    check_choice("method", method, METHODS)
    n_experts = check_integer("n_experts", n_experts, 1)
    k = max(1, n_experts // 4) if k is None else check_integer("k", k, 1)
    first, second = _find_pair(model, layer)
    if first.units % n_experts:
        raise ValueError(
            f"n_experts: expected a divisor of the {first.units} units of {first.name}, "
            f"got {n_experts}"
        )
    inputs = layer_inputs(model, first, x)
    hidden = layer_inputs(model, second, x).astype(np.float64)
    groups = _group(first, second, hidden, method, n_experts, seed)
    experts = SparseExpertLayer(
        second.units,
        num_experts=n_experts,
        k=k,
        expert=MLP(first.units // n_experts, activation=first.activation or "linear"),
        router=routers.TopK(combine="sum", shared_bias=True),
        balance=None,  # scores are fitted, not learned
        activation=second.activation,
        name=f"{first.name}_experts",
        dtype=second.dtype_policy,
    )
    experts.build(first.input_shape)
    router = _fit_router(inputs, hidden, second, groups)
    experts.set_weights(_slice_weights(first, second, groups, router))
    at = model.layers.index(first)
    layers = [_copy(each) for each in (*model.layers[:at], *model.layers[at + 2 :])]
    cut = Sequential([Input(model.input_shape[1:]), *layers[:at], experts, *layers[at:]])
    cut.compile_from_config(model.get_compile_config())
    return cut


def with_k(model: Sequential, k: int) -> Sequential:
    """Copies a model returned by `to_experts`, with k experts per row.

    Raises
    ------
    ValueError
        The model has no expert layer, or k exceeds the expert count.
    """
    old = _expert_layer(model)
    router = routers.TopK(check_integer("k", k, 1), combine="sum", shared_bias=True)
    config = model.get_config()
    described = config["layers"][model.layers.index(old)]["config"]
    described |= {"router": routers.ROUTERS.serialize(router), "k": k}
    return copy_model(model, config)


def quality_by_share(
    model: Sequential, x: Any, y: Any, k: Sequence[int] | None = None
) -> list[tuple[int, float, float]]:
    """Scores a model returned by `to_experts` for several counts of experts per row.

    Parameters
    ----------
    model : Sequential
        From `to_experts`.
    x, y : array
        Held-out rows, and labels or targets.
    k : sequence of int, optional
        Values of k to evaluate. Default: powers of 2 up to E.

    Returns
    -------
    list of (k, share, score)
        `share` is the count of expert and router parameters used per row, divided by the count of
        parameters of the pair; `score` is accuracy for labels, else the fraction of variance
        explained.
    """
    experts = _expert_layer(model)
    count = experts.num_experts
    k_values = [2**at for at in range(count.bit_length()) if 2**at <= count] if k is None else k
    sizes = {name: each.size for name, each in experts.named_weights().items()}
    pair = sum(size for name, size in sizes.items() if name != "router_kernel")
    per_expert = pair - sizes.get("output_bias", 0)
    score = default_scoring(y)[1]
    return [
        (
            each,
            (per_expert * each / count + pair - per_expert + sizes["router_kernel"]) / pair,
            score(y, with_k(model, each).predict(x, verbose=0)),
        )
        for each in k_values
    ]


def _find_pair(model: Sequential, layer: str | Dense | None) -> tuple[Dense, Dense]:
    pairs = dense_pairs(model)
    if layer is not None:
        pairs = [pair for pair in pairs if layer in (pair[0], pair[0].name)]
    pairs = [pair for pair in pairs if (pair[0].activation or "linear") in _ZERO_AT_ZERO]
    if not pairs:
        wanted = "two Dense layers in a row" if layer is None else f"a Dense after layer {layer!r}"
        raise ValueError(
            f"model: expected a Sequential with {wanted}, the first with an activation that is 0 "
            f"at 0 ({', '.join(_ZERO_AT_ZERO)}), got none"
        )
    return max(pairs, key=lambda pair: pair[0].units)


def _group(
    first: Dense, second: Dense, hidden: Doubles, method: str, count: int, seed: int
) -> Groups:
    if method in ("balanced", "importance"):
        ranks = ranks_of(unit_activity(hidden, second))
        return interleaved(ranks, count) if method == "balanced" else by_rank(ranks, count)
    if method == "kmeans":
        return by_kmeans(first.native.get("kernel").T.astype(np.float64), count, seed)
    return by_coactivation(hidden > 0, count, seed)


def _fit_router(inputs: Any, hidden: Doubles, second: Dense, groups: Groups) -> Floats:
    """W_r `(d, E)` by ridge regression of each group's contribution to the output on x."""
    lengths = np.linalg.norm(kernel_of(second), axis=1)
    membership = (groups[:, None] == np.arange(groups.max() + 1)).astype(np.float64)
    contributions = np.abs(hidden) * lengths @ membership
    # No bias: the router has none, and a mean equal for all rows would route all rows to the same
    # experts.
    square = inputs.T @ inputs
    square = np.asarray(square.toarray() if hasattr(square, "toarray") else square, np.float64)
    square[np.diag_indices_from(square)] += _RIDGE * np.trace(square) / len(square)
    return np.linalg.solve(square, np.asarray(inputs.T @ contributions)).astype(np.float32)


def _slice_weights(first: Dense, second: Dense, groups: Groups, router: Floats) -> list[Floats]:
    """Weights in the order of a layer of MLP experts: U, c, V by expert, W_r, b."""
    order = np.argsort(groups, kind="stable")
    count = int(groups.max()) + 1
    kernel, rows = first.native.get("kernel"), second.native.get("kernel")
    bias = first.native.get("bias") if first.use_bias else np.zeros(first.units, np.float32)
    inner = kernel[:, order].reshape(len(kernel), count, -1).transpose(1, 0, 2)
    outer = rows[order].reshape(count, -1, rows.shape[1])
    last = second.native.get("bias") if second.use_bias else np.zeros(second.units, np.float32)
    return [inner, bias[order].reshape(count, -1), outer, router, last]


def _expert_layer(model: Sequential) -> SparseExpertLayer:
    for each in model.layers:
        if isinstance(each, SparseExpertLayer):
            return each
    raise ValueError(
        f"model: expected a model returned by to_experts, got {model.name} without experts"
    )


def _copy(layer: Layer) -> Layer:
    copy = type(layer).from_config(layer.get_config())
    copy.set_state(layer.get_state())
    if layer.parameters():
        copy_weights(layer, copy)
    return copy
