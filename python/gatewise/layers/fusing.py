"""Fuses linear experts with constant weights into one dense layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gatewise.experts import Linear
from gatewise.layers.dense import Dense

if TYPE_CHECKING:
    from gatewise._core import Doubles, Floats, Labels
    from gatewise.dtype_policies import DTypePolicy
    from gatewise.experts import Expert
    from gatewise.routers import Router


class ExpertLayer(Protocol):
    """The attributes of `SparseExpertLayer` that fusing uses."""

    name: str
    units: int
    num_experts: int
    activation: str
    use_bias: bool
    expert: Expert
    router: Router

    @property
    def dtype_policy(self) -> DTypePolicy: ...
    @property
    def input_shape(self) -> Any: ...
    def named_weights(self) -> dict[str, Floats]: ...
    def routing(self, x: Any) -> tuple[Labels, Floats]: ...


def fused_dense(layer: ExpertLayer) -> Dense:
    """See `SparseExpertLayer.fuse`."""
    weights = fused_weights(layer)
    dense = Dense(
        layer.units,
        activation=layer.activation,
        use_bias=layer.use_bias,
        dtype=layer.dtype_policy,
    )
    dense.build(layer.input_shape)
    dense.set_weights(weights)
    return dense


def can_be_fused(layer: ExpertLayer) -> bool:
    """True if the experts are linear and have the same weights for every row."""
    return not layer.router.chooses and layer.expert == Linear()


def fused_weights(layer: ExpertLayer) -> list[Floats]:
    """Kernel `(d, u)` and, if the layer has a bias, bias `(u,)` of the equivalent `Dense`.

    Raises
    ------
    ValueError
        As for `SparseExpertLayer.fuse`.
    """
    if layer.router.chooses:
        raise ValueError(
            f"{layer.name}: fuse: expected a router whose weights are the same for every row "
            f"(All, Static), got {layer.router}"
        )
    if layer.expert != Linear():
        raise ValueError(f"{layer.name}: fuse: expected linear experts, got {layer.expert}")
    weights = {name: value.astype(np.float64) for name, value in layer.named_weights().items()}
    alpha = _expert_weights(layer)
    kernel = np.tensordot(alpha, weights["kernel"], axes=1)
    bias = np.zeros(layer.units)
    if "bias" in weights:
        bias += alpha @ weights["bias"]
    for name, values in weights.items():
        if name == "shared_kernel":
            kernel += values.sum(axis=0)
        elif name in ("shared_bias", "output_bias"):
            bias += values.reshape(-1, layer.units).sum(axis=0)
    return [each.astype(np.float32) for each in ([kernel, bias] if layer.use_bias else [kernel])]


def _expert_weights(layer: ExpertLayer) -> Doubles:
    """The experts' weights `(E,)`, the same for every row, with the constraint applied."""
    width = layer.input_shape[-1]
    indices, row_weights = layer.routing(np.zeros((1, width), np.float32))
    alpha = np.zeros(layer.num_experts)
    alpha[indices[0]] = row_weights[0]
    return alpha
