"""A deep stack of gated units."""

from __future__ import annotations

from collections.abc import Sequence

from gatewise.initializers import Constant
from gatewise.layers import Add, Dense, GatedExperts, Input, LayerNormalization
from gatewise.models.functional import Model
from gatewise.utils.checks import check_integer


def build_sparse_experts_model(
    input_dim: int,
    n_layers: int = 16,
    output_dim: int | None = None,
    *,
    width: int = 32,
    units: int = 8,
    groups: int | Sequence[int] | str | None = None,
    gate: str = "hard",
    open_share: float | None = None,
    activation: str | None = "auto",
    name: str | None = None,
) -> Model:
    """`h_0 = x P + c`, `h_l = h_{l-1} + sum_i u_i(norm(h_{l-1}))`, and `y = f(h_L V + b)`.

    Each layer is a `GatedExperts` that adds up its units, with a way around it; a dense layer
    combines what the last one holds. Units' scales start at 1 / L, so that all layers together
    begin as a small change to h_0.

    Parameters
    ----------
    input_dim : int
        Width d of x.
    n_layers : int
        L, layers of gated units.
    output_dim : int, optional
        Width of y; 1 unless given.
    width : int
        Width of h, and of each unit.
    units, groups, gate, open_share
        Of every layer; see `GatedExperts`.
    activation : str
        f. "auto" is the identity, until `compile` is given a cross-entropy of probabilities: then
        sigmoid for `binary_crossentropy`, else softmax.
    name : str, optional
        Made unless given.

    Returns
    -------
    Model
        Built, not compiled.

    Raises
    ------
    ValueError
        A number is out of range.
    TypeError
        An argument is of another type.

    References
    ----------
    He et al. 2016, "Deep residual learning for image recognition", equation 1; Xiong et al. 2020,
    "On layer normalization in the transformer architecture", figure 1b (the place of the norm).

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> model = gw.build_sparse_experts_model(30)
    >>> model.compile("adam", "binary_crossentropy")
    >>> model.predict(np.ones((2, 30)), verbose=0).shape
    (2, 1)
    """
    x = Input((check_integer("input_dim", input_dim, 1),))
    h = Dense(check_integer("width", width, 1))(x)
    for _ in range(check_integer("n_layers", n_layers, 1)):
        layer = GatedExperts(
            units,
            width,
            groups=groups,
            combine="sum",
            gate=gate,
            open_share=open_share,
            scale_initializer=Constant(1 / n_layers),
        )
        h = Add()([h, layer(LayerNormalization()(h))])
    outputs = 1 if output_dim is None else check_integer("output_dim", output_dim, 1)
    return Model(x, Dense(outputs, activation=activation)(h), name=name)
