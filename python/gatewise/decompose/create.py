"""Model architectures with parallel or stacked experts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise import routers
from gatewise.experts import MLP
from gatewise.layers import Add, Dense, Input, SparseExpertLayer
from gatewise.models import Model, Sequential
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from gatewise.experts import Expert
    from gatewise.registry import Config


def create_sparse_expert_model(
    input_dim: int,
    output_dim: int,
    n_experts: int,
    arrangement: str = "parallel",
    *,
    expert: str | Expert | Config | None = None,
    hidden: int = 64,
    experts_per_layer: int = 4,
    k: int = 2,
    activation: str | None = "auto",
    name: str | None = None,
) -> Model:
    """Builds a model of `n_experts` parallel experts or `n_experts` stacked expert layers.

    "parallel": `y = f(sum_i alpha_i E_i(x) + b)`, with one learned weight per expert, the
    same for all rows. "stack": `h_0 = relu(x P + c)`, `h_i = h_{i-1} + E_i(h_{i-1})` for i from 1
    to n, `y = f(h_n V + b)`, where each E_i is a layer of top-k experts.

    Parameters
    ----------
    input_dim, output_dim : int
        Widths d and u.
    n_experts : int
        Count of parallel experts, or of stacked layers.
    arrangement : {"parallel", "stack"}
        Parallel or stacked experts, see above.
    expert : str or Expert, optional
        Kind of each expert. Default: linear in parallel, `MLP(hidden)` in a stack.
    hidden : int
        Width of h in a stack.
    experts_per_layer, k : int
        Experts of each layer of a stack, and experts per row.
    activation : str, optional
        f, of the output. "auto" is the identity, until `compile` is given a cross-entropy of
        probabilities: then softmax, or sigmoid for `binary_crossentropy`.
    name : str, optional
        Model name. Generated if omitted.

    Returns
    -------
    Model
        Built, not compiled.

    Raises
    ------
    ValueError
        A number is out of range, or the arrangement is unknown.
    TypeError
        An argument has another type.

    References
    ----------
    He et al. 2016, "Deep residual learning for image recognition", equation 1.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> model = gw.create_sparse_expert_model(8, 3, n_experts=4)
    >>> model.compile("adam", "sparse_categorical_crossentropy")
    >>> model.predict(np.ones((2, 8)), verbose=0).sum(axis=1).round(5)
    array([1., 1.], dtype=float32)
    """
    n_experts = check_integer("n_experts", n_experts, 1)
    x = Input((check_integer("input_dim", input_dim, 1),))
    if arrangement == "parallel":
        layer = SparseExpertLayer(
            output_dim,
            num_experts=n_experts,
            k=None,
            expert="linear" if expert is None else expert,
            router=routers.Static(shared_bias=True),
            activation=activation,
        )
        return Sequential([x, layer], name=name)
    if arrangement != "stack":
        raise ValueError(f"arrangement: expected 'parallel' or 'stack', got {arrangement!r}")
    h = Dense(check_integer("hidden", hidden, 1), activation="relu")(x)
    for _ in range(n_experts):
        layer = SparseExpertLayer(
            hidden,
            num_experts=experts_per_layer,
            k=k,
            expert=MLP(hidden) if expert is None else expert,
        )
        h = Add()([h, layer(h)])
    return Model(x, Dense(output_dim, activation=activation)(h), name=name)
